// Package cli is the program's command line: one verb, one file. The verbs that
// Notation has keep its names, flags, files, texts on standard output and exit
// codes, so that scripts written for it keep working; what we say beyond that
// goes to standard error. No verb exits the process: errors travel to main.
//
// Source: https://github.com/notaryproject/notation/tree/main/specs/commandline
package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/notaryproject/notation-go/config"
	"github.com/notaryproject/notation-go/dir"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/cli/awsverbs"
)

// IO is where a command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// System is the process's own standard streams.
func System() IO { return IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }

// app is what all verbs of one command line share.
type app struct {
	IO
	username, password string // from the environment, which no longer has them
	debug              bool
}

// New makes the root command. Execute returns the first error, unprinted;
// main prints it as "Error: …" and exits with 1.
func New(streams IO) *cobra.Command {
	root := newRoot(streams)
	root.AddCommand(awsverbs.Commands()...)
	return root
}

// newRoot makes the root command without the verbs of the AWS services. These
// take more time and memory to make than all others, and a service would hold
// what it took for as long as it runs.
func newRoot(streams IO) *cobra.Command {
	a := &app{IO: streams, username: os.Getenv(envUsername), password: os.Getenv(envPassword)}
	root := &cobra.Command{
		Use:               "sealwright",
		Short:             "Sealwright - a registry, a signing service and the client that trusts them",
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.takeEnvironment() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(a.serviceCommands()...)
	root.AddCommand(a.clientCommands()...)
	root.AddCommand(a.awsCommands()...)
	return root
}

// serviceCommands are the verbs that run a service or work on its data.
func (a *app) serviceCommands() []*cobra.Command {
	return []*cobra.Command{a.quickstartCommand(), a.serveCommand(), a.envCommand(), a.rootKeyCommand(), a.accountCommand(), a.auditCommand(), a.caCommand(), a.wrappingKeyCommand(), a.logCommand()}
}

// clientCommands are the verbs that talk to a registry and to the Signer API.
func (a *app) clientCommands() []*cobra.Command {
	return []*cobra.Command{
		a.loginCommand(), a.logoutCommand(),
		a.signCommand(), a.verifyCommand(), a.listCommand(), a.inspectCommand(),
		a.trustCommand(), a.pluginCommand(), a.versionCommand(),
	}
}

// awsCommands are the operations of the AWS APIs, and beside them what only this
// service can do.
func (a *app) awsCommands() []*cobra.Command {
	commands := awsverbs.Commands()
	for _, c := range commands {
		if c.Name() == "signer" {
			c.AddCommand(a.signerProveCommand())
		}
	}
	return commands
}

// Fail prints err as Notation does and returns the exit code for it.
func Fail(streams IO, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(streams.Err, "Error: %v\n", err)
	return 1
}

// The environment Notation's commands take credentials and directories from.
const (
	envUsername     = "NOTATION_USERNAME"
	envPassword     = "NOTATION_PASSWORD"
	envConfig       = "NOTATION_CONFIG"
	envCache        = "NOTATION_CACHE"
	envLibexec      = "NOTATION_LIBEXEC"
	envExperimental = "NOTATION_EXPERIMENTAL"
)

// takeEnvironment removes the credentials from the environment, so that no
// plugin inherits them, and points notation-go at the configured directories.
func (a *app) takeEnvironment() error {
	os.Unsetenv(envUsername)
	os.Unsetenv(envPassword)
	dir.UserConfigDir = os.Getenv(envConfig)
	dir.UserCacheDir = os.Getenv(envCache)
	dir.UserLibexecDir = os.Getenv(envLibexec)
	return nil
}

// notationConfig reads config.json; a missing file is an empty configuration.
func notationConfig() (*config.Config, error) {
	c, err := config.LoadConfig()
	if err != nil {
		return nil, fmt.Errorf("failed to load config file: %w", err)
	}
	return c, nil
}

// configPath is the path of a file in Notation's configuration directory.
func configPath(name string) string {
	path, _ := dir.ConfigFS().SysPath(name) // never fails
	return path
}
