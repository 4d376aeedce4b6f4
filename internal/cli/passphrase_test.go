package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/seal"
)

// TestPassphrasesOnStandardInput: each reader takes its line, so the passphrase in use
// and a new one can both come from there.
func TestPassphrasesOnStandardInput(t *testing.T) {
	a := &app{IO: IO{In: strings.NewReader("the one in use\r\nand a new one\nlast, without an end")}}
	for _, want := range []string{"the one in use", "and a new one", "last, without an end"} {
		if got, err := a.readPassphrase("-", true); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := a.readPassphrase("-", false); err == nil || got != "" {
		t.Errorf("after the last: %q, %v", got, err)
	}
}

// TestPassphraseBounds: a line that is too long is not cut to one that is not.
func TestPassphraseBounds(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", seal.MaxPassphrase+1), strings.Repeat("a", 1<<20), "short"} {
		a := &app{IO: IO{In: strings.NewReader(text + "\n")}}
		if got, err := a.readPassphrase("-", true); err == nil {
			t.Errorf("%d bytes are taken as %d", len(text), len(got))
		}
	}
	a := &app{IO: IO{In: failing{}}}
	if _, err := a.readPassphrase("-", false); !errors.Is(err, errFailing) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type failing struct{}

var errFailing = errors.New("failing")

func (failing) Read([]byte) (int, error) { return 0, errFailing }
