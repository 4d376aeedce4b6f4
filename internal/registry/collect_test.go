package registry_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

// hook is called before and after each step of a store that changes something,
// as in "before SetAside". The step is not made when the first says so, and fails
// although it was made when the second does.
type hook func(step string) error

func (h hook) around(step string, do func() error) error {
	if err := h("before " + step); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return h("after " + step)
}

// hookedBlobs and hookedLinks are real stores with a hook around their steps.
type hookedBlobs struct {
	registry.BlobStore
	hook
}

func (b hookedBlobs) Commit(ctx context.Context, scope, id string, digest ociref.Digest) (size int64, err error) {
	err = b.around("Commit", func() (err error) { size, err = b.BlobStore.Commit(ctx, scope, id, digest); return err })
	return size, err
}

func (b hookedBlobs) SetAside(ctx context.Context, digest ociref.Digest) (a registry.Aside, err error) {
	err = b.around("SetAside", func() (err error) { a, err = b.BlobStore.SetAside(ctx, digest); return err })
	return a, err
}

func (b hookedBlobs) Restore(ctx context.Context, a registry.Aside) error {
	return b.around("Restore", func() error { return b.BlobStore.Restore(ctx, a) })
}

func (b hookedBlobs) Discard(ctx context.Context, a registry.Aside) error {
	return b.around("Discard", func() error { return b.BlobStore.Discard(ctx, a) })
}

type hookedLinks struct {
	registry.BlobLinkStore
	hook
}

func (l hookedLinks) LinkBlob(ctx context.Context, key registry.Key, b registry.Blob, e journal.Event) error {
	return l.around("LinkBlob", func() error { return l.BlobLinkStore.LinkBlob(ctx, key, b, e) })
}

func (l hookedLinks) ClaimBlob(ctx context.Context, digest ociref.Digest, at time.Time) (claimed bool, err error) {
	err = l.around("ClaimBlob", func() (err error) { claimed, err = l.BlobLinkStore.ClaimBlob(ctx, digest, at); return err })
	return claimed, err
}

func (l hookedLinks) UnlinkUnnamed(ctx context.Context, key registry.Key, digests []ociref.Digest, before time.Time, e journal.Event) (gone []ociref.Digest, err error) {
	err = l.around("UnlinkUnnamed", func() (err error) {
		gone, err = l.BlobLinkStore.UnlinkUnnamed(ctx, key, digests, before, e)
		return err
	})
	return gone, err
}

type hookedManifests struct {
	registry.ManifestStore
	hook
}

func (m hookedManifests) PutManifest(ctx context.Context, in registry.Manifest, tags []ociref.Tag, rules registry.Rules, e journal.Event) (created bool, err error) {
	err = m.around("PutManifest", func() (err error) {
		created, err = m.ManifestStore.PutManifest(ctx, in, tags, rules, e)
		return err
	})
	return created, err
}

func (m hookedManifests) DeleteManifest(ctx context.Context, key registry.Key, digest ociref.Digest, e journal.Event) (gone []ociref.Digest, err error) {
	err = m.around("DeleteManifest", func() (err error) {
		gone, err = m.ManifestStore.DeleteManifest(ctx, key, digest, e)
		return err
	})
	return gone, err
}

func (m hookedManifests) Sweep(ctx context.Context, limit int) (n int, err error) {
	err = m.around("Sweep", func() (err error) { n, err = m.ManifestStore.Sweep(ctx, limit); return err })
	return n, err
}

// place is a registry in a directory, with hooks; its clock is ahead of files so
// that all of them are old enough.
type place struct {
	*registry.Service
	t      *testing.T
	dir    string
	stores storetest.RegistryStores
	hook   hook
	ahead  atomic.Int64 // of the real clock
}

