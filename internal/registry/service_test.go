package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

var app = registry.Key{Account: "111122223333", Name: "app"}

// service is a registry on real stores, with a clock to move.
type service struct {
	*registry.Service
	t       *testing.T
	now     time.Time
	journal journal.Reader
	blobs   string // the directory they are in
	options registry.Options
}

func open(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	s.blobs = filepath.Join(t.TempDir(), "blobs")
	blobs, err := blobstore.Open(s.blobs)
	must(t, err)
	s.journal = db.Journal()
	s.options = registry.Options{Repositories: db.Repositories(), Manifests: db.Manifests(), Links: db.Links(),
		Blobs: blobs, Region: "us-east-1", Now: func() time.Time { return s.now }}
	s.Service, err = registry.New(s.options)
	must(t, err)
	_, err = s.CreateRepository(t.Context(), registry.NewRepository{Key: app})
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// blob uploads content.
func (s *service) blob(content string) ociref.Digest {
	s.t.Helper()
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	u, err := s.StartUpload(s.t.Context(), app)
	must(s.t, err)
	_, err = s.AppendUpload(s.t.Context(), u, 0, strings.NewReader(content))
	must(s.t, err)
	_, err = s.CommitUpload(s.t.Context(), u, d)
	must(s.t, err)
	return d
}

// put pushes a manifest and returns its digest.
func (s *service) put(content string, tags ...ociref.Tag) ociref.Digest {
	s.t.Helper()
	m, _, err := s.Put(s.t.Context(), registry.Push{Key: app, Content: []byte(content), Tags: tags})
	must(s.t, err)
	return m.Digest
}

// image is a manifest whose config is a blob that is pushed first.
func (s *service) image(config, extra string) string {
	s.t.Helper()
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"a/b","digest":%q,"size":%d}%s}`,
		registry.MediaTypeImage, s.blob(config), len(config), extra)
}

func refersTo(d ociref.Digest) string {
	return fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1}`, registry.MediaTypeImage, d)
}

func (s *service) there(d ociref.Digest) bool {
	s.t.Helper()
	_, err := s.Manifest(s.t.Context(), app, ociref.Reference{Digest: d})
	if err != nil && !errors.Is(err, registry.ErrManifestNotFound) {
		s.t.Fatal(err)
	}
	return err == nil
}

func TestExpireWaiting(t *testing.T) {
	s := open(t)
	late := s.image("late", "")
	waiting := s.put(s.image("waits in vain", refersTo("sha256:"+ociref.Digest(strings.Repeat("0", 64)))))
	onWaiting := s.put(s.image("refers to what waits", refersTo(waiting)))
	lucky := s.put(s.image("its subject comes", refersTo(ociref.DigestOf(ociref.SHA256, []byte(late)))))
	s.now = s.now.Add(registry.DefaultWaitingFor)
	if n, err := s.Collect(t.Context()); n.Waiting != 0 || err != nil {
		t.Fatalf("expired %d too early, %v", n.Waiting, err)
	}
	s.put(late)
	s.now = s.now.Add(time.Second)
	if n, err := s.Collect(t.Context()); n.Waiting != 2 || err != nil {
		t.Fatalf("expired %d, %v", n.Waiting, err)
	}
	if s.there(waiting) || s.there(onWaiting) || !s.there(lucky) {
		t.Errorf("waiting %v, on waiting %v, lucky %v", s.there(waiting), s.there(onWaiting), s.there(lucky))
	}
}

