package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) caRetireCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retire CA",
		Short: "Take a root or an issuing CA out of service",
		Long: `Take the root or issuing CA with this ID out of service, for good: a root is no
longer offered to verifiers, an issuing CA can no longer be made active. What it
signed stays good wherever its root is trusted. Its key stays in the records, for
revocation lists.`,
		Args: cobra.ExactArgs(1),
	}
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		if err := c.Retire(ctx, args[0]); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "Retired: %s.\n", args[0])
		return nil
	})
}
