package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
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
	root := New(streams)
	root.SetArgs(args[min(1, len(args)):])
	return Fail(streams, root.ExecuteContext(ctx))
}

// role is the name the program was called by.
func role(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe")
}
