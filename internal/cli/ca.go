package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
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
func (a *app) runCeremony(cmd *cobra.Command, do ceremonyFunc) *cobra.Command {
	return lendAuthority(cmd, a.dataFlags(cmd), openRecords, func(ctx context.Context, c ceremony, args []string) error {
		if len(c.cas.CAs) == 0 {
			return fmt.Errorf("there is no certificate authority in %s yet: start `sealwright serve` first", c.dir.Path)
		}
		return do(ctx, c, args)
	})
}

// runFounding is runCeremony for what may be the first that happens in a data
// directory: an absent or empty one is initialised, without a CA.
func (a *app) runFounding(cmd *cobra.Command, do ceremonyFunc) *cobra.Command {
	open := a.directoryFlags(cmd, datadir.OpenOrInit, "region")
	return lendAuthority(cmd, open, func(ctx context.Context, dir *datadir.Dir, settings config.Config) (*sqlstore.DB, error) {
		if _, err := dir.Endpoint(); err != nil && dir.Root() == "" && settings.Database == "" {
			return sqlstore.OpenSQLite(ctx, dir.Records()) // nobody has been here before
		}
		return openRecords(ctx, dir, settings)
	}, do)
}

func lendAuthority(cmd *cobra.Command, open openDirectory, by openRecordsFunc, do ceremonyFunc) *cobra.Command {
	return lendRecords(cmd, open, by, func(ctx context.Context, o opened, args []string) error {
		c, err := openCeremony(ctx, o)
		if err != nil {
			return err
		}
		return do(ctx, c, args)
	})
}

func openCeremony(ctx context.Context, o opened) (c ceremony, err error) {
	c.dir = o.dir
	if c.cas, err = o.records.Authority().Authorities(ctx); err != nil {
		return c, err
	}
	unlocked, err := o.unlock(ctx)
	if err != nil {
		return c, err
	}
	region := o.region(c.cas)
	c.keys = authority.NewSealedKeys(o.records.AuthorityKeys(), unlocked.Sealer, region, nil)
	c.Authority, err = authority.New(authority.Options{
		Store: o.records.Authority(), Keys: c.keys, Region: region, Replica: "sealwright ca", Logger: slog.New(slog.DiscardHandler),
	})
	return c, err
}

// state is a word for what a CA does.
func state(all authority.Authorities, c authority.Certificate) string {
	switch {
	case !c.RevokedAt.IsZero():
		return "revoked"
	case !c.RetiredAt.IsZero(), c.Role == authority.Issuing && !all.InService(c):
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
