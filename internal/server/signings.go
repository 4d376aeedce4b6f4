package server

import (
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

// signPayloadOperation is how the operation is called that asks for a signature.
const signPayloadOperation = "signer:SignPayload"

// toldOfSigning counts a signature that was permitted.
func (s *Server) toldOfSigning(r signing.SignRequest, took time.Duration, err error) {
	profile, principal := string(r.Profile.Account)+"/"+r.Profile.Name, series(r.ARN)
	if err != nil {
		s.signings.Failed(profile, principal)
		return
	}
	s.signings.Signed(profile, principal, took)
}

// series is a principal as the metrics name it: a role's sessions, whose names are
// their callers' choice, count as the role.
func series(principal string) string {
	role, session := strings.LastIndex(principal, "/"), strings.Index(principal, ":assumed-role/")
	if session < 0 {
		return principal
	}
	return principal[:role]
}
