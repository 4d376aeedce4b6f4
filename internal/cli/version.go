package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the program's version. A release sets it with the linker's -X.
var Version = "0.1.0-dev"

// versionCommand prints what notation version prints, under our name.
func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the sealwright version information",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.Out, "Sealwright - a registry, a signing service and the client that trusts them.\n\n")
			fmt.Fprintf(a.Out, "Version:     %s\n", Version)
			fmt.Fprintf(a.Out, "Go version:  %s\n", runtime.Version())
			fmt.Fprintf(a.Out, "OS/Arch:     %s/%s\n", runtime.GOOS, runtime.GOARCH)
			if commit := gitCommit(); commit != "" {
				fmt.Fprintf(a.Out, "Git commit:  %s\n", commit)
			}
			return nil
		},
	}
}

// gitCommit is the commit the program was built from, if the toolchain
// recorded one.
func gitCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}
