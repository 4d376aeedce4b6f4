package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) caCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make the certificate authority before the first start",
		Long: `Make a root and an issuing CA in an absent or empty data directory, as the first
"sealwright serve" would: to back them up, say, before anything is signed. If there
is a certificate authority already, it is shown.`,
		Args: cobra.NoArgs,
	}
	return a.runFounding(cmd, func(ctx context.Context, c ceremony, _ []string) error {
		if err := rememberRoot(ctx, c); err != nil {
			return err
		}
		all, err := c.Authorities(ctx)
		if err != nil {
			return err
		}
		tell(a.Out, all, all.CAs...)
		fmt.Fprintf(a.Out, "\nNext: sealwright ca backup ca.age --data %s --passphrase-file -\n", shellQuote(c.dir.Path))
		return nil
	})
}
