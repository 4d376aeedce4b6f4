package sealwright_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sealwright/sealwright/"

// rows is the house from top to bottom. A package may import what stands in a
// row below its own, and nothing in its own row or above; bans take more away.
// Only direct imports of files that are not tests count.
var rows = [][]string{
	{"cmd/sealwright", "internal/config/manual"}, // programs
	{"internal/cli"},
	{"internal/cli/awsverbs", "internal/server"},
	{"internal/signerplugin"},
	{"internal/config", "internal/datadir", "internal/metrics"},
	{"internal/edge/signerapi", "internal/edge/ecrapi", "internal/edge/iamapi", "internal/edge/ociapi", "internal/edge/logapi", "internal/edge/trailapi",
		"internal/store/sqlstore", "internal/store/blobstore", "internal/store/storetest", "internal/store/storetest/pgtest", "internal/remote", "internal/discovery", "internal/discovery/issuertest", "internal/audit/audittest"},
	{"internal/edge/awshttp"},
	{"internal/edge/awshttp/sigv4"},
	{"internal/signing", "internal/verify"},
	{"internal/access", "internal/authority", "internal/registry", "internal/envelope", "internal/audit", "internal/translog"},
	{"internal/seal"},
	{"internal/journal", "internal/ociref", "internal/policy", "internal/ownerfile", "internal/webidentity", "internal/throttle", "internal/leader"},
	{"internal/arn", "internal/durable", "internal/footprint", "internal/harden", "internal/recall", "internal/cli/awsverbs/shorthand"},
	{"internal/fault", "internal/peertest"},
}

// domain is where rules live: it knows neither wires nor databases.
var domain = []string{
	"internal/signing", "internal/verify", "internal/access", "internal/authority", "internal/registry", "internal/envelope", "internal/translog",
	"internal/journal", "internal/ociref", "internal/policy", "internal/seal", "internal/webidentity", "internal/throttle", "internal/leader", "internal/arn", "internal/fault",
}

// ban forbids an import that the rows would allow, or one from outside the
// module.
type ban struct {
	from    []string // importing packages; a name ending in "/..." means all below it
	to      []string // imported packages, likewise
	but     []string // files and packages the ban does not touch
	because string
}

var bans = []ban{
	{
		from: []string{"internal/edge/..."}, to: []string{"internal/store/...", "internal/remote", "internal/discovery", "internal/discovery/issuertest"},
		because: "an edge speaks one protocol for the domain; where records are kept is the server's choice",
	},
	{
		from: []string{"..."}, to: []string{"internal/store/..."},
		but:     []string{"internal/server", "internal/datadir", "internal/store/storetest", "internal/cli/rootkey.go", "internal/cli/ca.go", "internal/cli/operator.go", "internal/cli/wrappingkey.go", "internal/cli/logverify.go"},
		because: "the domain declares ports; the server opens the stores, and root-key and ca do where no service runs",
	},
	{
		from: []string{"..."}, to: []string{"internal/server"},
		but:     []string{"internal/cli/serve.go", "internal/cli/quickstart.go"},
		because: "only the verbs that run the service link it to the command line; the others are clients",
	},
	{
		from: []string{"cmd/..."}, to: []string{"internal/..."},
		but:     []string{"cmd/sealwright/main.go"},
		because: "the program is one file that runs the cli",
	},
	{
		from: []string{"cmd/sealwright"}, to: []string{"internal/..."},
		but:     []string{"-> internal/cli"},
		because: "main picks the role, runs the cli, and chooses the exit code",
	},
	{
		from: []string{"..."}, to: []string{"internal/config"},
		but:     []string{"internal/server", "internal/cli", "internal/config/manual"},
		because: "packages take small Options of their own, so that they can be used and tested without the whole configuration",
	},
	{
		from: []string{"..."}, to: []string{"internal/edge/..."},
		but:     []string{"internal/server", "-> internal/edge/awshttp", "-> internal/edge/awshttp/sigv4"},
		because: "surfaces are mounted by the server and know nothing of each other",
	},
	{
		from: domain, to: []string{"net/http", "net/http/...", "database/sql", "database/sql/..."},
		because: "rules stay the same whatever carries requests and records",
	},
	{
		from: []string{"..."}, to: []string{"database/sql", "database/sql/..."},
		but:     []string{"internal/store/sqlstore"},
		because: "SQL has one home",
	},
	{
		from: []string{"..."}, to: []string{"github.com/prometheus/..."},
		but:     []string{"internal/metrics"},
		because: "what is measured tells a function it was given; how it is published is one package's business",
	},
	{
		from: []string{"internal/store/..."}, to: []string{"net/http", "net/http/..."},
		because: "a file either speaks HTTP or persists",
	},
	{
		from: append([]string{"internal/edge/..."}, domain...), to: []string{"math/rand", "math/rand/v2"},
		because: "randomness comes from crypto/rand: what starts harmless ends up in a token",
	},
}

// arrow is one import of a file.
type arrow struct{ file, to string }

func (a arrow) from() string { return path.Dir(a.file) }

