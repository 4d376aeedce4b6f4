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

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

// torturer is one client, of any of the processes that share a site. Only it
// deletes what it pushed, so it knows what must be there: whatever was
// acknowledged, and not deleted or tried to be.
type torturer struct {
	*place          // the one that serves this act
	places []*place // all
	random *rand.Rand
	name   string
	serial int
	held   []pushed // acknowledged, and there until this client deletes it
	ledger func(pushed, bool)

	refused, collected int
	full               int // of those refused, for want of room
}

// pushed is an acknowledged image or signature.
type pushed struct {
	Key    registry.Key
	Digest ociref.Digest
	Parent ociref.Digest // its subject, "" for none
	Blob   ociref.Digest
}

// Of clients in one process, and what each does.
const clients, acts = 8, 120

// torturers are the clients of some places. ledger, which may be nil, is told of
// what is held from now on, or may be gone from now on.
func torturers(name string, places []*place, ledger func(m pushed, held bool)) (list []*torturer) {
	for i := range clients {
		list = append(list, &torturer{place: places[0], places: places, ledger: ledger,
			random: rand.New(rand.NewPCG(7, uint64(i))), name: fmt.Sprint(name, i)})
	}
	return list
}

// faulty makes a hook that has every 37th step fail, be it before it is made or
// after, and counts these.
func faulty(faults *atomic.Int64) hook {
	var calls atomic.Int64
	return func(step string) error {
		n := calls.Add(1)
		if n%37 != 0 {
			return nil
		}
		faults.Add(1)
		return fmt.Errorf("%s: %w", step, []error{syscall.EIO, syscall.ENOSPC}[n/37%2])
	}
}

// TestTorture lets clients of two processes that share their stores push, mount,
// sign, delete and collect beside each other, on few blobs, while the stores fail,
// before a step or after it was made. Blobs are garbage at once. At the end all
// that was acknowledged is there and whole, and when all of that is deleted,
// nothing is left.
func TestTorture(t *testing.T) { onEach(t, torture) }

func torture(t *testing.T, fresh func(testing.TB) site) {
	var faults atomic.Int64
	a := openPlace(t, fresh(t), faulty(&faults))
	b := openPlace(t, a.site, a.hook)
	list := torturers("client ", []*place{a, b}, nil)
	var all sync.WaitGroup
	for _, c := range list {
		all.Go(func() {
			for range acts {
				c.act(t.Context())
			}
		})
	}
	all.Wait()
	a.hook, b.hook = never, never
	held, refused, collected := 0, 0, 0
	for _, c := range list {
		for _, m := range c.held {
			a.holds(m)
			b.holds(m)
		}
		held, refused, collected = held+len(c.held), refused+c.refused, collected+c.collected
	}
	t.Logf("%d manifests held, %d blobs collected, %d acts refused, %d faults", held, collected, refused, faults.Load())
	if held == 0 || collected == 0 || faults.Load() == 0 {
		t.Fatal("that is no test")
	}
	a.check(t)
	a.nothingLeaks()
}

// act does something. What fails has no effect that the client may count on.
func (c *torturer) act(ctx context.Context) {
	var err error
	c.place = c.any()
	switch n := c.random.IntN(100); {
	case n < 25:
		err = c.pushImage(ctx)
	case n < 45:
		err = c.sign(ctx)
	case n < 55:
		err = c.mountImage(ctx)
	case n < 77:
		err = c.remove(ctx)
	case n < 85:
		err = c.DeleteBlob(ctx, c.anyKey(), ociref.DigestOf(ociref.SHA256, []byte(c.anyContent())))
	default:
		c.wait(20 * time.Second)
		var did registry.Collected
		did, err = c.Collect(ctx)
		c.collected += did.Blobs
	}
	if errors.Is(err, registry.ErrStorageFull) || fault.KindOf(err) == fault.Unavailable && !errors.Is(err, registry.ErrBlobCollected) {
		c.full++
	}
	if err != nil {
		c.refused++
	}
}

func (c *torturer) anyKey() registry.Key { return []registry.Key{app, other}[c.random.IntN(2)] }

// anyContent is that of one of few blobs, which all clients use. Some are small
// enough for a store to keep them elsewhere, some are not.
func (c *torturer) anyContent() string {
	n := c.random.IntN(16)
	return strings.Repeat(fmt.Sprint("blob ", n, "\n"), []int{1, 40_000}[n%2])
}

func (c *torturer) pushImage(ctx context.Context) error {
	key, content := c.anyKey(), c.anyContent()
	d, err := c.tryBlob(key, content)
	if err != nil {
		return err
	}
	return c.put(ctx, pushed{Key: key, Blob: d}, len(content))
}

// mountImage pushes an image over a blob that it mounts.
func (c *torturer) mountImage(ctx context.Context) error {
	content := c.anyContent()
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	if err := c.MountBlob(ctx, other, app, d); err != nil {
		return err
	}
	return c.put(ctx, pushed{Key: other, Blob: d}, len(content))
}

