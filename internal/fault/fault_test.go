package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

var errGone = New(NotFound, "gone")

func TestKindAndMessageSurviveWrapping(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		kind    Kind
		message string
		shown   bool
	}{
		{"sentinel", errGone, NotFound, "gone", true},
		{"sentinel with more to say", Becausef(errGone, "no %s here", "x"), NotFound, "no x here", true},
		{"wrapped by others", fmt.Errorf("read: %w", Becausef(errGone, "no x")), NotFound, "no x", true},
		{"no sentinel", Errorf(Limit, "%d is too many", 3), Limit, "3 is too many", true},
		{"a cause that is hidden", Hide(Unavailable, io.ErrUnexpectedEOF, "try again"), Unavailable, "try again", true},
		{"nobody's", io.EOF, Internal, "", false},
		{"internal by name", New(Internal, "a secret"), Internal, "", false},
		{"nil", nil, Internal, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := KindOf(tt.err); got != tt.kind {
				t.Errorf("kind %v, want %v", got, tt.kind)
			}
			if got, shown := Message(tt.err); got != tt.message || shown != tt.shown {
				t.Errorf("message %q, %v, want %q, %v", got, shown, tt.message, tt.shown)
			}
		})
	}
}

func TestCausesAreFound(t *testing.T) {
	if err := fmt.Errorf("a: %w", Becausef(errGone, "b")); !errors.Is(err, errGone) {
		t.Error("the sentinel is lost")
	}
	if err := Hide(Internal, io.EOF, "x"); !errors.Is(err, io.EOF) {
		t.Error("the hidden cause is lost")
	}
}

func TestWholeHidesNothing(t *testing.T) {
	err := fmt.Errorf("push: %w", Hide(Unavailable, fmt.Errorf("commit: %w", io.ErrShortWrite), "try again later"))
	if got, want := Whole(err), "push: try again later: commit: short write"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryKindHasAName(t *testing.T) {
	seen := map[string]bool{}
	for k := Internal; k <= Unavailable; k++ {
		if seen[k.String()] {
			t.Errorf("two kinds are called %q", k)
		}
		seen[k.String()] = true
	}
	if got := Kind(99).String(); got != "kind 99" {
		t.Errorf("an unknown kind is called %q", got)
	}
}
