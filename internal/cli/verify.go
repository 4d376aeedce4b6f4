package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/notaryproject/notation-core-go/revocation/purpose"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/remote"
	"github.com/sealwright/sealwright/internal/verify"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	locator
	pluginConfig, metadata []string
	scope                  string
	maxSignatures          int
	logProofs              []string
	logKeys, logPolicy     string
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [reference]",
		Short: "Verify OCI artifacts",
		Long: `Verify OCI artifacts

Prerequisite: a trusted root and a trust policy, as "sealwright trust install" makes them.

Example - Verify a signature on an OCI artifact identified by a digest:
  sealwright verify <registry>/<repository>@<digest>

Example - Verify a signature on an OCI artifact identified by a tag  (the tag is resolved to a digest):
  sealwright verify <registry>/<repository>:<tag>
`,
		Args: oneReference("verify"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			f.settle(a, cmd)
			return a.checkExperimental(cmd, "oci-layout", "scope")
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(a.context(cmd), &f, args[0]) },
	}
	f.register(a, cmd)
	return cmd
}

// register adds the flags to cmd.
func (f *verifyFlags) register(a *app, cmd *cobra.Command) {
	a.addDebug(cmd)
	f.registryFlags.add(cmd)
	addMaxSignatures(cmd, &f.maxSignatures)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.pluginConfig, "plugin-config", nil, "{key}={value} pairs that are passed as it is to a plugin, if the verification is associated with a verification plugin, refer plugin documentation to set appropriate values")
	flags.StringArrayVarP(&f.metadata, "user-metadata", "m", nil, "user defined {key}={value} pairs that must be present in the signature for successful verification if provided")
	flags.BoolVar(&f.layout, "oci-layout", false, "[Experimental] verify the artifact stored as OCI image layout")
	flags.StringVar(&f.scope, "scope", "", "[Experimental] set trust policy scope for artifact verification, required and can only be used when flag \"--oci-layout\" is set")
	flags.StringArrayVar(&f.logProofs, "require-log-proof", nil, "file with a proof, as \"sealwright signer prove\" makes it, that the signature is in a transparency log (repeatable: a signature needs one of them)")
	flags.StringVar(&f.logKeys, "log-key", "", "file with the keys of the transparency logs that are trusted, one a line (default: what \"sealwright trust install\" wrote)")
	flags.StringVar(&f.logPolicy, "log-witness-policy", "", "file with the policy that says which witnesses must have cosigned the proof's checkpoint")
	cmd.MarkFlagsRequiredTogether("oci-layout", "scope")
	hideExperimental(cmd, "oci-layout", "scope")
}

// verify verifies an artifact and reports.
func (a *app) verify(ctx context.Context, f *verifyFlags, reference string) error {
	if err := checkMaxSignatures(f.maxSignatures); err != nil {
		return err
	}
	verifier, err := newVerifier()
	if err != nil {
		return err
	}
	req, err := f.request()
	if err != nil {
		return err
	}
	found, err := f.find(ctx, a, reference)
	if err != nil {
		return err
	}
	a.warnOfTag("verify", found)
	req.Artifact, req.Reference = found.descriptor, found.reference()
	if f.scope != "" {
		req.Reference = f.scope + "@" + found.descriptor.Digest.String()
	}
	outcome, err := verifier.Verify(ctx, found.repository, req)
	if err != nil {
		return explainFailure(err)
	}
	return a.reportVerification(outcome, found)
}

// request turns the flags into a request.
func (f *verifyFlags) request() (req verify.Request, err error) {
	req.MaxSignatures = f.maxSignatures
	if req.PluginConfig, err = parsePairs(f.pluginConfig, "plugin-config"); err != nil {
		return req, err
	}
	if req.UserMetadata, err = parsePairs(f.metadata, "user-metadata"); err != nil {
		return req, err
	}
	req.LogProofs, err = f.proofs()
	return req, err
}

// newVerifier makes a verifier from Notation's directories.
func newVerifier() (*verify.Verifier, error) {
	policy, err := trustpolicy.LoadOCIDocument()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, howToTrust)
	}
	verifier, err := verify.New(verify.Options{
		Policy:       policy,
		TrustStore:   truststore.NewX509TrustStore(dir.ConfigFS()),
		Plugins:      plugins(),
		CodeSigning:  remote.NewRevocationValidator(purpose.CodeSigning, crlCache()),
		Timestamping: remote.NewRevocationValidator(purpose.Timestamping, crlCache()),
	})
	if err != nil {
		return nil, fmt.Errorf("%w\nThe trust policy is in %s", err, policyPath())
	}
	return verifier, nil
}

// howToTrust says what to do without a usable trust policy.
const howToTrust = "To trust what a signing profile signs, run: sealwright trust install --profile arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME"

// explainFailure puts an error of verification into Notation's words and says
// what to do about it.
func explainFailure(err error) error {
	var (
		store       truststore.TrustStoreError
		certificate truststore.CertificateError
		noPolicy    notation.NoApplicableTrustPolicyError
	)
	switch {
	case errors.As(err, &store):
		return explainTrustStore(err, store, store.InnerError)
	case errors.As(err, &certificate):
		return explainTrustStore(err, certificate, certificate.InnerError)
	case errors.As(err, &noPolicy):
		return fmt.Errorf("signature verification failed: %w\n%s", err, howToTrust)
	}
	return fmt.Errorf("signature verification failed: %w", err)
}

func explainTrustStore(err, what, inner error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w. Use command 'sealwright trust install' to put a trusted root into the trust store", what)
	}
	return fmt.Errorf("%w. %w", what, inner)
}
