package registry_test

import (
	"fmt"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestReferrersTagByDigest: an index that is pushed under its digest can be read
// by it, also when a tag of the referrers tag schema comes with it.
func TestReferrersTagByDigest(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	config := p.blob(app, "{}")
	image := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":2},"layers":[]`, config)
	put := func(content string, more registry.Push) registry.Manifest {
		t.Helper()
		more.Key, more.Content = app, []byte(content)
		m, _, err := p.Put(t.Context(), more)
		must(t, err)
		return m
	}
	subject := put(image+`}`, registry.Push{MediaType: registry.MediaTypeImage})
	entry := `{"mediaType":"` + registry.MediaTypeImage + `","digest":"%s","size":%d}`
	about := fmt.Sprintf(entry, subject.Digest, subject.ContentSize)
	signature := put(image+`,"subject":`+about+`}`, registry.Push{MediaType: registry.MediaTypeImage})
	index := `{"schemaVersion":2,"manifests":[` + fmt.Sprintf(entry, signature.Digest, signature.ContentSize) + `]}`
	named := ociref.DigestOf(ociref.SHA256, []byte(index))
	put(index, registry.Push{MediaType: registry.MediaTypeIndex, Digest: named, Tags: []ociref.Tag{ociref.Tag("sha256-" + subject.Digest.Hex())}})
	if _, err := p.Manifest(t.Context(), app, ociref.Reference{Digest: named}); err != nil {
		t.Error(err)
	}
}
