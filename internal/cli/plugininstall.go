package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/plugin"
	framework "github.com/notaryproject/notation-plugin-framework-go/plugin"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/ownerfile"
	"github.com/sealwright/sealwright/internal/signerplugin"
)

// pluginMode is the mode of the plugin's executable file.
const pluginMode fs.FileMode = 0o755

func (a *app) pluginInstallCommand() *cobra.Command {
	var self, force bool
	cmd := &cobra.Command{
		Use:     "install --self",
		Aliases: []string{"add"},
		Short:   "Install this program as the Notation plugin of the signing service",
		Long: `Install this program as the Notation plugin of the signing service

Copies this program to where Notation looks for the plugin
com.amazonaws.signer.notation.plugin. Run it again after an upgrade. Another
plugin of that name, such as Amazon's, is replaced only with --force.

Other plugins cannot be installed by this program yet: use "notation plugin
install", or put them into the plugins directory. They can be used.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 || !self {
				return errors.New(`only "sealwright plugin install --self" is supported: install other plugins with "notation plugin install"`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.installSelf(a.context(cmd), force) },
	}
	a.addDebug(cmd)
	cmd.Flags().BoolVar(&self, "self", false, "install this program")
	cmd.Flags().BoolVar(&force, "force", false, "replace another plugin of the same name")
	return cmd
}

// installSelf copies this program into the plugins directory. It is a copy, not
// a link, because a program that was run by "go run" or is moved would leave a
// link to nothing.
func (a *app) installSelf(ctx context.Context, force bool) error {
	path, err := dir.PluginFS().SysPath(signerplugin.Name, PluginRole)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	replaced, err := checkInstalled(ctx, path, force)
	if err != nil {
		return err
	}
	if err := copyProgram(program, path); err != nil {
		return fmt.Errorf("install %s: %w", path, err)
	}
	if replaced == nil {
		fmt.Fprintf(a.Out, "Successfully installed plugin %s, version %s\n", signerplugin.Name, signerplugin.Version)
	} else {
		fmt.Fprintf(a.Out, "Successfully updated plugin %s from version %s to %s\n", signerplugin.Name, replaced.Version, signerplugin.Version)
	}
	return nil
}

// checkInstalled asks the plugin at path, if there is one, whether it is ours.
func checkInstalled(ctx context.Context, path string, force bool) (*framework.GetMetadataResponse, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	const hint = "--force replaces it"
	installed, err := plugin.NewCLIPlugin(ctx, signerplugin.Name, path)
	if err == nil {
		var metadata *framework.GetMetadataResponse
		if metadata, err = installed.GetMetadata(ctx, &framework.GetMetadataRequest{}); err == nil {
			if metadata.URL == signerplugin.URL || force {
				return metadata, nil
			}
			return nil, fmt.Errorf("%s is another plugin: %s, version %s (%s); %s", path, metadata.Description, metadata.Version, metadata.URL, hint)
		}
	}
	if force {
		return &framework.GetMetadataResponse{Version: "unknown"}, nil
	}
	return nil, fmt.Errorf("%s (%v) is there already and does not answer as a plugin: %w; %s", path, info.Mode(), err, hint)
}

// copyProgram puts program into place at path, whole or not at all.
func copyProgram(program, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), ownerfile.DirMode); err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, content, pluginMode)
}
