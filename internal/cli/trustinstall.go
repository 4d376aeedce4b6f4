package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ownerfile"
	"github.com/sealwright/sealwright/internal/remote"
	"github.com/sealwright/sealwright/internal/signerplugin"
	"github.com/sealwright/sealwright/internal/verify"
)

// The trust store of the signing service's roots, as Amazon's guide names it.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/image-verification.html
const (
	trustStoreType = "signingAuthority"
	trustStoreName = "aws-signer-ts"
)

// legacyPolicy is the name trust policies had before there were others than
// for OCI artifacts. Notation of every version reads it.
const legacyPolicy = "trustpolicy.json"

// trustFlags are the flags of trust install.
type trustFlags struct {
	profiles, scopes             []string
	rootFile, rootHash, endpoint string
}

func (a *app) trustInstallCommand() *cobra.Command {
	var f trustFlags
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Trust what a signing profile signs",
		Long: `Trust what a signing profile signs

Puts the signing service's root certificate, or both while it replaces its root,
into the trust store signingAuthority:aws-signer-ts and a statement at level strict into the trust
policy. Nothing that is there is overwritten: a statement for the same scopes
gets the profiles added; a scope that another statement owns is refused.

Over plain HTTP to another machine the root needs a witness: give it with
--root, or its fingerprint, as "sealwright env" prints it, with --root-sha256.

Example - Trust a profile for all repositories:
  sealwright trust install --profile arn:aws:signer:us-east-1:111122223333:/signing-profiles/ecr_signing_profile

Example - Trust two profiles for one repository:
  sealwright trust install --profile <arn> --profile <arn> --scope localhost:5000/curl
`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.trustInstall(a.context(cmd), &f) },
	}
	a.addDebug(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.profiles, "profile", nil, "ARN of a signing profile, or of one version of it, to trust (repeatable)")
	flags.StringArrayVar(&f.scopes, "scope", []string{verify.AnyScope}, "REGISTRY/REPOSITORY the trust is for (repeatable); * is all that no other statement names")
	flags.StringVar(&f.rootFile, "root", "", "file with the root certificate, PEM or DER, instead of asking the service for it")
	flags.StringVar(&f.rootHash, "root-sha256", "", "SHA-256 fingerprint the root certificate must have, in hex")
	flags.StringVar(&f.endpoint, "endpoint", "", "URL of the service (default: $AWS_ENDPOINT_URL_SIGNER, $AWS_ENDPOINT_URL or the shared AWS configuration)")
	cmd.MarkFlagRequired("profile")
	cmd.MarkFlagsMutuallyExclusive("root", "root-sha256")
	cmd.MarkFlagsMutuallyExclusive("root", "endpoint")
	return cmd
}

// trustInstall adds the root and the statement. The policy is checked before
// anything is written and written last, so that it never names a store without
// its root.
func (a *app) trustInstall(ctx context.Context, f *trustFlags) error {
	if err := checkProfiles(f.profiles); err != nil {
		return err
	}
	roots, err := f.roots(ctx)
	if err != nil {
		return err
	}
	logKey := f.logKey(ctx)
	unlock, err := ownerfile.Lock(configPath(legacyPolicy))
	if err != nil {
		return err
	}
	defer unlock()
	path := policyPath()
	policy, err := readPolicy(path)
	if err != nil {
		return err
	}
	grant := verify.Grant{Scopes: f.scopes, Identities: f.profiles, Store: trustStoreType + ":" + trustStoreName}
	policy, granted, err := grant.AddTo(policy)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	stored := make([]string, len(roots))
	for i, root := range roots {
		if stored[i], err = addRoot(root); err != nil {
			return err
		}
	}
	if err := writePolicy(path, policy); err != nil {
		return err
	}
	for i, root := range roots {
		fmt.Fprintf(a.Out, "Root certificate %s\n  is in %s\n", fingerprint(root), stored[i])
	}
	a.reportTrust(path, granted)
	return a.trustLogOf(logKey)
}

// logKey asks the service for the key of its transparency log; "" where it has
// none, or where nobody vouches for what comes over the network.
func (f *trustFlags) logKey(ctx context.Context) string {
	service, err := serviceURL(ctx, f.endpoint)
	if f.rootFile != "" || err != nil || service.Scheme != "https" && !remote.IsLoopback(service.Host) {
		return ""
	}
	key, err := remote.NewLog(service).Key(ctx)
	if err != nil {
		return ""
	}
	return key
}

