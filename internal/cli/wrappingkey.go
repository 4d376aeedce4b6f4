package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/seal"
)

func (a *app) wrappingKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wrapping-key",
		Short: "Replace the key that encrypts the secrets at rest",
		Long: `Replace the key that encrypts the secrets at rest.

The secrets are sealed under a data key, and that one is wrapped under each wrapping
key that opens the installation: keys in files or in the environment, and
passphrases. Running services hold the data key and need no restart when a wrapping
key comes or goes; at their next start they need one that is there then. All but
reseal work beside a running service. Each may be interrupted at any moment.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.wrappingKeyListCommand(), a.wrappingKeyAddCommand(), a.wrappingKeyRemoveCommand(), a.wrappingKeyRotateCommand(), a.wrappingKeyResealCommand())
	return cmd
}

// vault is an installation's data key, in an operator's hands.
type vault struct {
	*seal.Unlocked
	dir *datadir.Dir
}

// runVault gives cmd the flags that find an installation, and lends its data key
// to do.
func (a *app) runVault(cmd *cobra.Command, do func(ctx context.Context, v vault, args []string) error) *cobra.Command {
	return lendRecords(cmd, a.dataFlags(cmd), openRecords, func(ctx context.Context, o opened, args []string) error {
		unlocked, err := o.unlock(ctx)
		if err != nil {
			return err
		}
		return do(ctx, vault{unlocked, o.dir}, args)
	})
}

// newKeyFlags are the flags that name a wrapping key beside the one in use.
type newKeyFlags struct{ file, passphrase string }

func (f *newKeyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "new-key-file", "", "`FILE` of the other key, made if it is not there")
	cmd.Flags().StringVar(&f.passphrase, "new-passphrase-file", "", "`FILE` whose first line is a passphrase; - for standard input")
	cmd.MarkFlagsOneRequired("new-key-file", "new-passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("new-key-file", "new-passphrase-file")
}

func (f *newKeyFlags) wrapper(a *app) (seal.Wrapper, error) {
	if f.file != "" {
		return datadir.ReadOrMakeKey(f.file)
	}
	text, err := a.readPassphrase(f.passphrase, true)
	if err != nil {
		return nil, err
	}
	return seal.NewPassphrase(text)
}

// useIt says where the service takes a key from.
func (f *newKeyFlags) useIt() string {
	if f.file != "" {
		return "--key-file " + shellQuote(f.file)
	}
	return "--key-passphrase-file " + shellQuote(f.passphrase)
}

func (a *app) wrappingKeyListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the wrapping keys that open the installation",
		Args:  cobra.NoArgs,
	}
	return a.runVault(cmd, func(ctx context.Context, v vault, _ []string) error {
		all, err := v.List(ctx)
		for _, s := range all {
			note := ""
			if s.ID == v.SlotID() {
				note = "  given now"
			}
			if s.ReplacedBy != "" {
				note += "  being replaced by " + s.ReplacedBy + ": finish with rotate"
			}
			fmt.Fprintf(a.Out, "%-27s  since %s%s\n", s.ID, s.CreatedAt.Format("2006-01-02 15:04"), note)
		}
		return err
	})
}
