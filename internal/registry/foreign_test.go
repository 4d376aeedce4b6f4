package registry_test

import (
	"fmt"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestCollectLeavesForeignLayers: a layer that need not be in the repository, and
// was pushed all the same, is as much a part of its image as any other.
func TestCollectLeavesForeignLayers(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	config, foreign := p.blob(app, "{}"), p.blob(app, "a foreign layer, pushed")
	elsewhere := ociref.DigestOf(ociref.SHA256, []byte("a foreign layer that stays where it is"))
	layer := func(d ociref.Digest) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"%s","size":23}`, d)
	}
	content := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":2},"layers":[%s,%s]}`, config, layer(foreign), layer(elsewhere))
	m, _, err := p.Put(t.Context(), registry.Push{Key: app, MediaType: registry.MediaTypeDockerImage, Content: []byte(content)})
	must(t, err)
	if c := p.collect(); c.Links != 0 || c.Blobs != 0 {
		t.Errorf("collected %+v", c)
	}
	must(t, p.whole(app, foreign))

	p.blob(app, "a foreign layer that stays where it is")
	_, created, err := p.Put(t.Context(), registry.Push{Key: app, MediaType: registry.MediaTypeDockerImage, Content: []byte(content)})
	must(t, err)
	if c := p.collect(); created || c.Links != 0 || c.Blobs != 0 {
		t.Errorf("pushed again with another layer: created %t, collected %+v", created, c)
	}

	_, err = p.DeleteManifest(t.Context(), app, m.Digest)
	must(t, err)
	if c := p.collect(); c.Links != 3 || c.Blobs != 3 {
		t.Errorf("after the image went: collected %+v", c)
	}
}
