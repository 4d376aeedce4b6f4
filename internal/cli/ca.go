package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/harden"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

func (a *app) caCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Replace, retire, revoke and back up the certificate authority",
		Long: `Replace, retire, revoke and back up the certificate authority.

These commands work on the records of an installation, beside its running service
or without it; no replica need be restarted. Each may be interrupted at any moment
and done again: it goes on where it stopped, and does nothing if it was done.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.caListCommand(), a.caShowCommand(), a.caCreateCommand(),
		a.caRotateCommand(), a.caNewRootCommand(), a.caActivateCommand(), a.caRetireCommand(), a.caRevokeCommand(),
		a.caCSRCommand(), a.caInstallCommand(), a.caImportCommand(),
		a.caBackupCommand(), a.caRestoreCommand(),
	)
	return cmd
}

// ceremony is the certificate authority of an installation, in an operator's
// hands.
type ceremony struct {
	*authority.Authority
	keys *authority.SealedKeys
	dir  *datadir.Dir
	cas  authority.Authorities // as they were when it began
}

// ceremonyFunc does a command's work on the authority; in its context the
// operator is the actor.
type ceremonyFunc func(ctx context.Context, c ceremony, args []string) error

// runCeremony gives cmd the flags that find an installation, and lends its
// authority to do.
func runCeremony(cmd *cobra.Command, do ceremonyFunc) *cobra.Command {
	return lendAuthority(cmd, dataFlags(cmd), openRecords, func(ctx context.Context, c ceremony, args []string) error {
		if len(c.cas.CAs) == 0 {
			return fmt.Errorf("there is no certificate authority in %s yet: start `sealwright serve` first", c.dir.Path)
		}
		return do(ctx, c, args)
	})
}

// runFounding is runCeremony for what may be the first that happens in a data
// directory: an absent or empty one is initialised, without a CA.
func runFounding(cmd *cobra.Command, do ceremonyFunc) *cobra.Command {
	open := directoryFlags(cmd, datadir.OpenOrInit, "region")
	return lendAuthority(cmd, open, func(ctx context.Context, dir *datadir.Dir, settings config.Config) (*sqlstore.DB, error) {
		if _, err := dir.Endpoint(); err != nil && dir.Root() == "" && settings.Database == "" {
			return sqlstore.OpenSQLite(ctx, dir.Records()) // nobody has been here before
		}
		return openRecords(ctx, dir, settings)
	}, do)
}

func lendAuthority(cmd *cobra.Command, open func() (*datadir.Dir, config.Config, error),
	openRecords func(context.Context, *datadir.Dir, config.Config) (*sqlstore.DB, error), do ceremonyFunc) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := harden.Process(); err != nil {
			return err
		}
		dir, settings, err := open()
		if err != nil {
			return err
		}
		records, err := openRecords(cmd.Context(), dir, settings)
		if err != nil {
			return err
		}
		ctx := journal.WithActor(cmd.Context(), operator(cmd))
		c, err := openCeremony(ctx, records, dir, settings.Region)
		if err == nil {
			err = do(ctx, c, args)
		}
		return errors.Join(err, records.Close())
	}
	return cmd
}

// openCeremony opens the authority. region is of what is made where there is no
// CA yet.
func openCeremony(ctx context.Context, records *sqlstore.DB, dir *datadir.Dir, region string) (c ceremony, err error) {
	c.dir = dir
	if c.cas, err = records.Authority().Authorities(ctx); err != nil {
		return c, err
	}
	if len(c.cas.CAs) > 0 {
		region = c.cas.CAs[0].Region
	}
	c.keys = authority.NewSealedKeys(records.AuthorityKeys(), dir.Sealer, region, nil)
	c.Authority, err = authority.New(authority.Options{
		Store: records.Authority(), Keys: c.keys, Region: region, Replica: "sealwright ca", Logger: slog.New(slog.DiscardHandler),
	})
	return c, err
}

// operator is who types this command, for the journal: a user of this machine
// who can read the data and the wrapping key.
func operator(cmd *cobra.Command) journal.Actor {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return journal.Actor{Principal: "operator/" + name + "@" + host, UserAgent: userAgent() + " " + cmd.CommandPath()}
}

// state is a word for what a CA does.
func state(all authority.Authorities, c authority.Certificate) string {
	switch {
	case !c.RevokedAt.IsZero():
		return "revoked"
	case !c.RetiredAt.IsZero():
		return "retired"
	case c.ID == all.Active:
		return "active"
	case c.Role == authority.Root:
		return "published"
	case c.Role == authority.Leaf:
		return "issued"
	case c.KeyID == "":
		return "external"
	}
	return "standby"
}

// tell prints a line about each certificate.
func tell(w io.Writer, all authority.Authorities, certificates ...authority.Certificate) {
	for _, c := range certificates {
		fmt.Fprintf(w, "%s  %-7s  %-9s  until %s\n", c.ID, c.Role, state(all, c), c.NotAfter.Format("2006-01-02 15:04"))
	}
}
