package cli

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
)

func (a *app) caInstallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "install CHAIN.pem",
		Short: "Install the issuing CA that a root of your own certified",
		Long: `Install the issuing CA whose request "sealwright ca csr" printed: a PEM file with
its certificate first, then who signed it, up to the self-signed root. The root is
offered to verifiers from now on. The CA signs at once if there is none yet;
otherwise have verifiers trust the root, then "sealwright ca activate" it.`,
		Args: cobra.ExactArgs(1),
	}
	return a.runFounding(cmd, func(ctx context.Context, c ceremony, args []string) error {
		chain, err := readChain(args[0])
		if err != nil {
			return err
		}
		issuing, err := c.Install(ctx, chain)
		if err != nil {
			return err
		}
		return a.broughtIn(ctx, c, issuing)
	})
}

func readChain(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	chain, err := authority.ParseChain(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return chain, nil
}

// broughtIn says what a CA from outside does now.
func (a *app) broughtIn(ctx context.Context, c ceremony, issuing authority.Certificate) error {
	all, err := c.Authorities(ctx)
	if err != nil {
		return err
	}
	tell(a.Out, all, all.CAs...)
	if all.Active != issuing.ID {
		fmt.Fprintf(a.Out, "\nHave every verifier trust the new root, beside the old one. Then:\n\n  sealwright ca activate %s\n", issuing.ID)
		return nil
	}
	return rememberRoot(ctx, c)
}
