package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/spf13/cobra"
	orasremote "oras.land/oras-go/v2/registry/remote"
)

// signFlags are the flags of sign.
type signFlags struct {
	locator
	key, id, plugin, format string
	expiry                  time.Duration
	pluginConfig, metadata  []string
	timestamp               timestampFlags
}

func (a *app) signCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign [flags] <reference>",
		Short: "Sign artifacts",
		Long: `Sign artifacts

Example - Sign an OCI artifact under a signing profile:
  sealwright sign --plugin com.amazonaws.signer.notation.plugin --id arn:aws:signer:<region>:<account>:/signing-profiles/<name> <registry>/<repository>@<digest>

Example - Sign an OCI artifact using the default signing key:
  sealwright sign <registry>/<repository>@<digest>

Example - Sign an OCI artifact using a specified key:
  sealwright sign --key <key_name> <registry>/<repository>@<digest>
`,
		Args:    oneReference("sign"),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return f.check(a, cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.timestamp.check(cmd); err != nil {
				return err
			}
			return a.sign(a.context(cmd), &f, args[0])
		},
	}
	f.register(a, cmd)
	return cmd
}

// register adds the flags to cmd.
func (f *signFlags) register(a *app, cmd *cobra.Command) {
	a.addDebug(cmd)
	f.registryFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.key, "key", "k", "", "signing key name, for a key previously added to notation's key list. This is mutually exclusive with the --id and --plugin flags")
	flags.StringVar(&f.id, "id", "", "key id (required if --plugin is set). This is mutually exclusive with the --key flag")
	flags.StringVar(&f.plugin, "plugin", "", "signing plugin name (required if --id is set). This is mutually exclusive with the --key flag")
	flags.StringVar(&f.format, "signature-format", "", "signature envelope format, options: \"jws\", \"cose\" (default: config.json's signatureFormat, else jws)")
	flags.DurationVarP(&f.expiry, "expiry", "e", 0, "optional expiry that provides a \"best by use\" time for the artifact. The duration is specified in minutes(m) and/or hours(h). For example: 12h, 30m, 3h20m")
	flags.StringArrayVar(&f.pluginConfig, "plugin-config", nil, "{key}={value} pairs that are passed as it is to a plugin, refer plugin's documentation to set appropriate values")
	flags.StringArrayVarP(&f.metadata, "user-metadata", "m", nil, "{key}={value} pairs that are added to the signature payload")
	flags.StringVar(&f.timestamp.url, "timestamp-url", "", "RFC 3161 Timestamping Authority (TSA) server URL")
	flags.StringVar(&f.timestamp.root, "timestamp-root-cert", "", "filepath of timestamp authority root certificate")
	flags.BoolVar(&f.forceReferrersTag, "force-referrers-tag", false, "force to store signatures using the referrers tag schema")
	flags.BoolVar(&f.layout, "oci-layout", false, "[Experimental] sign the artifact stored as OCI image layout")
	cmd.MarkFlagsRequiredTogether("id", "plugin")
	cmd.MarkFlagsMutuallyExclusive("key", "id")
	cmd.MarkFlagsMutuallyExclusive("key", "plugin")
	cmd.MarkFlagsMutuallyExclusive("oci-layout", "force-referrers-tag")
	cmd.MarkFlagsRequiredTogether("timestamp-url", "timestamp-root-cert")
	hideExperimental(cmd, "oci-layout")
}

// check settles the flags before the verb runs.
func (f *signFlags) check(a *app, cmd *cobra.Command) error {
	f.settle(a, cmd)
	return a.checkExperimental(cmd, "oci-layout")
}

// sign makes a signature and pushes it beside the artifact.
func (a *app) sign(ctx context.Context, f *signFlags, reference string) error {
	signer, err := a.signer(ctx, f)
	if err != nil {
		return err
	}
	options, err := f.signOptions(ctx)
	if err != nil {
		return err
	}
	found, err := f.find(ctx, a, reference)
	if err != nil {
		return err
	}
	if found.tag != "" {
		fmt.Fprintf(a.Err, "Warning: Always sign the artifact using digest(@sha256:...) rather than a tag(:%s) because tags are mutable and a tag reference can point to a different artifact than the one signed.\n", found.tag)
	}
	options.ArtifactReference = found.descriptor.Digest.String()
	subject, signature, err := notation.SignOCI(ctx, signer, found.repository, options)
	if err := a.forgiveIndexDelete(err); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "Successfully signed %s@%s\n", found.name, subject.Digest)
	fmt.Fprintf(a.Out, "Pushed the signature to %s@%s\n", found.name, signature.Digest)
	return nil
}

// forgiveIndexDelete turns a failure to remove an outdated referrers index,
// after the signature was pushed, into a warning.
func (a *app) forgiveIndexDelete(err error) error {
	var referrers *orasremote.ReferrersError
	if !errors.As(err, &referrers) || !referrers.IsReferrersIndexDelete() {
		return err
	}
	fmt.Fprintln(a.Err, "Warning: Removal of outdated referrers index from remote registry failed. Garbage collection may be required.")
	return nil
}

// signOptions turns the flags into notation-go's.
func (f *signFlags) signOptions(ctx context.Context) (notation.SignOptions, error) {
	var options notation.SignOptions
	var err error
	if options.SignatureMediaType, err = f.mediaType(); err != nil {
		return options, err
	}
	if options.PluginConfig, err = parsePairs(f.pluginConfig, "plugin-config"); err != nil {
		return options, err
	}
	if options.UserMetadata, err = parsePairs(f.metadata, "user-metadata"); err != nil {
		return options, err
	}
	options.ExpiryDuration = f.expiry
	return options, f.timestamp.apply(ctx, &options)
}

// mediaType is the envelope's: of the flag, else of config.json, else JWS.
func (f *signFlags) mediaType() (string, error) {
	format := f.format
	if format == "" {
		settings, err := notationConfig()
		if err != nil {
			return "", err
		}
		format = strings.ToLower(settings.SignatureFormat)
	}
	switch format {
	case "", "jws":
		return jws.MediaTypeEnvelope, nil
	case "cose":
		return cose.MediaTypeEnvelope, nil
	}
	return "", fmt.Errorf("signature format %q not supported\nSupported signature envelope formats are \"jws\" and \"cose\"", format)
}
