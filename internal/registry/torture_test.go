package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

// torturer is one client. Only it deletes what it pushed, so it knows what must
// be there: whatever was acknowledged, and not deleted or tried to be.
type torturer struct {
	*place
	random  *rand.Rand
	name    int
	serial  int
	held    []pushed // acknowledged, and there until this client deletes it
	refused int
}

// pushed is an acknowledged image or signature.
type pushed struct {
	key    registry.Key
	digest ociref.Digest
	parent ociref.Digest // its subject, "" for none
	blobs  []ociref.Digest
}

// TestTorture lets clients push, mount, sign, delete and collect beside each
// other, on few blobs, while the stores fail, before a step or after it was made.
// Blobs are garbage at once. At the end all that was acknowledged is there and
// whole, and when all of that is deleted, nothing is left.
func TestTorture(t *testing.T) {
	const clients, acts = 8, 120
	var calls, faults atomic.Int64
	p := openPlace(t, t.TempDir(), func(step string) error {
		if n := calls.Add(1); n%37 == 0 {
			faults.Add(1)
			return fmt.Errorf("%s: %w", step, []error{syscall.EIO, syscall.ENOSPC}[n/37%2])
		}
		return nil
	})
	torturers := make([]*torturer, clients)
	var all sync.WaitGroup
	for i := range torturers {
		torturers[i] = &torturer{place: p, random: rand.New(rand.NewPCG(7, uint64(i))), name: i}
		all.Go(func() {
			for range acts {
				torturers[i].act(t.Context())
			}
		})
	}
	all.Wait()
	p.hook = never
	held, refused := 0, 0
	for _, c := range torturers {
		c.check()
		held, refused = held+len(c.held), refused+c.refused
	}
	if held == 0 || faults.Load() == 0 {
		t.Fatalf("%d manifests are held, after %d faults: that is no test", held, faults.Load())
	}
	t.Logf("%d manifests held, %d acts refused, %d faults", held, refused, faults.Load())
	storetest.CheckRegistry(t, p.stores, app.Account)
	p.nothingLeaks()
}

// act does something. What fails has no effect that the client may count on.
func (c *torturer) act(ctx context.Context) {
	var err error
	switch n := c.random.IntN(100); {
	case n < 35:
		err = c.pushImage(ctx)
	case n < 60:
		err = c.sign(ctx)
	case n < 70:
		err = c.mountImage(ctx)
	case n < 82:
		err = c.remove(ctx)
	case n < 86:
		err = c.DeleteBlob(ctx, c.anyKey(), ociref.DigestOf(ociref.SHA256, []byte(c.anyContent())))
	default:
		c.wait(20 * time.Second)
		for range 40 {
			if _, _, err = c.CollectStep(ctx); err != nil {
				break
			}
		}
	}
	if err != nil {
		c.refused++
	}
}

func (c *torturer) anyKey() registry.Key { return []registry.Key{app, other}[c.random.IntN(2)] }

// anyContent is that of one of few blobs, which all clients use.
func (c *torturer) anyContent() string { return fmt.Sprint("blob ", c.random.IntN(6)) }

func (c *torturer) pushImage(ctx context.Context) error {
	key := c.anyKey()
	d, err := c.tryBlob(key, c.anyContent())
	if err != nil {
		return err
	}
	return c.put(ctx, pushed{key: key, blobs: []ociref.Digest{d}})
}

// mountImage pushes an image over a blob that it mounts.
func (c *torturer) mountImage(ctx context.Context) error {
	d := ociref.DigestOf(ociref.SHA256, []byte(c.anyContent()))
	if err := c.MountBlob(ctx, other, app, d); err != nil {
		return err
	}
	return c.put(ctx, pushed{key: other, blobs: []ociref.Digest{d}})
}

// sign pushes a referrer to something that this client holds.
func (c *torturer) sign(ctx context.Context) error {
	if len(c.held) == 0 {
		return nil
	}
	subject := c.held[c.random.IntN(len(c.held))]
	d, err := c.tryBlob(subject.key, c.anyContent())
	if err != nil {
		return err
	}
	return c.put(ctx, pushed{key: subject.key, parent: subject.digest, blobs: []ociref.Digest{d}})
}