// openPlace opens a directory as a process does that starts.
func openPlace(t *testing.T, dir string, h hook) *place {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(dir, "records.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	blobs, err := blobstore.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	p := &place{t: t, dir: dir, hook: h,
		stores: storetest.RegistryStores{RepositoryStore: db.Repositories(), ManifestStore: db.Manifests(), BlobLinkStore: db.Links(), Journal: db.Journal()}}
	p.wait(time.Hour)
	around := hook(func(step string) error { return p.hook(step) })
	p.Service, err = registry.New(registry.Options{Repositories: db.Repositories(), Manifests: hookedManifests{db.Manifests(), around},
		Links: hookedLinks{db.Links(), around}, Blobs: hookedBlobs{blobs, around}, Region: "us-east-1",
		Now: func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }, BlobGrace: time.Minute})
	must(t, err)
	for _, name := range []ociref.Name{"app", "other"} {
		if _, err := p.CreateRepository(t.Context(), registry.NewRepository{Key: registry.Key{Account: app.Account, Name: name}}); err != nil && !errors.Is(err, registry.ErrRepositoryExists) {
			t.Fatal(err)
		}
	}
	return p
}

// wait lets time pass.
func (p *place) wait(d time.Duration) { p.ahead.Add(int64(d)) }

func never(string) error { return nil }

var other = registry.Key{Account: app.Account, Name: "other"}

// tryBlob uploads content to a repository.
func (p *place) tryBlob(key registry.Key, content string) (ociref.Digest, error) {
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	u, err := p.StartUpload(p.t.Context(), key)
	if err != nil {
		return d, err
	}
	if _, err := p.AppendUpload(p.t.Context(), u, 0, strings.NewReader(content)); err != nil {
		return d, err
	}
	_, err = p.CommitUpload(p.t.Context(), u, d)
	return d, err
}

func (p *place) blob(key registry.Key, content string) ociref.Digest {
	p.t.Helper()
	d, err := p.tryBlob(key, content)
	must(p.t, err)
	return d
}

// unheld leaves a blob's content without anybody who holds it.
func (p *place) unheld(content string) ociref.Digest {
	p.t.Helper()
	d := p.blob(app, content)
	must(p.t, p.DeleteBlob(p.t.Context(), app, d))
	return d
}

// whole fails unless the repository's blob is there with its content.
func (p *place) whole(key registry.Key, d ociref.Digest) error {
	f, _, err := p.OpenBlob(p.t.Context(), key, d)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err == nil && ociref.DigestOf(d.Algorithm(), content) != d {
		err = errors.New("the content is another")
	}
	return err
}

// files lists what lies in the blob store.
func (p *place) files() (list []string) {
	p.t.Helper()
	must(p.t, filepath.WalkDir(filepath.Join(p.dir, "blobs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, path)
		}
		return err
	}))
	return list
}

// collect makes rounds until what was unnamed at the first is gone.
func (p *place) collect() (total registry.Collected) {
	p.t.Helper()
	for range 2 {
		c, err := p.Collect(p.t.Context())
		must(p.t, err)
		total.Blobs, total.Bytes, total.Links = total.Blobs+c.Blobs, total.Bytes+c.Bytes, total.Links+c.Links
		p.wait(time.Hour)
	}
	return total
}

func TestCollectRemovesWhatNobodyHolds(t *testing.T) {
	p := openPlace(t, t.TempDir(), never)
	p.unheld("nobody's")
	kept := p.blob(app, "shared")
	must(t, p.MountBlob(t.Context(), other, app, kept))
	must(t, p.DeleteBlob(t.Context(), app, kept))
	content := `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"` + string(kept) + `","size":6},"layers":[]}`
	_, _, err := p.Put(t.Context(), registry.Push{Key: other, MediaType: registry.MediaTypeImage, Content: []byte(content)})
	must(t, err)
	if c := p.collect(); c.Blobs != 1 || c.Bytes != int64(len("nobody's")) || c.Links != 0 {
		t.Errorf("collected %+v", c)
	}
	must(t, p.whole(other, kept))

	_, err = p.DeleteManifest(t.Context(), other, ociref.DigestOf(ociref.SHA256, []byte(content)))
	must(t, err)
	if c := p.collect(); c.Links != 1 || c.Blobs != 1 {
		t.Errorf("after the image went: collected %+v", c)
	}
	if left := p.files(); len(left) > 1 { // the lock or nothing
		t.Errorf("left: %q", left)
	}
}

