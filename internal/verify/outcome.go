package verify

import (
	"errors"
	"strings"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/plugin/proto"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	framework "github.com/notaryproject/notation-plugin-framework-go/plugin"
	"github.com/opencontainers/go-digest"
)

// Outcome is what verifying an artifact came to.
type Outcome struct {
	Level      *trustpolicy.VerificationLevel // of the statement that applied
	Skipped    bool                           // the statement's level is skip: nothing was verified
	Signatures []Signature                    // those tried, in order; only the last can have passed
	Stopped    bool                           // there were more signatures than the limit
}

// Signature is one signature that was tried.
type Signature struct {
	Digest   digest.Digest // of its manifest
	Err      error         // why it failed; nil if it passed
	Checks   []Check       // the checks that failed, enforced or not
	Notation *notation.VerificationOutcome
}

// Check is one check that failed.
type Check struct {
	Type   string // integrity, authenticity, expiry, authenticTimestamp, revocation
	Action string // enforce, log
	Err    error
}

// Passed is the signature that passed, nil if none did.
func (o *Outcome) Passed() *Signature {
	if n := len(o.Signatures); n > 0 && o.Signatures[n-1].Err == nil {
		return &o.Signatures[n-1]
	}
	return nil
}

// Unknown reports whether the signature failed because a check could not be
// made. Such a failure must not be remembered: asking again may help.
func (s Signature) Unknown() bool { return isUnknown(s.Err) }

// Unknown reports whether no signature passed and, for at least one, a check
// could not be made.
func (o *Outcome) Unknown() bool {
	if o.Skipped || o.Passed() != nil {
		return false
	}
	for _, s := range o.Signatures {
		if s.Unknown() {
			return true
		}
	}
	return false
}

// Err joins the reasons of all signatures that failed; nil if one passed.
func (o *Outcome) Err() error {
	if o.Skipped || o.Passed() != nil {
		return nil
	}
	reasons := make([]error, 0, len(o.Signatures))
	for _, s := range o.Signatures {
		reasons = append(reasons, s.Err)
	}
	return errors.Join(reasons...)
}

// isUnknown reports whether err says that a check could not be made: a plugin
// that is not there or did not answer, a service that could not be asked, a
// trust store that cannot be read.
func isUnknown(err error) bool {
	var (
		inconclusive notation.VerificationInconclusiveError
		refused      proto.RequestError
		broken       *plugin.PluginExecutableFileError
		malformed    *plugin.PluginMalformedError
		store        truststore.TrustStoreError
		certificate  truststore.CertificateError
	)
	switch {
	case err == nil:
		return false
	case errors.As(err, &refused):
		return refused.Code != framework.ErrorCodeValidation
	case errors.As(err, &inconclusive), errors.As(err, &broken), errors.As(err, &malformed),
		errors.As(err, &store), errors.As(err, &certificate):
		return true
	}
	return strings.Contains(err.Error(), `"`+Unknown)
}
