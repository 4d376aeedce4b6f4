// Command distribution is the CNCF Distribution registry with its filesystem
// driver, as its own main package would build it, less the drivers of cloud
// stores. It is the peer that image pushes are measured beside.
//
// The stock cmd/registry links every driver, and some of their modules do not
// resolve outside its own repository; this one links what the bench runs.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if registry.RootCmd.Execute() != nil {
		os.Exit(1)
	}
}
