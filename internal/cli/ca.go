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
	cmd.AddCommand(a.caListCommand(), a.caShowCommand(), a.caRotateCommand(), a.caNewRootCommand(), a.caActivateCommand(), a.caRetireCommand(), a.caRevokeCommand())
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

// runCeremony gives cmd the flags that find an installation, and lends its
// authority to do, in whose context the operator is the actor.
func runCeremony(cmd *cobra.Command, do func(ctx context.Context, c ceremony, args []string) error) *cobra.Command {
	open := dataFlags(cmd)
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
		c, err := openCeremony(ctx, records, dir)
		if err == nil {
			err = do(ctx, c, args)
		}
		return errors.Join(err, records.Close())
	}
	return cmd
}

func openCeremony(ctx context.Context, records *sqlstore.DB, dir *datadir.Dir) (c ceremony, err error) {
	c.dir = dir
	if c.cas, err = records.Authority().Authorities(ctx); err != nil {
		return c, err
	}
	if len(c.cas.CAs) == 0 {
		return c, fmt.Errorf("there is no certificate authority in %s yet: start `sealwright serve` first", dir.Path)
	}
	region := c.cas.CAs[0].Region
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
