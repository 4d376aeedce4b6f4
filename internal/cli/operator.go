package cli

import (
	"context"
	"errors"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// opened is an installation in an operator's hands.
type opened struct {
	dir      *datadir.Dir
	records  *sqlstore.DB
	settings config.Config
}

type (
	openDirectory   = func() (*datadir.Dir, config.Config, error)
	openRecordsFunc = func(context.Context, *datadir.Dir, config.Config) (*sqlstore.DB, error)
)

// lendRecords has cmd open an installation and lend it to do, in whose context the
// operator is the actor.
func lendRecords(cmd *cobra.Command, open openDirectory, by openRecordsFunc, do func(ctx context.Context, o opened, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, settings, err := open()
		if err != nil {
			return err
		}
		records, err := by(cmd.Context(), dir, settings)
		if err != nil {
			return err
		}
		ctx := journal.WithActor(cmd.Context(), operator(cmd))
		return errors.Join(do(ctx, opened{dir, records, settings}, args), records.Close())
	}
	return cmd
}

// unlock opens the data key of an installation.
func (o opened) unlock(ctx context.Context) (*seal.Unlocked, error) {
	cas, err := o.records.Authority().Authorities(ctx)
	if err != nil {
		return nil, err
	}
	return seal.Unlock(ctx, seal.Options{Slots: o.records.Slots(), Region: o.region(cas)}, o.dir.Key)
}

// region is that of the installation's CAs; the configured one before it has any.
func (o opened) region(cas authority.Authorities) string {
	if len(cas.CAs) > 0 {
		return cas.CAs[0].Region
	}
	return o.settings.Region
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
