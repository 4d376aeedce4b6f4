package cli

import (
	"context"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
)

func (a *app) caShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a certificate",
		Long:  `Show a CA or signing certificate, named by its ID or its certificate hash.`,
		Args:  cobra.ExactArgs(1),
	}
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		found, err := c.Certificate(ctx, args[0])
		if err != nil {
			return err
		}
		a.showCertificate(c.cas, found)
		return nil
	})
}

func (a *app) showCertificate(all authority.Authorities, c authority.Certificate) {
	line := func(name, value string) { fmt.Fprintf(a.Out, "%-9s %s\n", name, value) }
	line("ID", c.ID)
	line("Role", string(c.Role))
	line("State", state(all, c))
	line("Issuer", c.IssuerID)
	line("Serial", c.Serial)
	line("Hash", c.Hash)
	line("Valid", c.NotBefore.Format(time.RFC3339)+" to "+c.NotAfter.Format(time.RFC3339))
	if c.Replica != "" {
		line("Replica", c.Replica)
	}
	if !c.RevokedAt.IsZero() {
		line("Revoked", c.RevokedAt.Format(time.RFC3339)+" by "+c.RevokedBy+": "+c.Reason.String())
	}
	pem.Encode(a.Out, &pem.Block{Type: "CERTIFICATE", Bytes: c.DER})
}
