package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) caNewRootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new-root",
		Short: "Make another root, which verifiers get to know before it signs",
		Long: `Make another root, and an issuing CA under it. Nothing is signed under them yet.
From now on the service offers both roots, so "sealwright trust install" adds the
new one beside the old. When every verifier has it, "sealwright ca activate" has
signatures made under it. If such a root waits already, it is shown.`,
		Args: cobra.NoArgs,
	}
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, _ []string) error {
		root, issuing, err := c.NewRoot(ctx)
		if err != nil {
			return err
		}
		tell(a.Out, c.cas, root, issuing)
		fmt.Fprintf(a.Out, "\nHave every verifier trust the new root, beside the old one. Then:\n\n  sealwright ca activate %s\n", issuing.ID)
		return nil
	})
}