// sign pushes a referrer to something that this client holds.
func (c *torturer) sign(ctx context.Context) error {
	if len(c.held) == 0 {
		return nil
	}
	subject, content := c.held[c.random.IntN(len(c.held))], c.anyContent()
	d, err := c.tryBlob(subject.Key, content)
	if err != nil {
		return err
	}
	return c.put(ctx, pushed{Key: subject.Key, Parent: subject.Digest, Blob: d}, len(content))
}

// tryBlob uploads content to a repository in chunks, each through any of the
// processes.
func (c *torturer) tryBlob(key registry.Key, content string) (ociref.Digest, error) {
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	u, err := c.any().StartUpload(c.t.Context(), key)
	for at := 0; at < len(content) && err == nil; {
		chunk := content[at:min(at+len(content)/2+1, len(content))]
		_, err = c.any().AppendUpload(c.t.Context(), u, int64(at), strings.NewReader(chunk))
		at += len(chunk)
	}
	if err == nil {
		_, err = c.any().CommitUpload(c.t.Context(), u, d)
	}
	return d, err
}

// any is one of the processes.
func (c *torturer) any() *place { return c.places[c.random.IntN(len(c.places))] }

// put pushes a manifest over a blob of a size and remembers it. Whichever process
// is asked, it is there.
func (c *torturer) put(ctx context.Context, m pushed, size int) error {
	c.serial++
	subject := ""
	if m.Parent != "" {
		subject = refersTo(m.Parent)
	}
	content := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":%d},"layers":[],"annotations":{"by":"%s/%d"}%s}`, m.Blob, size, c.name, c.serial, subject)
	m.Digest = ociref.DigestOf(ociref.SHA256, []byte(content))
	_, _, err := c.Put(ctx, registry.Push{Key: m.Key, MediaType: registry.MediaTypeImage, Content: []byte(content)})
	if err == nil {
		c.held = append(c.held, m)
		c.tell(m, true)
		c.any().present(m)
	}
	return err
}

func (c *torturer) tell(m pushed, held bool) {
	if c.ledger != nil {
		c.ledger(m, held)
	}
}

// remove deletes something that this client holds. When that fails, nobody knows
// what became of it, and of what refers to it.
func (c *torturer) remove(ctx context.Context) error {
	if len(c.held) == 0 {
		return nil
	}
	gone := map[ociref.Digest]bool{}
	victim := c.held[c.random.IntN(len(c.held))]
	gone[victim.Digest] = true
	for range c.held { // referrers of referrers, however deep
		for _, m := range c.held {
			if gone[m.Parent] && m.Parent != "" {
				gone[m.Digest] = true
			}
		}
	}
	c.held = slices.DeleteFunc(c.held, func(m pushed) bool {
		if gone[m.Digest] {
			c.tell(m, false)
		}
		return gone[m.Digest]
	})
	_, err := c.DeleteManifest(ctx, victim.Key, victim.Digest)
	return err
}

// present checks a manifest that was acknowledged, and its blob.
func (p *place) present(m pushed) {
	got, err := p.Manifest(p.t.Context(), m.Key, ociref.Reference{Digest: m.Digest})
	if err != nil || ociref.DigestOf(ociref.SHA256, got.Content) != m.Digest {
		p.t.Errorf("manifest %s was acknowledged: %v", m.Digest, err)
	}
	if err := p.whole(m.Key, m.Blob); err != nil {
		p.t.Errorf("blob %s of an acknowledged manifest: %v", m.Blob, err)
	}
}

// holds checks what is held: it is present and, as a referrer, listed once.
func (p *place) holds(m pushed) {
	p.present(m)
	if m.Parent == "" {
		return
	}
	list, more, err := p.Referrers(p.t.Context(), m.Key, m.Parent, registry.ReferrerFilter{Limit: 1000})
	must(p.t, err)
	times := 0
	for _, r := range list {
		if r.Digest == m.Digest {
			times++
		}
	}
	if times != 1 || more {
		p.t.Errorf("%s is listed %d times among the referrers of %s", m.Digest, times, m.Parent)
	}
}

// check holds all there is against the invariants: those of the records, and that
// each link leads to content that is whole.
func (p *place) check(t *testing.T) {
	t.Helper()
	storetest.CheckRegistry(t, p.stores, app.Account)
	var after registry.LinkState
	for {
		page, err := p.stores.LinkStates(t.Context(), after, 100)
		must(t, err)
		if len(page) == 0 {
			return
		}
		for _, after = range page {
			if err := p.whole(after.Key, after.Digest); err != nil {
				t.Errorf("%s holds blob %s: %v", after.Name, after.Digest, err)
			}
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
		p.collect()
		if c := p.collect(); c.Links == 0 && c.Blobs == 0 {
			break
		}
	}
	p.wait(registry.DefaultUploadIdle)
	p.collect()
	if left := p.files(); len(left) != 0 {
		p.t.Errorf("%d files are left: %s", len(left), strings.Join(left, " "))
	}
	links, err := p.stores.LinkStates(p.t.Context(), registry.LinkState{}, 10)
	must(p.t, err)
	if len(links) != 0 {
		p.t.Errorf("links are left: %+v", links)
	}
}
