package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// wide are plans that walk through a whole table, or through all that a
// repository holds. SQLite has no statistics to know better from, so a harmless
// change of a statement or an index can bring one about.
var wide = regexp.MustCompile(`^SCAN (r|m|t|x|c|b|h|repositories|referrals|manifests|image_tags|blob_links|blob_contents|manifest_\w+)\b|\((m\.)?repository=\?\)`)

// mayBeWide are the statements that are about all that a repository holds, find
// nothing left of it, or stop at a first row or a page.
var mayBeWide = regexp.MustCompile(`^DELETE FROM repositories WHERE id = \$1$|^DELETE FROM \w+ WHERE repository = \$1$|^SELECT 1 FROM manifests WHERE repository = \$1 LIMIT 1$|^SELECT t.name FROM image_tags|^SELECT 1 FROM graves WHERE repository = \$1 LIMIT 1$|^SELECT 1 FROM manifests m WHERE m.repository = \$1 AND .* LIMIT 1$|IN \(\s*SELECT [\w, ]+ FROM \w+ WHERE repository = \$1 LIMIT \$2\)$|^SELECT l.account.* LIMIT \$3$|FROM old_referrers_tags o `)

// TestRegistryPlans does everything once and asks how SQLite goes about each
// statement it has seen: no cost may grow with what a repository holds.
func TestRegistryPlans(t *testing.T) {
	ctx := context.Background()
	db, err := OpenSQLite(ctx, filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	everything(t, db)
	seen := statements(t, db)
	if len(seen) < 40 {
		t.Fatalf("only %d statements were seen", len(seen))
	}
	for text := range seen {
		if mayBeWide.MatchString(text) {
			continue
		}
		for _, step := range plan(t, db, text) {
			if wide.MatchString(step) {
				t.Errorf("%s\n\tgoes about %s", text, step)
			}
		}
	}
}

// everything calls each method of the registry's stores.
func everything(t *testing.T, db *DB) {
	ctx, e := context.Background(), func() journal.Event {
		return journal.New(context.Background(), time.Now(), "s", "n", journal.Subject{}, nil)
	}
	key := registry.Key{Account: "111122223333", Name: "team/app"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.Repositories().CreateRepository(ctx, registry.Repository{Key: key}, e()))
	blob, child, sig, absent := ociref.Digest("sha256:b"), ociref.Digest("sha256:c"), ociref.Digest("sha256:s"), ociref.Digest("sha256:absent")
	must(db.Links().LinkBlob(ctx, key, registry.Blob{Digest: blob, Size: 1}, e()))
	put := func(m registry.Manifest, tags ...ociref.Tag) error {
		m.Key, m.Content = key, []byte("{}")
		_, err := db.Manifests().PutManifest(ctx, m, tags, registry.Rules{MaxImages: 1000, MaxTags: 1}, e())
		return err
	}
	must(put(registry.Manifest{Digest: child, Blobs: []ociref.Digest{blob}}, "t"))
	must(put(registry.Manifest{Digest: sig, Subject: child}, "t"))
	must(put(registry.Manifest{Digest: child, Blobs: []ociref.Digest{blob}}, "t"))
	must(put(registry.Manifest{Digest: sig, Subject: child}, "t"))
	must(put(registry.Manifest{Digest: "sha256:i", Children: []ociref.Digest{child, sig}}))
	must(put(registry.Manifest{Digest: "sha256:w", Subject: absent}))
	_ = put(registry.Manifest{Digest: "sha256:x", Blobs: []ociref.Digest{absent}})
	_ = put(registry.Manifest{Digest: "sha256:x", Children: []ociref.Digest{absent}})
	db.Links().LinkedBlob(ctx, key, blob)
	db.Links().Holders(ctx, key.Account, blob, 1)
	db.Links().UnlinkBlob(ctx, key, absent, e())
	db.Repositories().Repository(ctx, key)
	db.Repositories().Repositories(ctx, key.Account, "", 1)
	db.Repositories().Counts(ctx, key.Account, []ociref.Name{key.Name})
	db.Manifests().Manifest(ctx, key, ociref.Reference{Tag: "t"})
	db.Manifests().Manifest(ctx, key, ociref.Reference{Digest: absent})
	db.Manifests().Heads(ctx, key, []ociref.Digest{child, absent})
	for _, status := range []registry.TagStatus{registry.Tagged, registry.Untagged, registry.AnyTagged} {
		db.Manifests().Manifests(ctx, key, registry.ManifestFilter{TagStatus: status, Limit: 1})
	}
	for _, types := range [][]string{nil, {"a"}, {"a", "b", "c"}} {
		db.Manifests().Referrers(ctx, key, child, registry.ReferrerFilter{ArtifactTypes: types, Limit: 1})
	}
	must(db.Manifests().PutReferrals(ctx, key, absent, []ociref.Digest{child}, e()))
	for _, types := range [][]string{nil, {"a"}} {
		db.Manifests().Referrers(ctx, key, absent, registry.ReferrerFilter{ArtifactTypes: types, Limit: 1})
	}
	must(db.Manifests().DeleteReferrals(ctx, key, absent, e()))
	must(db.Manifests().PutReferrals(ctx, key, sig, []ociref.Digest{child}, e()))
	db.Manifests().Subject(ctx, key, "sha512:aa")
	db.Manifests().OldTag(ctx)
	must(db.Manifests().KeepOldTag(ctx, key, "old"))
	must(put(registry.Manifest{Digest: "sha256:o"}, "old"))
	must(db.Manifests().AbsorbOldTag(ctx, key, registry.Absorption{Tag: "old", Index: "sha256:o", Subject: sig}, e()))
	db.Manifests().Tags(ctx, key, "", 1)
	db.Manifests().ImageTags(ctx, key, child)
	db.Manifests().Waiting(ctx, time.Now(), registry.Cursor{}, 1)
	_, err := db.Manifests().DeleteWaiting(ctx, key, "sha256:w", e())
	must(err)
	_, _, err = db.Manifests().Untag(ctx, key, registry.Untagging{Tag: "t", DeleteLast: true}, e())
	if err == nil {
		t.Fatal("the index does not keep its child")
	}
	digests := []ociref.Digest{blob, absent}
	for _, d := range digests {
		_, err := db.Links().ClaimBlob(ctx, d, time.Now())
		must(err)
	}
	_, err = db.Links().UnlinkedBlobs(ctx, digests)
	must(err)
	_, err = db.Links().LinkStates(ctx, registry.LinkState{Key: key, Digest: "sha256:a"}, 10)
	must(err)
	must(db.Links().MarkLinks(ctx, key, digests, time.Now()))
	_, err = db.Links().UnlinkUnnamed(ctx, key, digests, time.Now(), e())
	must(err)
	must(db.Links().LinkBlob(ctx, key, registry.Blob{Digest: "sha256:kept", Content: []byte("x")}, e()))
	must(db.Links().UnlinkBlob(ctx, key, "sha256:kept", e()))
	_, err = db.Links().BlobContent(ctx, "sha256:kept")
	must(err)
	_, _, err = db.Links().SweepContents(ctx, "", 10, time.Now())
	must(err)
	_, err = db.Links().ForgetClaims(ctx, time.Now(), 10)
	must(err)
	for i := range 300 {
		must(put(registry.Manifest{Digest: ociref.Digest(fmt.Sprint("sha256:many", i)), Subject: "sha256:i"}))
	}
	_, err = db.Manifests().DeleteManifest(ctx, key, "sha256:i", e())
	must(err)
	must(put(registry.Manifest{Digest: "sha256:many1", Subject: absent})) // in its grave
	_, err = db.Repositories().DeleteRepository(ctx, key, true, e())
	must(err)
	for n := 1; n > 0; {
		n, err = db.Manifests().Sweep(ctx, 10)
		must(err)
	}
}

// statements are the texts that db's sessions have prepared, in SQLite's words.
func statements(t *testing.T, db *DB) map[string]bool {
	seen := map[string]bool{}
	note := func(q querier) error {
		s := q.(*session)
		for _, text := range slices.Concat(slices.Collect(maps.Keys(s.stmts)), slices.Collect(maps.Keys(s.execs))) {
			if !strings.Contains(text, "journal") && strings.Contains(text, "FROM") || strings.HasPrefix(text, "UPDATE") {
				seen[rowLock.ReplaceAllString(text, "")] = true
			}
		}
		return nil
	}
	if err := db.write(context.Background(), note); err != nil {
		t.Fatal(err)
	}
	readers := db.engine.(*sqliteEngine).readers
	for range cap(readers.free) { // all of them, whoever else reads
		s, err := readers.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer readers.give(s)
		_ = note(s)
	}
	return seen
}

// parameter is a statement's parameter.
var parameter = regexp.MustCompile(`\$(\d+)`)

// plan asks SQLite how it goes about a statement.
func plan(t *testing.T, db *DB, text string) (steps []string) {
	highest := 0
	for _, p := range parameter.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(p[1])
		if err != nil {
			t.Fatal(err)
		}
		highest = max(highest, n)
	}
	err := db.read(context.Background(), func(q querier) (err error) {
		steps, err = collect(q, func(row scanner) (step string, err error) {
			var a, b, c int
			err = row.Scan(&a, &b, &c, &step)
			return step, err
		}, "EXPLAIN QUERY PLAN "+text, make([]any, highest)...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return steps
}
