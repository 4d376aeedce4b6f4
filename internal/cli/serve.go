package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/footprint"
	"github.com/sealwright/sealwright/internal/harden"
	"github.com/sealwright/sealwright/internal/server"
)

const (
	envConfigFile = "SEALWRIGHT_CONFIG" // path of the configuration file
	envKey        = "SEALWRIGHT_KEY"    // the wrapping key itself

	envKeyPassphrase = "SEALWRIGHT_KEY_PASSPHRASE" // a passphrase in its place
)

func (a *app) serveCommand() *cobra.Command {
	settings := config.Default()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the registry and the signing service",
		Long: `Run the registry and the signing service on one address.

An absent or empty data directory is initialised: it gets an account, a root
access key and a certificate authority. Then, in another shell,

  eval "$(sealwright env)"

points the AWS CLI, the AWS SDKs and this program's verbs at the service.

Each setting is a flag, an environment variable (--public-url is
SEALWRIGHT_PUBLIC_URL) and a key of the YAML file that --config names.`,
		Args: cobra.NoArgs,
	}
	load := settings.Flags(cmd.Flags())
	file := cmd.Flags().String("config", "", "YAML file of settings (default: $"+envConfigFile+")")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := load(firstOf(*file, os.Getenv(envConfigFile))); err != nil {
			return err
		}
		return a.serve(cmd.Context(), settings)
	}
	return cmd
}

func (a *app) serve(ctx context.Context, settings config.Config) error {
	if err := harden.Process(); err != nil {
		return err
	}
	footprint.Grow(settings.ReadCache)
	if settings.AdminListen == "" {
		runtime.MemProfileRate = 0 // nobody can ask for it, and it takes a hundredth of the time
	}
	passphrase, err := a.takePassphrase(settings)
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, settings, server.Options{Key: takeKey(), Passphrase: passphrase, Logger: a.serviceLog(settings), Reload: hangups(settings), Stdout: a.Out})
	if err != nil {
		return err
	}
	said := a.Out
	if settings.AuditStdout {
		said = a.Err
		signal.Ignore(syscall.SIGPIPE) // whose reader goes must not end the service, but its signing
	}
	banner(said, s, settings)
	defer time.AfterFunc(started, func() { _ = footprint.GiveBack() }).Stop() // if it fails, more stays in memory
	if err := s.Run(ctx); err != nil {
		return err
	}
	fmt.Fprintln(said, "Stopped.")
	return nil
}

// started is when the start is over, and what it needed may be given back.
const started = 500 * time.Millisecond

// serviceLog is the log of the service.
func (a *app) serviceLog(settings config.Config) *slog.Logger {
	if settings.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.Err, nil))
	}
	return slog.New(slog.NewTextHandler(a.Err, nil))
}

// hangups are the signals that ask for the certificate to be read again. Where
// there is none, a hangup ends the service, as when its terminal goes.
func hangups(settings config.Config) <-chan os.Signal {
	if settings.TLSCert == "" {
		return nil
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	return asked
}

// takeKey reads the wrapping key from the environment and removes it there, so
// that no child process inherits it.
func takeKey() string {
	key := os.Getenv(envKey)
	os.Unsetenv(envKey)
	return key
}

// takePassphrase reads the passphrase that stands for a wrapping key, "" for none:
// from the environment, where it is removed, or from the file that is configured.
func (a *app) takePassphrase(settings config.Config) (string, error) {
	passphrase := os.Getenv(envKeyPassphrase)
	os.Unsetenv(envKeyPassphrase)
	if passphrase != "" || settings.KeyPassphraseFile == "" {
		return passphrase, nil
	}
	return a.readPassphrase(settings.KeyPassphraseFile, false)
}

// banner says where everything is and what to type next.
func banner(w io.Writer, s *server.Server, settings config.Config) {
	d := s.Directory()
	made := ""
	if d.New {
		made = " (new: account, root access key and certificate authority made just now)"
	}
	fmt.Fprintf(w, "Sealwright is serving.\n\n")
	fmt.Fprintf(w, "  Endpoint  %s\n", s.URL())
	fmt.Fprintf(w, "  Listening %s\n", s.Address())
	if url := s.AdminURL(); url != "" {
		fmt.Fprintf(w, "  Admin     %s/metrics and /debug/pprof: not for strangers\n", url)
	}
	fmt.Fprintf(w, "  Data      %s%s\n", d.Path, made)
	fmt.Fprintf(w, "  Root      SHA-256 %s\n", s.RootFingerprint())
	find := "--data " + shellQuote(d.Path)
	switch {
	case d.KeyInside:
		fmt.Fprintf(w, "  Key       %s: a copy of the data directory is a copy of the keys.\n            Keep it elsewhere with --key-file.\n", d.KeyPath)
	case d.KeyPath != "":
		fmt.Fprintf(w, "  Key       %s: back it up; without it the data directory is worth nothing.\n", d.KeyPath)
		find += " --key-file " + shellQuote(d.KeyPath)
	case d.Key.ID() == "":
		fmt.Fprintf(w, "  Key       a passphrase: without it the data directory is worth nothing.\n")
		if settings.KeyPassphraseFile != "" {
			find += " --key-passphrase-file " + shellQuote(settings.KeyPassphraseFile)
		}
	default:
		fmt.Fprintf(w, "  Key       from $%s\n", envKey)
	}
	fmt.Fprintf(w, "\nNext, in another shell:\n\n  eval \"$(sealwright env %s)\"\n\n", find)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
