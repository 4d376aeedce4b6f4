package server

import (
	"context"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/witness"

	"github.com/sealwright/sealwright/internal/remote"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/translog"
)

// openLog opens the transparency log; openAudit gives it its tailer.
func (s *Server) openLog(ctx context.Context) (err error) {
	if !s.config.TransparencyLog {
		return nil
	}
	o := translog.Options{
		Store: s.records.Translog(), Keys: s.sealedKeys(), Region: s.config.Region, Read: signing.LogRecordOf, Logger: s.options.Logger,
	}
	if s.config.LogWitnessPolicy != "" {
		if err := addWitnesses(&o, s.config.LogWitnessPolicy); err != nil {
			return fmt.Errorf("log-witness-policy: %w", err)
		}
	}
	if s.log, err = translog.Open(ctx, o); err != nil {
		return err
	}
	s.work = append(s.work, s.log.Run)
	return nil
}

// addWitnesses reads who is to cosign checkpoints, and how many of them.
func addWitnesses(o *translog.Options, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	o.Policy = policy
	for url, key := range policy.Endpoints() {
		o.Witnesses = append(o.Witnesses, remote.NewWitness(url, key))
	}
	return nil
}
