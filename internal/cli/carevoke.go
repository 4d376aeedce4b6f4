package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
)

func (a *app) caRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke CERTIFICATE",
		Short: "Void a signing certificate or a CA, and all that it signed",
		Long: `Void a certificate, named by its ID or by its certificate hash, and all below it.
When this returns, no replica signs with it any more, GetRevocationStatus names
it, and it is on the revocation list of its issuer. All its signatures are void,
also those made before. It cannot be undone.

A replica whose signing certificate is revoked makes another, and nobody notices.
If the active issuing CA is revoked, nothing is signed until there is another:
"sealwright ca rotate" makes one. If its root is, make a new root.`,
		Args: cobra.ExactArgs(1),
	}
	names := strings.Join(slices.Sorted(maps.Keys(authority.Reasons)), ", ")
	reason := cmd.Flags().String("reason", "unspecified", "why: "+names)
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		why, known := authority.Reasons[*reason]
		if !known {
			return fmt.Errorf("there is no reason %q: it is one of %s", *reason, names)
		}
		revoked, again, err := c.Revoke(ctx, args[0], why)
		if err != nil {
			return err
		}
		if again {
			fmt.Fprintf(a.Out, "Revoked before: %s %s.\n", revoked.Role, revoked.ID)
		} else {
			fmt.Fprintf(a.Out, "Revoked: %s %s.\n", revoked.Role, revoked.ID)
		}
		a.nextAfterRevocation(c.cas, revoked)
		return nil
	})
}

// nextAfterRevocation says what to do when nothing is signed any more.
func (a *app) nextAfterRevocation(all authority.Authorities, revoked authority.Certificate) {
	switch {
	case !all.Above(all.Active, revoked.ID):
	case revoked.ID != all.Active: // but above it: nothing below it can be made
		fmt.Fprintf(a.Out, "Nothing is signed now: make a new root with `sealwright ca new-root`, and activate its issuing CA.\n")
	default:
		fmt.Fprintf(a.Out, "Nothing is signed now: make another issuing CA with `sealwright ca rotate %s`.\n", all.Active)
	}
}
