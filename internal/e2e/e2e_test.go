// Package e2e drives the real program: scripts in testdata, and Go tests where a
// script does not reach. Each runs the program in a process of its own.
package e2e

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealwright/sealwright/internal/cli"
	"github.com/sealwright/sealwright/internal/signerplugin"
)

func TestMain(m *testing.M) {
	run := func() { os.Exit(cli.Main(os.Args, cli.System())) }
	testscript.Main(m, map[string]func(){
		"sealwright":                    run,
		"notation-" + signerplugin.Name: run,
		"docker-credential-sealwright":  run,
	})
}
