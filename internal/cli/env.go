package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/harden"
)

func (a *app) envCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the environment that points AWS clients at the service",
		Long: `Print shell commands that point the AWS CLI, the AWS SDKs and this program's
verbs at the service that last served from the data directory:

  eval "$(sealwright env)"

They carry the account's root access key: whoever reads them is root.
AWS CLIs before 2.13 do not know AWS_ENDPOINT_URL and would take the key to AWS:
give those --endpoint-url "$AWS_ENDPOINT_URL" with every command.`,
		Args: cobra.NoArgs,
	}
	open := a.dataFlags(cmd)
	account := accountFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, settings, err := open()
		if err != nil {
			return err
		}
		return a.printEnvironment(cmd.Context(), dir, settings, arn.AccountID(*account))
	}
	return cmd
}

func (a *app) printEnvironment(ctx context.Context, dir *datadir.Dir, settings config.Config, account arn.AccountID) error {
	endpoint, err := dir.Endpoint()
	if err != nil {
		return err
	}
	var root access.Credentials
	err = withAccess(ctx, dir, settings, func(s *access.Service) (err error) {
		root, err = s.RootCredentialsOf(ctx, account)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "# Root certificate SHA-256: %s\n", endpoint.Root)
	for _, v := range variables(endpoint, account, root) {
		fmt.Fprintf(a.Out, "export %s=%s\n", v[0], shellQuote(v[1]))
	}
	fmt.Fprintf(a.Out, "unset %s\n", strings.Join(unsetVariables, " "))
	return nil
}

// unsetVariables would send clients elsewhere, or as somebody else. Some have
// an older name that clients still read. A web identity comes after the key in
// the chains of the SDKs for Go and Python, and would come into force where the
// key is dropped; the time at which another key ends counts for ours in Python.
var unsetVariables = []string{
	"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_ENDPOINT_URL_SIGNER", "AWS_ENDPOINT_URL_SIGNER_DATA", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_CLOUDTRAIL",
}

// variables is the environment of a client of the endpoint, in order. Where the
// endpoint's host names an account, the registry's names the one asked for.
func variables(e datadir.Endpoint, account arn.AccountID, root access.Credentials) [][2]string {
	registry := e.URL
	if u, err := url.Parse(e.URL); err == nil {
		registry = u.Host
	}
	if account != "" {
		registry = arn.WithAccount(registry, account)
	}
	return [][2]string{
		{"AWS_ACCESS_KEY_ID", root.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", root.Secret},
		{"AWS_REGION", e.Region},
		{"AWS_DEFAULT_REGION", e.Region},
		{"AWS_ENDPOINT_URL", e.URL},
		{"AWS_ENDPOINT_URL_STS", e.URL},                  // without it the SDK for Go begins sessions of roles at Amazon
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"}, // true, here or in ~/.aws/config, takes the keys to AWS
		{"AWS_DISABLE_HOST_PREFIX_INJECTION", "true"},
		{"SEALWRIGHT_REGISTRY", registry},
	}
}

// dataFlags gives cmd the flags that find an installation's data, and returns
// how to open it once they are parsed.
func (a *app) dataFlags(cmd *cobra.Command) (open func() (*datadir.Dir, config.Config, error)) {
	return a.directoryFlags(cmd, datadir.Open)
}

// directoryFlags is dataFlags with another way to open, and further settings. What
// opens a directory reads keys, so from then on nobody else reads this process.
func (a *app) directoryFlags(cmd *cobra.Command, by func(datadir.Options) (*datadir.Dir, error), further ...string) (open func() (*datadir.Dir, config.Config, error)) {
	settings := config.Default()
	load := settings.Flags(cmd.Flags(), append([]string{"data", "key-file", "key-passphrase-file", "database"}, further...)...)
	file := cmd.Flags().String("config", "", "YAML file of settings (default: $"+envConfigFile+")")
	return func() (*datadir.Dir, config.Config, error) {
		if err := harden.Process(); err != nil {
			return nil, settings, err
		}
		if err := load(firstOf(*file, os.Getenv(envConfigFile))); err != nil {
			return nil, settings, err
		}
		passphrase, err := a.takePassphrase(settings)
		if err != nil {
			return nil, settings, err
		}
		dir, err := by(datadir.Options{Path: settings.Data, KeyFile: settings.KeyFile, Key: takeKey(), Passphrase: passphrase})
		return dir, settings, err
	}
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+=@%,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
