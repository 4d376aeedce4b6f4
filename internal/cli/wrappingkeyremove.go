package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/seal"
)

func (a *app) wrappingKeyRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Have a wrapping key open the installation no more",
		Long: `Have the wrapping key with this ID open the installation no more. It takes another
that does: the one this command is given stays. Services that run are not disturbed;
at their next start they need a key that is there then. If there is no such key,
nothing is done.

Copies of the records that were made before still open with it. If somebody else may
have it, "sealwright wrapping-key reseal" is needed.`,
		Args: cobra.ExactArgs(1),
	}
	return a.runVault(cmd, func(ctx context.Context, v vault, args []string) error {
		removed, err := v.Remove(ctx, args[0])
		if errors.Is(err, seal.ErrInUse) {
			return fmt.Errorf("%w, with --key-file or --key-passphrase-file", err)
		}
		if err != nil {
			return err
		}
		if !removed {
			fmt.Fprintf(a.Out, "No wrapping key %s opens the installation: nothing is to be done.\n", args[0])
			return nil
		}
		fmt.Fprintf(a.Out, "The wrapping key %s opens the installation no more.\n", args[0])
		return nil
	})
}