func TestCollectLeavesWhatIsYoung(t *testing.T) {
	p := openPlace(t, t.TempDir(), never)
	p.ahead.Store(0)
	young := p.blob(app, "first a blob, then its manifest")
	p.unheld("nobody's, and young")
	for range 2 {
		c, err := p.Collect(t.Context())
		must(t, err)
		if c.Blobs != 0 || c.Links != 0 {
			t.Errorf("collected %+v", c)
		}
	}
	must(t, p.whole(app, young))
	p.wait(2 * time.Minute)
	p.blob(app, "first a blob, then its manifest") // begins its time anew
	c, err := p.Collect(t.Context())
	must(t, err)
	if c.Links != 0 {
		t.Errorf("collected %+v", c)
	}
}

// TestCollectBesidePush has a push or a mount happen between any two steps of the
// removal of its blob: it is refused, or its blob is whole.
func TestCollectBesidePush(t *testing.T) {
	for _, at := range []string{"before SetAside", "after SetAside", "before ClaimBlob", "after ClaimBlob", "before Discard", "after Discard"} {
		t.Run(at, func(t *testing.T) {
			p := openPlace(t, t.TempDir(), never)
			d := p.unheld("wanted again")
			once := true
			p.hook = func(step string) error {
				if step == at && once {
					once = false
					p.blob(other, "wanted again")
				}
				return nil
			}
			_, err := p.Collect(t.Context())
			must(t, err)
			if once {
				t.Fatal("the step was not made")
			}
			must(t, p.whole(other, d))
			p.settled()
		})
	}
}

// settled checks that nothing is set aside after another collection.
func (p *place) settled() {
	p.t.Helper()
	_, err := p.Collect(p.t.Context())
	must(p.t, err)
	for _, f := range p.files() {
		if strings.Contains(f, "/aside/") {
			p.t.Errorf("left: %s", f)
		}
	}
}

// TestPushBesideCollect has a whole collection happen between any two steps of a
// push: the push is refused and nothing dangles, or its blob is whole.
func TestPushBesideCollect(t *testing.T) {
	for _, at := range []string{"before Commit", "after Commit", "before LinkBlob", "after LinkBlob"} {
		t.Run(at, func(t *testing.T) {
			p := openPlace(t, t.TempDir(), never)
			d := p.unheld("wanted again")
			busy := false
			p.hook = func(step string) error {
				if step == at && !busy {
					busy = true
					_, err := p.Collect(t.Context())
					must(t, err)
				}
				return nil
			}
			_, err := p.tryBlob(other, "wanted again")
			if err != nil && !errors.Is(err, registry.ErrBlobCollected) {
				t.Fatal(err)
			}
			_, linked := p.StatBlob(t.Context(), other, d)
			if (err == nil) != (linked == nil) {
				t.Fatalf("push: %v, link: %v", err, linked)
			}
			if err == nil {
				must(t, p.whole(other, d))
			}
			p.hook = never
			p.blob(other, "wanted again")
			must(t, p.whole(other, d))
		})
	}
}

// TestMountBesideCollect takes the blob from under a mount.
func TestMountBesideCollect(t *testing.T) {
	p := openPlace(t, t.TempDir(), never)
	d := p.blob(app, "to mount")
	p.hook = func(step string) error {
		if step == "before LinkBlob" {
			p.hook = never
			must(t, p.DeleteBlob(t.Context(), app, d))
			_, err := p.Collect(t.Context())
			must(t, err)
		}
		return nil
	}
	if err := p.MountBlob(t.Context(), other, app, d); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Fatalf("mount: %v, want ErrBlobNotFound", err)
	}
	if _, err := p.StatBlob(t.Context(), other, d); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Fatalf("after the mount: %v", err)
	}
}

