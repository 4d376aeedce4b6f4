package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/throttle"
)

// openLimits reads how often accounts may call.
func (s *Server) openLimits() error {
	limits, err := s.config.RateLimits()
	if err != nil {
		return err
	}
	if s.limits, err = throttle.New(limits, s.options.Now); err != nil {
		return fmt.Errorf("rate-limit: %w", err)
	}
	for _, c := range s.limits.Classes() {
		s.metrics.Throttled(c.Operations, c.Refused)
	}
	return nil
}

// limit bounds the calls of an operation; nil where nothing does.
func (s *Server) limit(operation string) func(arn.AccountID) time.Duration {
	class := s.limits.Class(operation)
	if class == nil {
		return nil
	}
	return class.Take
}

// checkLimits refuses a limit that no operation has asked for.
func (s *Server) checkLimits() error {
	if unused := s.limits.Unused(); len(unused) > 0 {
		return fmt.Errorf("rate-limit: there is no operation %s that is not under a closer limit: the label operation of the metrics has their names, such as signer:SignPayload, ecr:PutImage and oci:getManifest", strings.Join(unused, ", "))
	}
	return nil
}
