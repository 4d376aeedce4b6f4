package journal_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/journal"
)

// Whatever bytes a client calls itself by, the journal's row can be stored.
func TestUserAgentIsText(t *testing.T) {
	for sent, kept := range map[string]string{
		"":                                  "",
		"docker/27 café":                    "docker/27 café",
		"docker/27 caf\xe9":                 "docker/27 caf?",
		strings.Repeat("a", 300):            strings.Repeat("a", 256),
		strings.Repeat("a", 255) + "é tail": strings.Repeat("a", 255) + "?",
	} {
		ctx := journal.WithActor(context.Background(), journal.Actor{UserAgent: sent, RequestID: "r"})
		if got := journal.ActorFrom(ctx); got.UserAgent != kept || got.RequestID != "r" {
			t.Errorf("%q is kept as %+v, want %q", sent, got, kept)
		}
	}
}