func TestLayers(t *testing.T) {
	arrows, packages := readTree(t, ".")
	for _, complaint := range judge(arrows, packages) {
		t.Error(complaint)
	}
	for _, row := range rows {
		for _, p := range row {
			if !slices.Contains(packages, p) {
				t.Errorf("%s stands in the rows of layers_test.go but is not there: remove it", p)
			}
		}
	}
}

// TestLayersCanFail shows that each rule catches what it is there for.
func TestLayersCanFail(t *testing.T) {
	for _, test := range []struct {
		arrow arrow
		says  string // "" means allowed
	}{
		{arrow{"internal/signing/a.go", "internal/access"}, ""},
		{arrow{"internal/cli/serve.go", "internal/server"}, ""},
		{arrow{"internal/edge/ecrapi/a.go", "internal/edge/awshttp"}, ""},
		{arrow{"cmd/sealwright/main.go", "internal/cli"}, ""},
		{arrow{"internal/store/sqlstore/a.go", "database/sql"}, ""},
		{arrow{"internal/access/a.go", "internal/signing"}, "row above"},
		{arrow{"internal/access/a.go", "internal/registry"}, "own row"},
		{arrow{"internal/new/a.go", "internal/fault"}, "add it to a row"},
		{arrow{"internal/edge/ecrapi/a.go", "internal/edge/iamapi"}, "know nothing of each other"},
		{arrow{"internal/edge/awshttp/a.go", "internal/store/sqlstore"}, "the server's choice"},
		{arrow{"internal/server/a.go", "internal/store/sqlstore"}, ""},
		{arrow{"internal/cli/sign.go", "internal/store/sqlstore"}, "the domain declares ports"},
		{arrow{"internal/cli/sign.go", "internal/server"}, "link it to the command line"},
		{arrow{"cmd/sealwright/main.go", "internal/server"}, "main picks the role"},
		{arrow{"cmd/sealwright/other.go", "internal/cli"}, "one file"},
		{arrow{"internal/signerplugin/a.go", "internal/config"}, "small Options"},
		{arrow{"internal/signing/a.go", "net/http/httptest"}, "whatever carries requests"},
		{arrow{"internal/edge/awshttp/a.go", "database/sql"}, "SQL has one home"},
		{arrow{"internal/store/blobstore/a.go", "net/http"}, "speaks HTTP or persists"},
		{arrow{"internal/server/a.go", "github.com/prometheus/client_golang/prometheus"}, "one package's business"},
		{arrow{"internal/access/a.go", "math/rand/v2"}, "crypto/rand"},
	} {
		complaints := strings.Join(judge([]arrow{test.arrow}, []string{test.arrow.from()}), "\n")
		if (complaints == "") != (test.says == "") || !strings.Contains(complaints, test.says) {
			t.Errorf("%s -> %s: %q, want %q", test.arrow.file, test.arrow.to, complaints, test.says)
		}
	}
}

// readTree returns the imports of every file of the module that is no test,
// those within the module without its name, and the packages.
func readTree(t *testing.T, root string) (arrows []arrow, packages []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skip(root, name, d)
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		found, err := imports(filepath.ToSlash(name))
		arrows = append(arrows, found...)
		packages = append(packages, path.Dir(filepath.ToSlash(name)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(packages)
	return arrows, slices.Compact(packages)
}

// skip leaves out hidden directories, test data and other modules.
func skip(root, name string, d fs.DirEntry) error {
	if name == root {
		return nil
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	if err == nil || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" {
		return fs.SkipDir
	}
	return nil
}

func imports(file string) ([]arrow, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var arrows []arrow
	for _, spec := range parsed.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		arrows = append(arrows, arrow{file, strings.TrimPrefix(to, module)})
	}
	return arrows, nil
}

// judge returns what is wrong with the arrows.
func judge(arrows []arrow, packages []string) []string {
	var complaints []string
	for _, p := range packages {
		if rowOf(p) < 0 {
			complaints = append(complaints, p+" stands in no row: add it to a row of layers_test.go, above all it may import and below all that may import it")
		}
	}
	for _, a := range arrows {
		complaints = append(complaints, judgeRows(a)...)
		for _, b := range bans {
			if b.forbids(a) {
				complaints = append(complaints, fmt.Sprintf("%s must not import %s: %s", a.file, a.to, b.because))
			}
		}
	}
	return complaints
}

func judgeRows(a arrow) []string {
	from, to := rowOf(a.from()), rowOf(a.to)
	switch {
	case from < 0 || to < 0 || from < to:
		return nil
	case from == to:
		return []string{fmt.Sprintf("%s must not import %s, which stands in its own row: imports point down", a.file, a.to)}
	}
	return []string{fmt.Sprintf("%s must not import %s, which stands in a row above: imports point down", a.file, a.to)}
}

func rowOf(p string) int {
	return slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, p) })
}

func (b ban) forbids(a arrow) bool {
	if !matchesAny(b.from, a.from()) || !matchesAny(b.to, a.to) {
		return false
	}
	return !matchesAny(b.but, a.from()) && !matchesAny(b.but, a.file) && !matchesAny(b.but, "-> "+a.to)
}

// matchesAny reports whether name is one of patterns or below one that ends in
// "/...".
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, all := strings.CutSuffix(p, "...")
		return p == name || all && strings.HasPrefix(name, below)
	})
}
