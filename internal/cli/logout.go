package cli

import (
	"context"
	"fmt"

	"github.com/notaryproject/notation-go/dir"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/sealwright/sealwright/internal/remote"
)

func (a *app) logoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout [flags] <server>",
		Short: "Log out from the logged in registries",
		Args:  oneServer,
		RunE:  func(cmd *cobra.Command, args []string) error { return a.logout(a.context(cmd), args[0]) },
	}
	a.addDebug(cmd)
	return cmd
}

// logout forgets the login for server.
func (a *app) logout(ctx context.Context, server string) error {
	store, err := remote.FindCredentials(configPath(dir.PathConfigFile))
	if err != nil {
		return fmt.Errorf("failed to get credentials store: %w", err)
	}
	if err := credentials.Logout(ctx, store, server); err != nil {
		return fmt.Errorf("failed to log out of %s: %w", server, err)
	}
	fmt.Fprintln(a.Out, "Logout Succeeded")
	return nil
}