// put pushes a manifest and remembers it.
func (c *torturer) put(ctx context.Context, m pushed) error {
	c.serial++
	subject := ""
	if m.parent != "" {
		subject = refersTo(m.parent)
	}
	content := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":6},"layers":[],"annotations":{"by":"%d/%d"}%s}`, m.blobs[0], c.name, c.serial, subject)
	m.digest = ociref.DigestOf(ociref.SHA256, []byte(content))
	_, _, err := c.Put(ctx, registry.Push{Key: m.key, MediaType: registry.MediaTypeImage, Content: []byte(content)})
	if err == nil {
		c.held = append(c.held, m)
		c.present(m)
	}
	return err
}

// remove deletes something that this client holds. When that fails, nobody knows
// what became of it, and of what refers to it.
func (c *torturer) remove(ctx context.Context) error {
	if len(c.held) == 0 {
		return nil
	}
	gone := map[ociref.Digest]bool{}
	victim := c.held[c.random.IntN(len(c.held))]
	gone[victim.digest] = true
	for range c.held { // referrers of referrers, however deep
		for _, m := range c.held {
			if gone[m.parent] && m.parent != "" {
				gone[m.digest] = true
			}
		}
	}
	c.held = slices.DeleteFunc(c.held, func(m pushed) bool { return gone[m.digest] })
	_, err := c.DeleteManifest(ctx, victim.key, victim.digest)
	return err
}

// present checks a manifest that was acknowledged, and its blobs.
func (c *torturer) present(m pushed) {
	got, err := c.Manifest(c.t.Context(), m.key, ociref.Reference{Digest: m.digest})
	if err != nil || ociref.DigestOf(ociref.SHA256, got.Content) != m.digest {
		c.t.Errorf("client %d: manifest %s was acknowledged: %v", c.name, m.digest, err)
	}
	for _, d := range m.blobs {
		if err := c.whole(m.key, d); err != nil {
			c.t.Errorf("client %d: blob %s of an acknowledged manifest: %v", c.name, d, err)
		}
	}
}

// check checks all this client holds, and that each referrer is listed once.
func (c *torturer) check() {
	for _, m := range c.held {
		c.present(m)
		if m.parent == "" {
			continue
		}
		list, more, err := c.Referrers(c.t.Context(), m.key, m.parent, registry.ReferrerFilter{Limit: 1000})
		must(c.t, err)
		times := 0
		for _, r := range list {
			if r.Digest == m.digest {
				times++
			}
		}
		if times != 1 || more {
			c.t.Errorf("client %d: %s is listed %d times among the referrers of %s", c.name, m.digest, times, m.parent)
		}
	}
}

// nothingLeaks deletes both repositories' images and holds what is left after
// collections against nothing.
func (p *place) nothingLeaks() {
	p.t.Helper()
	for _, key := range []registry.Key{app, other} {
		for {
			list, err := p.Manifests(p.t.Context(), key, registry.ManifestFilter{Limit: 100})
			must(p.t, err)
			if len(list) == 0 {
				break
			}
			for _, m := range list {
				if _, err := p.DeleteManifest(p.t.Context(), key, m.Digest); err != nil && !errors.Is(err, registry.ErrManifestNotFound) {
					p.t.Fatal(err)
				}
			}
		}
	}
	for {
		_, err := p.ExpireUploads(p.t.Context())
		must(p.t, err)
		p.collect()
		if c := p.collect(); c.Links == 0 && c.Blobs == 0 {
			break
		}
	}
	p.wait(registry.DefaultUploadIdle)
	_, err := p.ExpireUploads(p.t.Context())
	must(p.t, err)
	if left := p.files(); len(left) != 0 {
		p.t.Errorf("%d files are left: %s", len(left), strings.Join(left, " "))
	}
	links, err := p.stores.LinkStates(p.t.Context(), registry.LinkState{}, 10)
	must(p.t, err)
	if len(links) != 0 {
		p.t.Errorf("links are left: %+v", links)
	}
}
