package registry_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/leader"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
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

func (l hookedLinks) SweepContents(ctx context.Context, after ociref.Digest, limit int, at time.Time) (gone []registry.Blob, next ociref.Digest, err error) {
	err = l.around("SweepContents", func() (err error) {
		gone, next, err = l.BlobLinkStore.SweepContents(ctx, after, limit, at)
		return err
	})
	return gone, next, err
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

type hookedLeaders struct {
	leader.Store
	hook
}

func (l hookedLeaders) SwapBeat(ctx context.Context, task string, was, next leader.Beat) (swapped bool, err error) {
	err = l.around("SwapBeat", func() (err error) { swapped, err = l.Store.SwapBeat(ctx, task, was, next); return err })
	return swapped && err == nil, err
}

// site is where a registry keeps its things; any number of places may be opened
// on one, as processes that share it.
type site struct {
	database string // a PostgreSQL URL or the file of a SQLite database
	dir      string
	ahead    *atomic.Int64 // of the real clock
	alone    bool          // one place at a time is open
}

// newSite makes a site whose clock is so far ahead of files that all are old enough.
func newSite(database, dir string) site {
	s := site{database: database, dir: dir, ahead: new(atomic.Int64)}
	s.wait(time.Hour)
	return s
}

// onSQLite is an empty site.
func onSQLite(t testing.TB) site {
	dir := t.TempDir()
	return newSite(filepath.Join(dir, "records.db"), dir)
}

// onEach runs a test on SQLite and on PostgreSQL. fresh makes an empty site.
func onEach(t *testing.T, test func(t *testing.T, fresh func(testing.TB) site)) {
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite) })
	t.Run("postgres", func(t *testing.T) {
		pgtest.URL(t) // skips, if need be, before the subtests
		test(t, func(t testing.TB) site { return newSite(pgtest.URL(t), t.TempDir()) })
	})
}

// wait lets time pass.
func (s site) wait(d time.Duration) { s.ahead.Add(int64(d)) }

func (s site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s site) openRecords(ctx context.Context) (*sqlstore.DB, error) {
	if strings.HasPrefix(s.database, "postgres") {
		return sqlstore.OpenPostgres(ctx, s.database)
	}
	return sqlstore.OpenSQLite(ctx, s.database)
}

func (s site) openBlobs() (*blobstore.Dir, error) {
	if s.alone {
		return blobstore.Open(filepath.Join(s.dir, "blobs"))
	}
	return blobstore.OpenShared(filepath.Join(s.dir, "blobs"))
}

// Environment of a child process.
const (
	databaseVariable  = "SEALWRIGHT_TEST_SITE_DATABASE"
	directoryVariable = "SEALWRIGHT_TEST_SITE_DIRECTORY"
)

// child is this program again, to run a test on the same site as another process.
func (s site) child(test string, environment ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	c.Env = append(append(os.Environ(), databaseVariable+"="+s.database, directoryVariable+"="+s.dir), environment...)
	return c
}

// parentsSite is the site that a child was given.
func parentsSite() (s site, isChild bool) {
	database := os.Getenv(databaseVariable)
	return newSite(database, os.Getenv(directoryVariable)), database != ""
}

// place is a registry with hooks: what one process has of a site.
type place struct {
	*registry.Service
	site
	t      testing.TB
	stores storetest.RegistryStores
	blobs  registry.BlobStore
	hook   hook
	rounds atomic.Int64 // of collections that ended
}

// openPlace opens a site as a process does that starts.
func openPlace(t testing.TB, at site, h hook) *place {
	t.Helper()
	db, err := at.openRecords(t.Context())
	must(t, err)
	t.Cleanup(func() { db.Close() })
	blobs, err := at.openBlobs()
	must(t, err)
	t.Cleanup(func() { blobs.Close() })
	p := &place{site: at, t: t, hook: h, blobs: blobs,
		stores: storetest.RegistryStores{RepositoryStore: db.Repositories(), ManifestStore: db.Manifests(), BlobLinkStore: db.Links(), Store: db.Leaders(), Journal: db.Journal()}}
	around := hook(func(step string) error { return p.hook(step) })
	p.Service, err = registry.New(registry.Options{Repositories: db.Repositories(), Manifests: hookedManifests{db.Manifests(), around},
		Links: hookedLinks{db.Links(), around}, Blobs: hookedBlobs{blobs, around}, Leaders: hookedLeaders{db.Leaders(), around},
		Region: "us-east-1", Now: at.now, BlobGrace: time.Minute, SmallBlob: small, Collected: func(c registry.Collected) { p.rounds.Add(int64(c.Rounds)) }})
	must(t, err)
	for _, name := range []ociref.Name{"app", "other"} {
		if _, err := p.CreateRepository(t.Context(), registry.NewRepository{Key: registry.Key{Account: app.Account, Name: name}}); err != nil && !errors.Is(err, registry.ErrRepositoryExists) {
			t.Fatal(err)
		}
	}
	return p
}

// small is the size of the largest content that a place keeps in its records.
const small = 7

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

// files lists what lies in the blob store, but for the slots of small uploads.
func (p *place) files() (list []string) {
	p.t.Helper()
	must(p.t, filepath.WalkDir(filepath.Join(p.dir, "blobs"), func(path string, e fs.DirEntry, err error) error {
		own := slices.Contains([]string{"small-uploads", "id", "owner"}, e.Name()) // not content
		if err == nil && !e.IsDir() && !own {
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
