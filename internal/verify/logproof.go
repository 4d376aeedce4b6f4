package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/notaryproject/notation-core-go/signature"

	"github.com/sealwright/sealwright/internal/translog"
)

// logProof is the type of the check that a signature is in a transparency log.
const logProof = "logProof"

// LogProofs are proofs of which each signature needs one.
type LogProofs struct {
	Trust  translog.Trust
	Proofs [][]byte
}

// check returns nil if one of the proofs is of this signature, and what is wrong
// with the last one if none is.
func (p *LogProofs) check(content *signature.EnvelopeContent) error {
	statement, err := statementOf(content)
	if err != nil {
		return err
	}
	err = errors.New("no proof was given")
	for _, proof := range p.Proofs {
		if err = p.Trust.Check(proof, statement.Entry()); err == nil {
			return nil
		}
	}
	return err
}

// statementOf is what a log's entry says of a signature. Only signatures of a
// signing service have one: they name a job.
func statementOf(content *signature.EnvelopeContent) (translog.Statement, error) {
	signer := content.SignerInfo
	if len(signer.CertificateChain) == 0 {
		return translog.Statement{}, errors.New("the signature has no certificate")
	}
	payload, leaf := sha256.Sum256(content.Payload.Content), sha256.Sum256(signer.CertificateChain[0].Raw)
	s := translog.Statement{
		SignedAt: signer.SignedAttributes.SigningTime, ExpiresAt: signer.SignedAttributes.Expiry,
		PayloadSHA256: hex.EncodeToString(payload[:]), CertificateSHA256: hex.EncodeToString(leaf[:]),
	}
	for _, attribute := range signer.SignedAttributes.ExtendedAttributes {
		switch attribute.Key {
		case "com.amazonaws.signer.signingJob":
			s.JobARN = fmt.Sprint(attribute.Value)
		case "com.amazonaws.signer.signingProfileVersion":
			s.ProfileVersionARN = fmt.Sprint(attribute.Value)
		}
	}
	if s.JobARN == "" || s.ProfileVersionARN == "" {
		return translog.Statement{}, errors.New("the signature names no signing job, so no log can have it")
	}
	return s, nil
}

// requireLogProof makes a signature that passed fail if it is not proven to be in
// a log.
func (s *Signature) requireLogProof(p *LogProofs) {
	if p == nil || s.Err != nil {
		return
	}
	if err := p.check(s.Notation.EnvelopeContent); err != nil {
		s.Err = err
		s.Checks = append(s.Checks, Check{Type: logProof, Action: "enforce", Err: err})
	}
}
