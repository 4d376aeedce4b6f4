package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

func (a *app) rootKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "root-key",
		Short: "Manage the account's root access key",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rotateRootKeyCommand())
	return cmd
}

func (a *app) rotateRootKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the root access key",
		Long: `Replace the root access key. The old key stops working at once, and with it
every registry token that was made with it; a running service need not be
restarted. Take the new key up with eval "$(sealwright env)".`,
		Args: cobra.NoArgs,
	}
	open := a.dataFlags(cmd)
	account := accountFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, settings, err := open()
		if err != nil {
			return err
		}
		return withRecords(cmd.Context(), dir, settings, func(s *access.Service, records *sqlstore.DB) error {
			root, err := s.RotateRootKeyOf(cmd.Context(), arn.AccountID(*account))
			if err != nil {
				return err
			}
			err = records.AwaitOthers(cmd.Context()) // until then a service may take the old key
			fmt.Fprintf(a.Out, "The root access key is now %s. Take it up with: %s\n", root.AccessKeyID, takeUp(settings, *account))
			return err
		})
	}
	return cmd
}

// accountFlag adds the flag that chooses one of several accounts.
func accountFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("account", "", "the `ID` of the account (default: the installation's first)")
}

// takeUp is the command that makes a shell the root user of an account.
func takeUp(settings config.Config, account string) string {
	choice := ""
	if account != "" {
		choice = " --account " + account
	}
	return `eval "$(sealwright env --data ` + shellQuote(settings.Data) + choice + `)"`
}

// withAccess is withRecords for who needs the access service only.
func withAccess(ctx context.Context, dir *datadir.Dir, settings config.Config, do func(*access.Service) error) error {
	return withRecords(ctx, dir, settings, func(s *access.Service, _ *sqlstore.DB) error { return do(s) })
}

// withRecords opens the records of a data directory, beside a running service or
// without one, and lends them and their access service to do.
func withRecords(ctx context.Context, dir *datadir.Dir, settings config.Config, do func(*access.Service, *sqlstore.DB) error) error {
	records, err := openRecords(ctx, dir, settings)
	if err != nil {
		return err
	}
	unlocked, err := opened{dir, records, settings}.unlock(ctx)
	if err != nil {
		return errors.Join(err, records.Close())
	}
	service, err := access.New(access.Options{Store: records.Access(), Sealer: unlocked.Sealer})
	if err == nil {
		err = do(service, records)
	}
	return errors.Join(err, records.Close())
}

func openRecords(ctx context.Context, dir *datadir.Dir, settings config.Config) (*sqlstore.DB, error) {
	if settings.Database != "" {
		return sqlstore.OpenPostgres(ctx, settings.Database)
	}
	endpoint, unserved := dir.Endpoint()
	if endpoint.Database {
		return nil, fmt.Errorf("the records of %s are in PostgreSQL: name the database with --database or $%s", dir.Path, config.Variable("database"))
	}
	_, err := os.Stat(dir.Records())
	if err != nil && unserved != nil {
		return nil, unserved
	}
	if err != nil { // OpenSQLite would make one
		return nil, fmt.Errorf("the records of %s are gone: restore %s from a backup (%w)", dir.Path, dir.Records(), err)
	}
	return sqlstore.OpenSQLite(ctx, dir.Records())
}