// TestKilledCollection kills a process between any two steps of a collection, in
// the middle of which somebody links one blob again. Afterwards that blob is whole,
// the others are gone or can be pushed again, and the next collection leaves nothing.
func TestKilledCollection(t *testing.T) {
	if dir := os.Getenv("COLLECT_CRASH_DIR"); dir != "" {
		collectAndDie(t, dir, os.Getenv("COLLECT_CRASH_AT"))
		return
	}
	for _, at := range []string{"before SetAside", "after SetAside", "before ClaimBlob", "after ClaimBlob", "before Restore", "after Restore", "before Discard", "after Discard"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledCollection$")
			cmd.Env = append(os.Environ(), "COLLECT_CRASH_DIR="+dir, "COLLECT_CRASH_AT="+at)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process did not die at %q: %v\n%s", at, err, out)
			}
			p := openPlace(t, dir, never)
			for _, content := range []string{"linked again", nobodys()} {
				d := ociref.DigestOf(ociref.SHA256, []byte(content))
				if _, err := p.StatBlob(t.Context(), other, d); err == nil {
					must(t, p.whole(other, d))
				} else if content == "linked again" && strings.Contains(string(out), "acknowledged") {
					t.Errorf("the blob that was linked is gone: %v", err)
				}
				must(t, p.whole(app, p.blob(app, content)))
				must(t, p.DeleteBlob(t.Context(), app, d))
			}
			p.settled()
			p.collect()
			p.collect()
			if left := p.files(); len(left) != 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// nobodys is content that a collection comes to after "linked again".
func nobodys() string {
	for content := "nobody's"; ; content += "!" {
		if ociref.DigestOf(ociref.SHA256, []byte(content)) > ociref.DigestOf(ociref.SHA256, []byte("linked again")) {
			return content
		}
	}
}

// collectAndDie is the process that dies.
func collectAndDie(t *testing.T, dir, at string) {
	p := openPlace(t, dir, never)
	again := p.unheld("linked again")
	p.unheld(nobodys())
	linked := false
	p.hook = func(step string) error {
		if step == "before SetAside" && !linked {
			linked = true
			if p.blob(other, "linked again") == again { // after the records were asked who holds it
				os.Stdout.WriteString("acknowledged\n")
			}
		}
		if step == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	_, err := p.Collect(t.Context())
	t.Fatal("it was not killed", err)
}

// TestCollectGoesOnPastWhatFails: of what was left aside, one that cannot be
// removed keeps no other from it, nor does a part of the store that cannot be
// read.
func TestCollectGoesOnPastWhatFails(t *testing.T) {
	dir := t.TempDir()
	failures := 0
	p := openPlace(t, dir, never)
	failing := func(times int) {
		failures = times
		p.hook = func(step string) error {
			if step != "before Discard" || failures == 0 {
				return nil
			}
			failures--
			return syscall.EIO
		}
	}
	p.unheld("one")
	p.unheld("two")
	must(t, os.WriteFile(filepath.Join(dir, "blobs", "blobs", "sha256", "00"), nil, 0o600))
	failing(2)
	if c, err := p.Collect(t.Context()); err == nil || c.Blobs != 0 {
		t.Fatalf("both fail: %+v, %v", c, err)
	}
	failing(1)
	if c, err := p.Collect(t.Context()); !errors.Is(err, syscall.EIO) || c.Blobs != 1 {
		t.Errorf("one fails: %+v, %v", c, err)
	}
	failing(0)
	if c, err := p.Collect(t.Context()); err == nil || c.Blobs != 1 {
		t.Errorf("none fails, but a part cannot be read: %+v, %v", c, err)
	}
}
