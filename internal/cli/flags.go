package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/log"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/remote"
)

// userAgent goes into every request.
func userAgent() string { return "sealwright/" + Version }

// registryFlags are Notation's flags for reaching a registry.
type registryFlags struct {
	username, password string
	insecure           bool
}

func (f *registryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.username, "username", "u", "", "username for registry operations (default to $NOTATION_USERNAME if not specified)")
	flags.StringVarP(&f.password, "password", "p", "", "password for registry operations (default to $NOTATION_PASSWORD if not specified)")
	flags.BoolVar(&f.insecure, "insecure-registry", false, "use HTTP protocol while connecting to registries. Should be used only for testing")
}

// settle fills from the environment what no flag gave.
func (f *registryFlags) settle(a *app, cmd *cobra.Command) {
	if !cmd.Flags().Changed("username") {
		f.username = a.username
	}
	if !cmd.Flags().Changed("password") {
		f.password = a.password
	} else if f.password != "" {
		fmt.Fprintln(a.Err, "Warning: a password on the command line can be read by every user of this machine. Use --password-stdin or $NOTATION_PASSWORD.")
	}
}

// credential is the one given; a password without a user name is a token.
func (f *registryFlags) credential() auth.Credential {
	if f.username == "" {
		return auth.Credential{RefreshToken: f.password}
	}
	return auth.Credential{Username: f.username, Password: f.password}
}

// options says how to reach a registry, with saved credentials if none are
// given.
func (f *registryFlags) options(a *app) (remote.RegistryOptions, error) {
	settings, err := notationConfig()
	if err != nil {
		return remote.RegistryOptions{}, err
	}
	o := remote.RegistryOptions{
		Credential:         f.credential(),
		PlainHTTP:          f.insecure,
		InsecureRegistries: settings.InsecureRegistries,
		UserAgent:          userAgent(),
		Trace:              a.debug,
	}
	if o.Credential == auth.EmptyCredential {
		saved, err := remote.FindCredentials(configPath(dir.PathConfigFile))
		if err != nil {
			return o, fmt.Errorf("failed to get credentials store: %w", err)
		}
		o.Store = saved
	}
	return o, nil
}

// addDebug adds -d.
func (a *app) addDebug(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.debug, "debug", "d", false, "debug mode")
}

// context is cmd's, with a logger if -d was given.
func (a *app) context(cmd *cobra.Command) context.Context {
	if !a.debug {
		return cmd.Context()
	}
	return log.WithLogger(cmd.Context(), newDebugLog(a.Err))
}

// parsePairs reads the key=value pairs of a flag.
func parsePairs(pairs []string, flag string) (map[string]string, error) {
	parsed := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" || value == "" {
			return nil, fmt.Errorf("could not parse flag %s: key-value pair requires \"=\" as separator", flag)
		}
		parsed[key] = value
	}
	return parsed, nil
}

// oneReference takes the artifact's reference as the first argument.
func oneReference(verb string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("missing reference to the artifact: use `sealwright %s --help` to see what parameters are required", verb)
		}
		return nil
	}
}

// oneServer takes a registry's name as the first argument.
func oneServer(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("no hostname specified")
	}
	return nil
}

// addMaxSignatures adds the bound on how many signatures are looked at.
func addMaxSignatures(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "max-signatures", 100, "maximum number of signatures to evaluate or examine")
}

func checkMaxSignatures(limit int) error {
	if limit <= 0 {
		return fmt.Errorf("max-signatures value %d must be a positive number", limit)
	}
	return nil
}

// hideExperimental hides flags that need $NOTATION_EXPERIMENTAL=1.
func hideExperimental(cmd *cobra.Command, flags ...string) {
	if os.Getenv(envExperimental) == "1" {
		return
	}
	for _, flag := range flags {
		cmd.Flags().Lookup(flag).Hidden = true
	}
}

// checkExperimental refuses experimental flags unless they were asked for, and
// warns where they were.
func (a *app) checkExperimental(cmd *cobra.Command, flags ...string) error {
	var used []string
	for _, flag := range flags {
		if cmd.Flags().Changed(flag) {
			used = append(used, "--"+flag)
		}
	}
	if len(used) == 0 {
		return nil
	}
	if os.Getenv(envExperimental) != "1" {
		return fmt.Errorf("flag(s) %s in %q is experimental and not enabled by default. To use, please set %s=1 environment variable", strings.Join(used, ","), cmd.CommandPath(), envExperimental)
	}
	fmt.Fprintln(a.Err, "Warning: This feature is experimental and may not be fully tested or completed and may be deprecated.")
	return nil
}
