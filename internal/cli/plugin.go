package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/signerplugin"
)

// PluginRole is the name under which the program is the Notation plugin of the
// signing service.
const PluginRole = "notation-" + signerplugin.Name

// RunPlugin serves one request of Notation's plugin contract and returns the
// exit code. args are the process's own. A failed request ends the process, as
// the plugin framework has it.
func RunPlugin(ctx context.Context, args []string, streams IO) int {
	if err := signerplugin.Execute(ctx, signerplugin.New(userAgent()), args); err != nil {
		fmt.Fprintln(streams.Err, err)
		return 1
	}
	return 0
}

func (a *app) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Manage plugins",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.pluginInstallCommand())
	return cmd
}