// trustLogOf adds a log's key, if there is one, to those that proofs are checked
// with.
func (a *app) trustLogOf(key string) error {
	if key == "" {
		return nil
	}
	path, err := trustLog(key)
	if err == nil {
		fmt.Fprintf(a.Out, "Transparency log key %s\n  is in %s\n", key, path)
	}
	return err
}

// checkProfiles refuses identities that the plugin would never match.
func checkProfiles(profiles []string) error {
	for _, profile := range profiles {
		parsed, err := arn.Parse(profile)
		if err == nil {
			if _, _, ok := parsed.AsSigningProfile(); ok && parsed.Region != "" && parsed.Account != "" {
				continue
			}
		}
		return fmt.Errorf("%.200q is not the ARN of a signing profile: want arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME%s", profile, signerplugin.Misspelling(profile))
	}
	return nil
}

// roots reads the root certificates from where the flags say. A service has more
// than one while it replaces its root.
func (f *trustFlags) roots(ctx context.Context) ([]*x509.Certificate, error) {
	if f.rootFile != "" {
		data, err := os.ReadFile(f.rootFile)
		if err != nil {
			return nil, err
		}
		return parseRoots(f.rootFile, data)
	}
	client, err := remote.NewSigner(ctx, remote.SignerOptions{Endpoint: f.endpoint, UserAgent: userAgent()})
	if err != nil {
		return nil, err
	}
	if err := f.checkTransport(client); err != nil {
		return nil, err
	}
	data, err := remote.FetchRoot(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("fetch the root certificate: %w", err)
	}
	roots, err := parseRoots("the service's root certificate", data)
	if err != nil {
		return nil, err
	}
	return f.matching(roots)
}

// checkTransport refuses to take a root's word for itself from another machine
// over plain HTTP.
func (f *trustFlags) checkTransport(client *signer.Client) error {
	endpoint, err := remote.Endpoint(client)
	if err != nil {
		return err
	}
	if endpoint.Scheme == "https" || remote.IsLoopback(endpoint.Host) || f.rootHash != "" {
		return nil
	}
	return fmt.Errorf("%s is plain HTTP to another machine, where anyone on the way could put in a root of their own: give the root's fingerprint with --root-sha256 (\"sealwright env\" on the service's machine prints it), or the root itself with --root", endpoint.Redacted())
}

// matching returns the root with the fingerprint given, or all if none was.
func (f *trustFlags) matching(roots []*x509.Certificate) ([]*x509.Certificate, error) {
	if f.rootHash == "" {
		return roots, nil
	}
	want := strings.ToLower(strings.ReplaceAll(f.rootHash, ":", ""))
	var got []string
	for _, root := range roots {
		if fingerprint(root) == want {
			return []*x509.Certificate{root}, nil
		}
		got = append(got, fingerprint(root))
	}
	return nil, fmt.Errorf("the service's root certificate has SHA-256 fingerprint %s, not %.100s: nothing was installed", strings.Join(got, " or "), want)
}

// policyPath is the trust policy in use: trustpolicy.oci.json where there is
// one, else trustpolicy.json.
func policyPath() string {
	if path := configPath(dir.PathOCITrustPolicy); exists(path) {
		return path
	}
	return configPath(legacyPolicy)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readPolicy reads the policy at path, nil if there is none.
func readPolicy(path string) (*trustpolicy.OCIDocument, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	policy, err := verify.ParsePolicy(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return policy, nil
}

func writePolicy(path string, policy *trustpolicy.OCIDocument) error {
	data, err := json.MarshalIndent(policy, "", "    ")
	if err != nil {
		return err
	}
	return ownerfile.Write(path, append(data, '\n'))
}

// reportTrust says what is trusted now.
func (a *app) reportTrust(path string, granted verify.Granted) {
	switch {
	case granted.New:
		fmt.Fprintf(a.Out, "Trust policy statement %q added to %s:\n", granted.Statement, path)
	case len(granted.Added) > 0:
		fmt.Fprintf(a.Out, "Trust policy statement %q in %s now also trusts:\n", granted.Statement, path)
	default:
		fmt.Fprintf(a.Out, "Trust policy statement %q in %s already trusts all of them\n", granted.Statement, path)
	}
	for _, identity := range granted.Added {
		fmt.Fprintf(a.Out, "  %s\n", identity)
	}
	for _, note := range slices.Compact(granted.Notes) {
		fmt.Fprintf(a.Err, "Note: %s.\n", note)
	}
}
