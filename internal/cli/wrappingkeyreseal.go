package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) wrappingKeyResealCommand() *cobra.Command {
	var other newKeyFlags
	cmd := &cobra.Command{
		Use:   "reseal (--new-key-file FILE | --new-passphrase-file FILE)",
		Short: "Seal every secret anew, with the service stopped",
		Long: `Make another data key and seal every secret anew under it, in one transaction. The
key or passphrase given is then the only one that opens the installation. This is for
when somebody may have a wrapping key and a copy of the records: what they know they
know, but what comes later stays closed to them. Stop every replica first.

If it is interrupted, the records are as they were, or all is done: then the old key
opens them no more, and the new one does.`,
		Args: cobra.NoArgs,
	}
	other.add(cmd)
	return a.runVault(cmd, func(ctx context.Context, v vault, _ []string) (err error) {
		unlock, err := v.dir.Lock()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		with, err := other.wrapper(a)
		if err != nil {
			return err
		}
		if err := v.Reseal(ctx, with); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "Every secret is sealed anew. Start the service with %s.\n", other.useIt())
		return nil
	})
}
