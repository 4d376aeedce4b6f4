package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
)

func (a *app) caImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import CHAIN.pem --key KEY.pem",
		Short: "Bring your own root or issuing CA, with its private key",
		Long: `Bring in a CA of your own with its private key (P-384; PKCS#8 or SEC 1, PEM),
which is kept here from now on, sealed. CHAIN.pem is either a root alone, below
which an issuing CA is made, or an issuing CA followed by who signed it, up to the
root. It signs at once if there is no CA yet; otherwise have verifiers trust the
root, then "sealwright ca activate" it. To keep a root's key elsewhere, use
"sealwright ca csr". Destroy the key's file when you need it no more.`,
		Args: cobra.ExactArgs(1),
	}
	keyFile := cmd.Flags().String("key", "", "`FILE` of the private key of the first certificate, PEM; /dev/fd/N works")
	cmd.MarkFlagRequired("key")
	return a.runFounding(cmd, func(ctx context.Context, c ceremony, args []string) error {
		chain, err := readChain(args[0])
		if err != nil {
			return err
		}
		text, err := os.ReadFile(*keyFile)
		if err != nil {
			return err
		}
		defer clear(text)
		key, err := authority.ParseKey(text)
		if err != nil {
			return fmt.Errorf("%s: %w", *keyFile, err)
		}
		issuing, err := c.Import(ctx, c.keys, chain, key)
		if err != nil {
			return err
		}
		return a.broughtIn(ctx, c, issuing)
	})
}
