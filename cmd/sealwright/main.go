// Command sealwright is a private OCI registry, a managed signing service, and
// the client that signs and verifies. See README.md.
package main

import (
	"os"

	"github.com/sealwright/sealwright/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, cli.System()))
}
