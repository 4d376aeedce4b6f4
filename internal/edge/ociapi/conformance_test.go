//go:build conformance

package ociapi_test

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// minConformanceTests guards against a run that tests next to nothing: the
// suite exits 0 when it does not understand its configuration.
const minConformanceTests = 800

// TestConformance runs the OCI distribution specification's own suite, which is
// no module and no package: build it from the conformance directory of
// https://github.com/opencontainers/distribution-spec, name the program in
// SEALWRIGHT_OCI_CONFORMANCE, and run this with -tags conformance. The tests beside
// it cover the same ground, and need no program.
func TestConformance(t *testing.T) {
	program := os.Getenv("SEALWRIGHT_OCI_CONFORMANCE")
	if program == "" {
		t.Fatal("set SEALWRIGHT_OCI_CONFORMANCE to the distribution-spec conformance program")
	}
	for _, version := range []string{"1.1", "dev"} {
		t.Run(version, func(t *testing.T) { conform(t, program, version) })
	}
}

func conform(t *testing.T, program, version string) {
	s := serve(t, nil, "conformance/repo1", "conformance/repo2")
	results := os.Getenv("SEALWRIGHT_OCI_RESULTS")
	if results == "" {
		results = t.TempDir()
	}
	results = filepath.Join(results, version)
	cmd := exec.Command(program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "OCI_REGISTRY="+strings.TrimPrefix(s.url, "http://"), "OCI_TLS=disabled",
		"OCI_VERSION="+version, "OCI_RESULTS_DIR="+results, "OCI_USERNAME=AWS", "OCI_PASSWORD="+s.password)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	must(t, err)
	report, err := os.ReadFile(filepath.Join(results, "junit.xml"))
	must(t, err)
	var suites struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
		} `xml:"testsuite"`
	}
	must(t, xml.Unmarshal(report, &suites))
	if got := suites.Suite; got.Tests < minConformanceTests || got.Failures+got.Errors > 0 {
		t.Errorf("%+v, want %d tests or more and no failure", got, minConformanceTests)
	}
}
