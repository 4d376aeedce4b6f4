package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) caRestoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE (--identity FILE | --passphrase-file FILE)",
		Short: "Bring back the CAs and keys of a backup",
		Long: `Bring back the CAs and keys that a backup holds and that are not here. What is here
stays as it is, but that it is retired or revoked if the backup says so; so are
signing certificates revoked that the backup says are. In an absent or empty data
directory the installation gets the backup's CA instead of one of its own, so
verifiers that trust its root trust what is signed from now on. (Signatures whose jobs are not in the records read as
revoked, all the same: restore the records for those.)`,
		Args: cobra.ExactArgs(1),
	}
	identity := cmd.Flags().String("identity", "", "`FILE` with an age identity that opens the backup")
	passphrase := passphraseFlag(cmd)
	cmd.MarkFlagsOneRequired("identity", "passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("identity", "passphrase-file")
	return a.runFounding(cmd, func(ctx context.Context, c ceremony, args []string) error {
		opened, err := a.decryptFile(args[0], *identity, *passphrase)
		if err != nil {
			return err
		}
		all, err := c.Restore(ctx, c.keys, opened)
		if err != nil {
			return err
		}
		tell(a.Out, all, all.CAs...)
		return rememberRoot(ctx, c)
	})
}
