package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/notaryproject/notation-go/dir"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/sealwright/sealwright/internal/remote"
)

// maxPassword bounds what is read as a password; tokens are a few kilobytes.
const maxPassword = 1 << 20

func (a *app) loginCommand() *cobra.Command {
	var f registryFlags
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "login [flags] <server>",
		Short: "Login to registry",
		Long: `Log in to an OCI registry

Example - Login with the password of "sealwright ecr get-login-password":
  sealwright ecr get-login-password | sealwright login --username AWS --password-stdin localhost:5000

Example - Login using $NOTATION_USERNAME $NOTATION_PASSWORD variables:
  sealwright login registry.example.com

The login is kept by the credential helper that Notation's or Docker's
config.json names. If there is none, it is kept in a file of this program that
only you can read, and which "credsStore": "sealwright" makes known to Notation
and Docker.`,
		Args: oneServer,
		PreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			f.settle(a, cmd)
			if fromStdin {
				f.password, err = readLine(a.In)
			}
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.login(a.context(cmd), &f, args[0]) },
	}
	a.addDebug(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "take the password from stdin")
	return cmd
}

// login asks the registry whether the credentials are good and keeps them.
func (a *app) login(ctx context.Context, f *registryFlags, server string) error {
	if err := interruptible(ctx, a.In, func() error { return a.promptLogin(f) }); err != nil {
		return err
	}
	store, err := remote.FindCredentials(configPath(dir.PathConfigFile))
	if err != nil {
		return fmt.Errorf("failed to get credentials store: %w", err)
	}
	options, err := f.options(a)
	if err != nil {
		return err
	}
	registry, err := remote.Registry(server, options)
	if err != nil {
		return fmt.Errorf("failed to get registry client: %w", err)
	}
	name := registry.Reference.Registry
	if err := credentials.Login(ctx, store, registry, f.credential()); err != nil {
		return fmt.Errorf("failed to log in to %s: %w", name, err)
	}
	fmt.Fprintln(a.Out, "Login Succeeded")
	if path := store.KeptIn(name); path != "" {
		fmt.Fprintf(a.Err, "No credential helper is configured: the password is kept in %s, which only you can read.\n", path)
	}
	return nil
}

// interruptible runs ask, which waits for somebody to type at in, until it is
// done or ctx ends. It leaves a terminal as it was.
func interruptible(ctx context.Context, in io.Reader, ask func() error) error {
	if file, ok := in.(*os.File); ok {
		if state, err := term.GetState(int(file.Fd())); err == nil {
			defer term.Restore(int(file.Fd()), state)
		}
	}
	done := make(chan error, 1)
	go func() { done <- ask() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// promptLogin asks for what is missing.
func (a *app) promptLogin(f *registryFlags) error {
	if f.password != "" {
		return nil
	}
	input := bufio.NewReader(a.In)
	what := "password"
	if f.username == "" {
		fmt.Fprint(a.Out, "Username: ")
		line, err := input.ReadString('\n')
		if err != nil {
			return fmt.Errorf("error reading username: %w", err)
		}
		if f.username = strings.TrimSpace(line); f.username == "" {
			what = "token"
		}
	}
	fmt.Fprintf(a.Out, "%s: ", strings.ToUpper(what[:1])+what[1:])
	password, err := a.readPassword(input)
	fmt.Fprintln(a.Out)
	if err != nil {
		return fmt.Errorf("error reading %s: %w", what, err)
	}
	if password == "" {
		return fmt.Errorf("%s required", what)
	}
	f.password = password
	return nil
}

// readPassword reads a password, unseen if someone types it.
func (a *app) readPassword(input io.Reader) (string, error) {
	if file, ok := a.In.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		typed, err := term.ReadPassword(int(file.Fd()))
		return string(typed), err
	}
	return readLine(input)
}

// readLine reads all there is and takes a line end off.
func readLine(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxPassword {
		return "", errors.New("the password is too long")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}