func TestExpireWaitingSkipsWhatAnIndexLists(t *testing.T) {
	s := open(t)
	waiting := s.put(s.image("waits", refersTo("sha256:"+ociref.Digest(strings.Repeat("0", 64)))))
	s.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`, registry.MediaTypeIndex, registry.MediaTypeImage, waiting))
	s.now = s.now.Add(registry.DefaultWaitingFor + time.Second)
	if n, err := s.Collect(t.Context()); n.Waiting != 0 || err != nil || !s.there(waiting) {
		t.Errorf("expired %d, %v", n.Waiting, err)
	}
}

func TestRunStops(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, s.Run(ctx, func(err error) { t.Error(err) }))
}

func TestIndexHasTheSizeOfItsLargest(t *testing.T) {
	s := open(t)
	var list []string
	for _, config := range []string{"small", "a much larger config"} {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, registry.MediaTypeImage, s.put(s.image(config, ""))))
	}
	d := s.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, registry.MediaTypeIndex, strings.Join(list, ",")))
	m, err := s.Manifest(t.Context(), app, ociref.Reference{Digest: d})
	must(t, err)
	if want := int64(len("a much larger config")); m.ImageSize != want {
		t.Errorf("ImageSize is %d, want %d", m.ImageSize, want)
	}
}

// TestExpiryPassesWhatStays: referrers that an index keeps do not keep later ones
// from expiring, however many they are.
func TestExpiryPassesWhatStays(t *testing.T) {
	s := open(t)
	absent := ociref.DigestOf(ociref.SHA256, []byte("absent"))
	var kept []string
	for i := range 101 { // more than one batch
		d := s.put(s.image("config", fmt.Sprintf(`,"annotations":{"n":"%d"}`, i)+refersTo(absent)))
		kept = append(kept, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, registry.MediaTypeImage, d))
	}
	s.put(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, registry.MediaTypeIndex, strings.Join(kept, ",")))
	s.now = s.now.Add(time.Second)
	free := s.put(s.image("config", refersTo(absent)))
	s.now = s.now.Add(registry.DefaultWaitingFor + time.Second)
	c, err := s.Collect(t.Context())
	must(t, err)
	if c.Waiting != 1 || s.there(free) {
		t.Errorf("%d expired, and the last is there: %v; want it gone alone", c.Waiting, s.there(free))
	}
}

// TestUploadOfDeletedRepository: what is under way when its repository goes ends
// there, and leaves no blob.
func TestUploadOfDeletedRepository(t *testing.T) {
	s := open(t)
	u, err := s.StartUpload(t.Context(), app)
	must(t, err)
	content := strings.Repeat("x", registry.DefaultSmallBlob+1)
	_, err = s.AppendUpload(t.Context(), u, 0, strings.NewReader(content))
	must(t, err)
	_, err = s.DeleteRepository(t.Context(), app, false)
	must(t, err)
	if _, err := s.UploadSize(t.Context(), u); !errors.Is(err, registry.ErrRepositoryNotFound) {
		t.Errorf("size: %v", err)
	}
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	if _, err := s.CommitUpload(t.Context(), u, d); !errors.Is(err, registry.ErrRepositoryNotFound) {
		t.Errorf("commit: %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.blobs, "blobs", "sha256", d.Hex()[:2])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a blob is left: %v", err)
	}
}

// TestImmutableTagHasOneWinner: of many pushes of one immutable tag at once, one
// is taken.
func TestImmutableTagHasOneWinner(t *testing.T) {
	s := open(t)
	key := registry.Key{Account: app.Account, Name: "fixed"}
	_, err := s.CreateRepository(t.Context(), registry.NewRepository{Key: key, Mutability: registry.Immutable})
	must(t, err)
	var all sync.WaitGroup
	results := make(chan error, 8)
	for i := range 8 {
		content := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"n":"%d"}}`, registry.MediaTypeIndex, i)
		all.Go(func() {
			_, _, err := s.Put(t.Context(), registry.Push{Key: key, Content: []byte(content), Tags: []ociref.Tag{"v1"}})
			results <- err
		})
	}
	all.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, registry.ErrTagImmutable) {
			t.Error(err)
		}
	}
	list, err := s.Manifests(t.Context(), key, registry.ManifestFilter{Limit: 10})
	must(t, err)
	if won != 1 || len(list) != 1 {
		t.Errorf("%d pushes won, %d manifests are there; want one", won, len(list))
	}
}

// TestJournal: each change of state is one row, in ECR's words.
func TestJournal(t *testing.T) {
	s := open(t)
	ctx := journal.WithActor(t.Context(), journal.Actor{Principal: "arn:aws:iam::111122223333:root"})
	manifest := s.image("config", "")
	m, _, err := s.Put(ctx, registry.Push{Key: app, Content: []byte(manifest), Tags: []ociref.Tag{"v1"}})
	must(t, err)
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "v1"})
	must(t, err)
	_, err = s.DeleteManifest(ctx, app, m.Digest)
	must(t, err)
	must(t, s.DeleteBlob(ctx, app, ociref.DigestOf(ociref.SHA256, []byte("config"))))
	_, err = s.DeleteRepository(ctx, app, false)
	must(t, err)
	entries, err := s.journal.Read(ctx, 0, 100)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
		if e.Resource != "arn:aws:ecr:us-east-1:111122223333:repository/app" || e.Source != journal.SourceECR {
			t.Errorf("%s: %s %s", e.Name, e.Source, e.Resource)
		}
	}
	const want = "[CreateRepository CompleteLayerUpload PutImage BatchDeleteImage BatchDeleteImage DeleteLayer DeleteRepository]"
	if fmt.Sprint(names) != want {
		t.Errorf("%v, want %s", names, want)
	}
}

func TestCreateRepositoryRefusals(t *testing.T) {
	s := open(t)
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		n    registry.NewRepository
		want error
	}{
		"again":                {registry.NewRepository{Key: app}, registry.ErrRepositoryExists},
		"unknown mutability":   {registry.NewRepository{Mutability: "SOMETIMES"}, registry.ErrMutability},
		"filters without need": {registry.NewRepository{Exclusions: []string{"a"}}, registry.ErrMutability},
		"no filters":           {registry.NewRepository{Mutability: registry.MutableWithExclusion}, registry.ErrMutability},
		"six filters":          {registry.NewRepository{Mutability: registry.MutableWithExclusion, Exclusions: strings.Split("abcdef", "")}, registry.ErrMutability},
		"a bad filter":         {registry.NewRepository{Mutability: registry.MutableWithExclusion, Exclusions: []string{"a/b"}}, registry.ErrMutability},
		"51 tags":              {registry.NewRepository{Tags: many}, registry.ErrTooManyTags},
		"an empty key":         {registry.NewRepository{Tags: map[string]string{"": "x"}}, registry.ErrResourceTag},
		"a long value":         {registry.NewRepository{Tags: map[string]string{"k": strings.Repeat("é", 257)}}, registry.ErrResourceTag},
	} {
		if c.n.Key == (registry.Key{}) {
			c.n.Key = registry.Key{Account: app.Account, Name: "other"}
		}
		if _, err := s.CreateRepository(t.Context(), c.n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if list, err := s.Repositories(t.Context(), app.Account, "", 10); len(list) != 1 || err != nil {
		t.Errorf("refused requests left repositories: %v, %v", list, err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := registry.New(registry.Options{}); err == nil {
		t.Error("New made a registry of nothing")
	}
}
