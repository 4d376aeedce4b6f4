package sqlstore_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
)

// TestRememberedIsBounded: what is remembered takes no more memory than was
// given, also when it is made of many small pieces.
func TestRememberedIsBounded(t *testing.T) {
	const limit = 4 << 20
	db := openSQLite(t)
	db.Remember(limit)
	ctx := context.Background()
	r := registry.Repository{Key: replicated, Region: "us-east-1", Mutability: registry.Mutable, CreatedAt: time.Now()}
	if err := db.Repositories().CreateRepository(ctx, r, happened("CreateRepository")); err != nil {
		t.Fatal(err)
	}
	var digests []ociref.Digest
	for i := range 100 {
		m := annotated(i)
		if _, err := db.Manifests().PutManifest(ctx, m, nil, registry.Rules{}, happened("PutImage")); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, m.Digest)
	}
	before := heap()
	for _, d := range digests {
		if _, err := db.Manifests().Manifest(ctx, replicated, ociref.Reference{Digest: d}); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown < limit/16 || grown > limit {
		t.Errorf("%d bytes are held, %d may be", grown, limit)
	}
	runtime.KeepAlive(db)
}

// TestRememberedFactsAreBounded: the same of what is known of signatures, under a
// profile with as many and as long tags as there may be.
func TestRememberedFactsAreBounded(t *testing.T) {
	const (
		memory = 32 << 20
		limit  = memory / 16 // that of facts
	)
	db := openSQLite(t)
	db.Remember(memory)
	s := newSigner(t, db)
	if _, err := db.Profiles().ChangeProfile(t.Context(), s.key, "", func(p *signing.Profile) (*signing.Profile, journal.Event, error) {
		next := *p
		next.Tags = map[string]string{}
		for i := range 50 {
			next.Tags[strings.Repeat("𐍈", 126)+fmt.Sprintf("%02d", i)] = strings.Repeat("𐍈", 256)
		}
		return &next, s.event("TagResource", nil), nil
	}); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for i := range 100 {
		f, err := db.Jobs().RevocationFacts(t.Context(), s.key, "0123456789", signing.JobKey{Account: account, ID: fmt.Sprint(i)}, []string{s.leaf.Hash})
		if err != nil || len(f.Profile.Tags) != 50 {
			t.Fatal(f, err)
		}
	}
	if grown := heap() - before; grown < limit/4 || grown > limit*5/4 {
		t.Errorf("%d bytes are held, %d may be", grown, limit)
	}
	runtime.KeepAlive(db)
}

// annotated is a manifest of next to nothing but annotations without values.
func annotated(i int) registry.Manifest {
	content := fmt.Appendf(nil, "%d", i)
	annotations := map[string]string{}
	for j := range 2000 {
		name := fmt.Sprintf("%x", j)
		annotations[name] = ""
		content = fmt.Appendf(content, `,"%s":""`, name)
	}
	return registry.Manifest{Key: replicated, Digest: ociref.DigestOf(ociref.SHA256, content), MediaType: registry.MediaTypeImage,
		Annotations: annotations, Content: content, ContentSize: int64(len(content)), PushedAt: time.Now()}
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held survives the first
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
