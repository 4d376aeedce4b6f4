package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the program in the role its name gives it (the Notation plugin, the
// credential helper, or itself) and returns the exit code: 0 or 1. args are the
// process's own. SIGINT and SIGTERM end a verb through its context, and a second
// one the process; a plugin or helper, which may wait for its input, they end at
// once.
func Main(args []string, streams IO) int {
	switch role(args) {
	case PluginRole:
		return RunPlugin(context.Background(), args, streams)
	case CredentialHelperRole:
		return RunCredentialHelper(args, streams)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	args = args[min(1, len(args)):]
	root := rootFor(args, streams)
	root.SetArgs(args)
	return Fail(streams, root.ExecuteContext(ctx))
}

// rootFor makes the root command, for a service without what it does not need.
func rootFor(args []string, streams IO) *cobra.Command {
	if len(args) > 0 && args[0] == "serve" {
		return newRoot(streams)
	}
	return New(streams)
}

// role is the name the program was called by.
func role(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe")
}
