package ociapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// referrer is the n-th of a list, as notation makes them.
func referrer(n int) registry.Manifest {
	return registry.Manifest{
		Digest: ociref.Digest(fmt.Sprintf("sha256:%064x", n)), MediaType: registry.MediaTypeImage, ContentSize: 738,
		ArtifactType: "application/vnd.cncf.notary.signature",
		Annotations:  map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": fmt.Sprintf(`["%064x"]`, n)},
	}
}

// TestPageTakesLittleMore: a page that is kept takes little more memory than its
// bytes, be it short, long or full.
func TestPageTakesLittleMore(t *testing.T) {
	for _, entries := range []int{0, 1, 500, 3000, 6000, 1 << 20} {
		p := newPage()
		for n := range entries {
			if !p.add(referrer(n)) {
				break
			}
		}
		body := p.close()
		if len(body) > maxReferrersPage || entries == 1<<20 && len(body) < maxReferrersPage-1000 {
			t.Errorf("%d entries: %d bytes", entries, len(body))
		}
		if spare := cap(body) - len(body); spare > len(body)/16+1024 {
			t.Errorf("%d entries: %d bytes to spare behind %d", entries, spare, len(body))
		}
	}
}

// TestPageOfOneTooLarge: a referrer that is larger than a page has one to itself.
func TestPageOfOneTooLarge(t *testing.T) {
	p := newPage()
	large := referrer(1)
	large.Annotations = map[string]string{"a": strings.Repeat("x", maxReferrersPage)}
	if !p.add(large) || p.add(referrer(2)) {
		t.Error("want the first alone")
	}
}

// BenchmarkPage makes full pages; each of their entries is told.
func BenchmarkPage(b *testing.B) {
	m := referrer(1)
	b.ReportAllocs()
	for p := newPage(); b.Loop(); {
		if !p.add(m) {
			p.close()
			p = newPage()
		}
	}
}
