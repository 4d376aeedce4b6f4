// Package verify decides whether an artifact is signed by someone its owner
// trusts, and says why if it is not: trust policy, trust store and signatures
// in, an outcome with its reasons out. The verification itself is notation-go's;
// this package keeps what that library throws away, the result of every check
// of every signature, and tells "this signature is bad" from "I could not find
// out".
//
// Source: https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md
package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Unknown begins the reason a plugin gives when a check failed because it could
// not be made, rather than because its answer was no.
const Unknown = "could not find out"

// Signatures is where an artifact's signatures are: a notation-go repository.
type Signatures interface {
	// ListSignatures calls fn with the descriptors of artifact's signatures,
	// page by page, until fn fails; it returns fn's error.
	ListSignatures(ctx context.Context, artifact ocispec.Descriptor, fn func([]ocispec.Descriptor) error) error
	// FetchSignatureBlob reads the envelope of one signature, checked against
	// its digest.
	FetchSignatureBlob(ctx context.Context, signature ocispec.Descriptor) ([]byte, ocispec.Descriptor, error)
}

// Options are a verifier's materials. The revocation validators are for
// signatures whose plugin does not check revocation itself; nil means
// notation-go's defaults.
type Options struct {
	Policy       *trustpolicy.OCIDocument
	TrustStore   truststore.X509TrustStore
	Plugins      plugin.Manager
	CodeSigning  revocation.Validator
	Timestamping revocation.Validator
}

// Verifier verifies artifacts against one trust policy. It may be used by many
// goroutines.
type Verifier struct{ notation notationVerifier }

// notationVerifier is what notation-go's verifier can do.
type notationVerifier interface {
	notation.Verifier
	SkipVerify(context.Context, notation.VerifierVerifyOptions) (bool, *trustpolicy.VerificationLevel, error)
}

// New makes a verifier. It refuses a policy that breaks the specification.
func New(o Options) (*Verifier, error) {
	v, err := verifier.NewVerifierWithOptions(o.TrustStore, verifier.VerifierOptions{
		OCITrustPolicy:                  o.Policy,
		PluginManager:                   o.Plugins,
		RevocationCodeSigningValidator:  o.CodeSigning,
		RevocationTimestampingValidator: o.Timestamping,
	})
	if err != nil {
		return nil, err
	}
	return &Verifier{v}, nil
}

// Request names an artifact and how to verify it.
type Request struct {
	Reference     string             // SCOPE@DIGEST: the scope picks the policy statement
	Artifact      ocispec.Descriptor // what the digest resolved to
	PluginConfig  map[string]string
	UserMetadata  map[string]string // must be in the signature
	MaxSignatures int               // at most so many are tried; must be positive
	LogProofs     *LogProofs        // of which a signature needs one; nil if it needs none
}

// errEnough ends the listing of signatures.
var errEnough = errors.New("enough signatures")

// Verify tries the artifact's signatures in the order they are listed until one
// passes. The error says that verification could not be done at all: no
// statement applies, no signature is there, the registry does not answer.
// That signatures were tried and failed is an outcome, not an error.
func (v *Verifier) Verify(ctx context.Context, from Signatures, req Request) (*Outcome, error) {
	opts := notation.VerifierVerifyOptions{ArtifactReference: req.Reference, PluginConfig: req.PluginConfig, UserMetadata: req.UserMetadata}
	skip, level, err := v.notation.SkipVerify(ctx, opts)
	if err != nil {
		return nil, err
	}
	outcome := &Outcome{Level: level, Skipped: skip}
	if skip {
		return outcome, nil
	}
	err = from.ListSignatures(ctx, req.Artifact, func(page []ocispec.Descriptor) error {
		return v.tryPage(ctx, from, req, opts, page, outcome)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if len(outcome.Signatures) == 0 {
		return nil, notation.SignatureRetrievalFailedError{Msg: fmt.Sprintf("no signature is associated with %q, make sure the artifact was signed successfully", req.Reference)}
	}
	return outcome, nil
}

// tryPage tries signatures until one passes or the limit is reached.
func (v *Verifier) tryPage(ctx context.Context, from Signatures, req Request, opts notation.VerifierVerifyOptions, page []ocispec.Descriptor, outcome *Outcome) error {
	for _, descriptor := range page {
		if len(outcome.Signatures) >= req.MaxSignatures {
			outcome.Stopped = true
			return errEnough
		}
		signature, err := v.try(ctx, from, req, opts, descriptor)
		if err != nil {
			return err
		}
		outcome.Signatures = append(outcome.Signatures, signature)
		if signature.Err == nil {
			return errEnough
		}
	}
	return nil
}

// try verifies one signature.
func (v *Verifier) try(ctx context.Context, from Signatures, req Request, opts notation.VerifierVerifyOptions, descriptor ocispec.Descriptor) (Signature, error) {
	envelope, layer, err := from.FetchSignatureBlob(ctx, descriptor)
	if err != nil {
		return Signature{}, notation.SignatureRetrievalFailedError{Msg: fmt.Sprintf("unable to retrieve digital signature with digest %q associated with %q from the Repository, error : %v", descriptor.Digest, opts.ArtifactReference, err)}
	}
	opts.SignatureMediaType = layer.MediaType
	result, err := v.notation.Verify(ctx, req.Artifact, envelope, opts)
	if result == nil {
		return Signature{}, err
	}
	tried := Signature{Digest: descriptor.Digest, Err: err, Checks: checks(result), Notation: result}
	tried.requireLogProof(req.LogProofs)
	return tried, nil
}

// checks are the checks that were made and failed, those that only warn too.
func checks(result *notation.VerificationOutcome) []Check {
	var failed []Check
	for _, r := range result.VerificationResults {
		if r.Error != nil {
			failed = append(failed, Check{Type: string(r.Type), Action: string(r.Action), Err: r.Error})
		}
	}
	return failed
}
