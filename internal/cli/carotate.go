package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) caRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate ISSUING-CA",
		Short: "Replace the issuing CA by another under the same root",
		Long: `Replace the issuing CA with this ID, which "sealwright ca list" shows as active,
by another under the same root. Replicas get their signing certificates from the
new one within seconds; those of the old one, and what they signed, stay good.
Verifiers need do nothing. If that CA is active no more, nothing is done.`,
		Args: cobra.ExactArgs(1),
	}
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		active, err := c.Rotate(ctx, args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "The issuing CA is now %s, until %s.\n", active.ID, active.NotAfter.Format("2006-01-02"))
		return nil
	})
}
