package registry_test

import (
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// FuzzCursor feeds clients' tokens to the reader: what it takes means the same
// after another trip.
func FuzzCursor(f *testing.F) {
	d := ociref.DigestOf(ociref.SHA512, nil)
	f.Add(registry.Cursor{PushedAt: time.UnixMicro(1_767_323_045_000_006).UTC(), Digest: d}.String())
	f.Add("")
	f.Add("MTcgc2hhMjU2OmFi")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := registry.ParseCursor(s)
		if err != nil {
			return
		}
		again, err := registry.ParseCursor(c.String())
		if err != nil || again.Digest != c.Digest || !again.PushedAt.Equal(c.PushedAt) {
			t.Fatalf("%q reads as %v, which reads as %v: %v", s, c, again, err)
		}
		if c.IsZero() != (s == "") {
			t.Fatalf("%q reads as %v", s, c)
		}
	})
}
