package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) wrappingKeyAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add (--new-key-file FILE | --new-passphrase-file FILE)",
		Short: "Let another key or passphrase open the installation",
		Long: `Let another key or passphrase open the installation, beside those that do. To
replace a key that several replicas read, add the new one, have each replica start
with it, and remove the old one. If the key is one of them already, nothing is done.`,
		Args: cobra.NoArgs,
	}
	var other newKeyFlags
	other.add(cmd)
	return a.runVault(cmd, func(ctx context.Context, v vault, _ []string) error {
		with, err := other.wrapper(a)
		if err != nil {
			return err
		}
		slot, err := v.Add(ctx, with)
		if err != nil {
			return err
		}
		if slot.ID == v.SlotID() {
			fmt.Fprintf(a.Out, "The wrapping key %s is the one that was given: it opens the installation already.\n", slot.ID)
			return nil
		}
		fmt.Fprintf(a.Out, "The wrapping key %s opens the installation, too. Have the service start with %s; to replace the old one, remove it then:\n\n  sealwright wrapping-key remove %s %s\n",
			slot.ID, other.useIt(), v.SlotID(), other.useIt())
		return nil
	})
}
