package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
)

func (a *app) caListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the CAs, and the leaves with --leaves",
		Long: `List the CAs: ID (the SHA-256 fingerprint), role, state and end.

  active     certifies signing keys now
  standby    can be made active
  external   a CA between, whose key is elsewhere
  published  a root that verifiers are to trust
  retired    no longer in service; what it signed stays good
  revoked    void, and with it what it signed`,
		Args: cobra.NoArgs,
	}
	leaves := cmd.Flags().Bool("leaves", false, "list the signing certificates as well, newest first")
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, _ []string) error {
		tell(a.Out, c.cas, c.cas.CAs...)
		if !*leaves {
			return nil
		}
		issued, err := c.Leaves(ctx)
		tell(a.Out, authority.Authorities{}, issued...)
		return err
	})
}
