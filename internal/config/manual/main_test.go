package main

import (
	"os"
	"testing"
)

func TestManualIsFresh(t *testing.T) {
	want, err := render("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is stale: run go generate ./internal/config")
	}
}
