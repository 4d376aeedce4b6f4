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
// process's own. SIGINT and SIGTERM end what runs through its context; a second
// one ends the process.
func Main(args []string, streams IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	switch role(args) {
	case PluginRole:
		return RunPlugin(ctx, args, streams)
	case CredentialHelperRole:
		return RunCredentialHelper(args, streams)
	}
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
