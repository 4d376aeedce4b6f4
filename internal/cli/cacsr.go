package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) caCSRCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "csr",
		Short: "Print a certificate request for an issuing CA under a root of your own",
		Long: `Print the certificate request (PKCS#10, PEM) of an issuing CA that a root of your
own is to certify. Its key is made and stays here, sealed; until the certificate is
installed, it is the same each time. Sign the request as a CA with the basic
constraint CA (critical, path length 0), key usage certificate and CRL signing
(critical) and a subject key identifier, and install the chain with
"sealwright ca install". In an absent or empty data directory this comes first, and
"sealwright serve" waits for the chain instead of making a CA of its own.`,
		Args: cobra.NoArgs,
	}
	return a.runFounding(cmd, func(ctx context.Context, c ceremony, _ []string) error {
		request, err := c.Request(ctx)
		if err != nil {
			return err
		}
		_, err = a.Out.Write(request)
		return err
	})
}
