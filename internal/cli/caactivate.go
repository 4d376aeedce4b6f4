package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) caActivateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "activate ISSUING-CA",
		Short: "Have signing keys certified by another issuing CA",
		Long: `Have signing keys certified by the issuing CA with this ID from now on. Replicas
follow within seconds. What was signed before stays good wherever its root is
trusted; so the old root stays in trust stores for as long as its signatures
matter, even when the service offers it no more ("sealwright ca retire").`,
		Args: cobra.ExactArgs(1),
	}
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		if err := c.Activate(ctx, args[0]); err != nil {
			return err
		}
		if err := rememberRoot(ctx, c); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "The issuing CA is now %s.\n", args[0])
		return nil
	})
}

// rememberRoot writes the fingerprint of the active CA's root where `env` and the
// next start look for it. Other replicas do so when they start.
func rememberRoot(ctx context.Context, c ceremony) error {
	if _, err := c.Bootstrap(ctx); err != nil {
		return err
	}
	if err := c.dir.SetRoot(c.RootFingerprint()); err != nil {
		return err
	}
	endpoint, err := c.dir.Endpoint()
	if err != nil {
		return nil // nobody has served from here
	}
	endpoint.Root = c.RootFingerprint()
	return c.dir.SetEndpoint(endpoint)
}
