package cli

import (
	"fmt"
	"os"

	"github.com/transparency-dev/formats/witness"

	"github.com/sealwright/sealwright/internal/translog"
	"github.com/sealwright/sealwright/internal/verify"
)

// proofs reads the proofs that the flags name and what they are checked with; nil
// if none is required.
func (f *verifyFlags) proofs() (*verify.LogProofs, error) {
	if len(f.logProofs) == 0 {
		return nil, nil
	}
	keys, err := readLogKeys(f.logKeys)
	if err != nil {
		return nil, err
	}
	p := &verify.LogProofs{Trust: translog.Trust{Logs: keys}}
	if f.logPolicy != "" {
		text, err := os.ReadFile(f.logPolicy)
		if err != nil {
			return nil, err
		}
		if p.Trust.Policy, err = witness.ParsePolicy(text); err != nil {
			return nil, fmt.Errorf("%s: %w", f.logPolicy, err)
		}
	}
	for _, file := range f.logProofs {
		proof, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p.Proofs = append(p.Proofs, proof)
	}
	return p, nil
}
