package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

var errNotNow = fault.New(fault.Conflict, "not now")

// never lets no tag point anywhere.
func never(registry.Repository, ociref.Tag, ociref.Digest) error { return errNotNow }

func testPutAndRead(s *shop) {
	image := s.push(s.image(s.blob(), s.blob()), "v2", "v1", "v1")
	same(s, s.get(image.Digest), image)
	byTag, err := s.Manifest(ctx, app, ociref.Reference{Tag: "v2"})
	s.must(err)
	byTag.Tags = image.Tags // which are read apart
	same(s, byTag, image)

	m := s.referrer(image.Digest, "application/sig")
	m.Digest = ociref.DigestOf(ociref.SHA512, m.Content)
	sig := s.push(m)
	same(s, s.get(sig.Digest), sig)
	bare := s.image()
	bare.ArtifactType = ""
	same(s, s.get(s.push(bare).Digest), stored(bare))

	s.gone(s.image().Digest)
	_, err = s.Manifest(ctx, app, ociref.Reference{Tag: "v3"})
	s.want(err, registry.ErrManifestNotFound)
	for _, ref := range []ociref.Reference{{Tag: "v1"}, {Digest: image.Digest}} {
		_, err = s.Manifest(ctx, key("team/none"), ref)
		s.want(err, registry.ErrRepositoryNotFound)
	}
}

func testHeads(s *shop) {
	image := s.push(s.image(s.blob()), "v1")
	sig := s.push(s.referrer(image.Digest, "application/sig"))
	absent := ociref.DigestOf(ociref.SHA256, []byte("absent"))
	heads, err := s.Heads(ctx, app, []ociref.Digest{sig.Digest, absent, image.Digest, sig.Digest})
	s.must(err)
	want := map[ociref.Digest]registry.Manifest{}
	for _, m := range []registry.Manifest{image, sig} {
		m.Content, m.Annotations, m.Tags = nil, nil, nil
		want[m.Digest] = m
	}
	same(s, heads, want)
	heads, err = s.Heads(ctx, app, nil)
	s.must(err)
	same(s, len(heads), 0)
	_, err = s.Heads(ctx, key("team/none"), []ociref.Digest{absent})
	s.want(err, registry.ErrRepositoryNotFound)
}

func testPutRefusals(s *shop) {
	put := func(m registry.Manifest) error {
		created, err := s.PutManifest(ctx, m, []ociref.Tag{"v1"}, freely, event("PutImage"))
		if created {
			s.Fatal("created, and failed")
		}
		return err
	}
	blob, absent := s.blob(), ociref.DigestOf(ociref.SHA256, []byte("absent"))
	s.want(put(s.image(blob, absent)), registry.ErrManifestBlob)
	child := s.push(s.image())
	s.want(put(s.index(child.Digest, absent)), registry.ErrChildNotFound)
	s.create("team/other")
	elsewhere := s.image(blob)
	elsewhere.Key = key("team/other")
	s.want(put(elsewhere), registry.ErrManifestBlob)
	elsewhere.Key = key("team/none")
	s.want(put(elsewhere), registry.ErrRepositoryNotFound)
	list, err := s.Manifests(ctx, app, registry.ManifestFilter{Limit: 10})
	s.must(err)
	same(s, digests(list), []ociref.Digest{child.Digest})
	_, err = s.Manifest(ctx, app, ociref.Reference{Tag: "v1"})
	s.want(err, registry.ErrManifestNotFound)
}

// The last of several tags is refused: neither the manifest nor the tags before
// it are there.
func testPutAtomic(s *shop) {
	first := s.push(s.image(), "b")
	next := s.image(s.blob())
	refuseC := func(_ registry.Repository, tag ociref.Tag, _ ociref.Digest) error {
		if tag == "c" {
			return errNotNow
		}
		return nil
	}
	created, err := s.PutManifest(ctx, next, []ociref.Tag{"a", "b", "c"}, registry.Rules{Tag: refuseC}, event("PutImage"))
	s.want(err, errNotNow)
	same(s, created, false)
	s.gone(next.Digest)
	tags, err := s.Tags(ctx, app, "", 10)
	s.must(err)
	same(s, tags, []ociref.Tag{"b"})
	same(s, s.get(first.Digest), first)
}

func testPutAgain(s *shop) {
	image := s.push(s.image(s.blob()), "v1")
	again := image
	again.PushedAt = s.tick()
	created, err := s.PutManifest(ctx, again, []ociref.Tag{"v1", "v2"}, freely, event("PutImage"))
	s.must(err)
	same(s, created, false)
	image.Tags = []ociref.Tag{"v1", "v2"}
	same(s, s.get(image.Digest), image) // PushedAt too
}

func testTags(s *shop) {
	type question struct {
		tag     ociref.Tag
		current ociref.Digest
	}
	var asked []question
	ask := func(r registry.Repository, tag ociref.Tag, current ociref.Digest) error {
		same(s, r.Key, app)
		asked = append(asked, question{tag, current})
		return nil
	}
	put := func(m registry.Manifest, tags ...ociref.Tag) {
		asked = nil
		_, err := s.PutManifest(ctx, m, tags, registry.Rules{Tag: ask}, event("PutImage"))
		s.must(err)
	}
	one, two := s.image(), s.image()
	put(one, "b", "a")
	same(s, asked, []question{{"a", ""}, {"b", ""}})
	put(two, "b")
	same(s, asked, []question{{"b", one.Digest}})
	put(two, "b", "c")
	same(s, asked, []question{{"b", two.Digest}, {"c", ""}})
	same(s, s.get(one.Digest).Tags, []ociref.Tag{"a"})
	same(s, s.get(two.Digest).Tags, []ociref.Tag{"b", "c"})

	s.push(s.image(), "A", "Z", "_", "a.b", "a-b", "a0") // byte order has upper case first
	var all []ociref.Tag
	for after := ociref.Tag(""); ; after = all[len(all)-1] {
		page, err := s.Tags(ctx, app, after, 2)
		s.must(err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
	}
	same(s, all, []ociref.Tag{"A", "Z", "_", "a", "a-b", "a.b", "a0", "b", "c"})
	_, err := s.Tags(ctx, key("team/none"), "", 10)
	s.want(err, registry.ErrRepositoryNotFound)
}

func testManifestPages(s *shop) {
	var tagged, untagged, all []ociref.Digest
	at := s.tick()
	for i := range 9 {
		m := s.image()
		if i > 5 {
			m.PushedAt = at // at one moment, and before the others
		}
		if i%3 == 0 {
			tagged = append(tagged, s.push(m, ociref.Tag(fmt.Sprint("t", i))).Digest)
		} else {
			untagged = append(untagged, s.push(m).Digest)
		}
	}
	pages := func(status registry.TagStatus) (list []registry.Manifest) {
		f := registry.ManifestFilter{TagStatus: status, Limit: 2}
		for {
			page, err := s.Manifests(ctx, app, f)
			s.must(err)
			if len(page) == 0 {
				return list
			}
			list = append(list, page...)
			f.After = page[len(page)-1].Cursor()
		}
	}
	all = digests(pages(""))
	same(s, len(all), 9)
	same(s, digests(pages(registry.AnyTagged)), all)
	inOrder := slices.IsSortedFunc(pages(""), func(a, b registry.Manifest) int { return a.PushedAt.Compare(b.PushedAt) })
	same(s, inOrder, true)
	only := func(of []ociref.Digest) []ociref.Digest {
		return slices.DeleteFunc(slices.Clone(all), func(d ociref.Digest) bool { return !slices.Contains(of, d) })
	}
	same(s, digests(pages(registry.Tagged)), only(tagged))
	same(s, digests(pages(registry.Untagged)), only(untagged))
	same(s, pages("")[0], listed(s.get(all[0])))

	page, err := s.Manifests(ctx, app, registry.ManifestFilter{Limit: 4}) // a page's end goes, the next page comes all the same
	s.must(err)
	_, err = s.DeleteManifest(ctx, app, page[3].Digest, event("BatchDeleteImage"))
	s.must(err)
	next, err := s.Manifests(ctx, app, registry.ManifestFilter{Limit: 4, After: page[3].Cursor()})
	s.must(err)
	same(s, digests(next), all[4:8])
	_, err = s.Manifests(ctx, key("team/none"), registry.ManifestFilter{Limit: 1})
	s.want(err, registry.ErrRepositoryNotFound)
}

func testReferrers(s *shop) {
	image, other := s.push(s.image()), s.push(s.image())
	types := []string{"application/a", "application/b", "application/c"}
	var want []registry.Manifest
	for i := range 12 {
		want = append(want, s.push(s.referrer(image.Digest, types[i%3])))
	}
	s.push(s.referrer(other.Digest, "application/a"))
	of := func(artifactTypes ...string) (list []registry.Manifest) {
		f := registry.ReferrerFilter{ArtifactTypes: artifactTypes, Limit: 3}
		for {
			page, more, err := s.Referrers(ctx, app, image.Digest, f)
			s.must(err)
			list = append(list, page...)
			if !more {
				return list
			}
			f.After = page[len(page)-1].Cursor()
		}
	}
	only := func(artifactTypes ...string) (ds []ociref.Digest) {
		for _, m := range want {
			if slices.Contains(artifactTypes, m.ArtifactType) {
				ds = append(ds, m.Digest)
			}
		}
		return ds
	}
	same(s, of()[0], referring(want[0]))
	same(s, digests(of()), digests(want))
	same(s, digests(of("application/b")), only("application/b"))
	same(s, digests(of("application/c", "application/a", "application/a")), only("application/a", "application/c"))
	same(s, digests(of("application/none")), nil)

	none, _, err := s.Referrers(ctx, app, want[0].Digest, registry.ReferrerFilter{Limit: 3})
	s.must(err)
	same(s, none, nil)
	_, _, err = s.Referrers(ctx, key("team/none"), image.Digest, registry.ReferrerFilter{Limit: 3})
	s.want(err, registry.ErrRepositoryNotFound)
}

// However large annotations are, a page of referrers is not.
func testLargeReferrers(s *shop) {
	image := s.push(s.image())
	var want []ociref.Digest
	for range 5 {
		large := map[string]any{"subject": map[string]any{"digest": image.Digest}, "padding": strings.Repeat("x", registry.ReferrersPage/2)}
		want = append(want, s.push(s.manifest(large, registry.Manifest{MediaType: registry.MediaTypeImage, Subject: image.Digest})).Digest)
	}
	f := registry.ReferrerFilter{Limit: 100}
	for left := want; len(left) > 0; left = left[min(2, len(left)):] {
		page, more, err := s.Referrers(ctx, app, image.Digest, f)
		s.must(err)
		same(s, digests(page), left[:min(2, len(left))])
		same(s, more, len(left) > 2)
		f.After = page[len(page)-1].Cursor()
	}
}

func testWaiting(s *shop) {
	subject := s.image()
	early := s.push(withWaiting(s.referrer(subject.Digest, "application/a")))
	same(s, s.get(early.Digest), early)
	onIt := s.push(s.referrer(early.Digest, "application/b")) // its subject waits, it does not
	same(s, s.get(onIt.Digest), onIt)
	list, _, err := s.Referrers(ctx, app, subject.Digest, registry.ReferrerFilter{Limit: 3})
	s.must(err)
	same(s, list, []registry.Manifest{referring(early)})
	waiting, err := s.Waiting(ctx, early.PushedAt.Add(time.Microsecond), registry.Cursor{}, 10)
	s.must(err)
	same(s, waiting, []registry.Manifest{listed(early)})
	waiting, err = s.Waiting(ctx, early.PushedAt, registry.Cursor{}, 10)
	s.must(err)
	same(s, waiting, nil)

	s.push(subject)
	early.Waiting = false
	same(s, s.get(early.Digest), early)
	waiting, err = s.Waiting(ctx, s.tick(), registry.Cursor{}, 10)
	s.must(err)
	same(s, waiting, nil)
}

// withWaiting is what a store returns of m while its subject is not there.
func withWaiting(m registry.Manifest) registry.Manifest {
	m.Waiting = true
	return m
}

func testDeleteWaiting(s *shop) {
	subject, other := s.image(), s.image()
	a := s.push(withWaiting(s.referrer(subject.Digest, "application/a")))
	b := s.push(withWaiting(s.referrer(other.Digest, "application/a")))
	onA := s.push(s.referrer(a.Digest, "application/b"))
	list, err := s.Waiting(ctx, s.tick(), registry.Cursor{}, 1)
	s.must(err)
	same(s, digests(list), []ociref.Digest{a.Digest})
	list, err = s.Waiting(ctx, s.tick(), a.Cursor(), 10)
	s.must(err)
	same(s, digests(list), []ociref.Digest{b.Digest})

	s.push(other) // b's subject comes after the list was made
	_, err = s.DeleteWaiting(ctx, app, b.Digest, event("Expire"))
	s.want(err, registry.ErrManifestNotFound)
	_, err = s.DeleteWaiting(ctx, app, onA.Digest, event("Expire"))
	s.want(err, registry.ErrManifestNotFound)
	gone, err := s.DeleteWaiting(ctx, app, a.Digest, event("Expire"))
	s.must(err)
	same(s, gone, []ociref.Digest{a.Digest, onA.Digest})
	s.gone(a.Digest)
	s.gone(onA.Digest)
	_, err = s.DeleteWaiting(ctx, app, a.Digest, event("Expire"))
	s.want(err, registry.ErrManifestNotFound)
	_, err = s.DeleteWaiting(ctx, key("team/none"), a.Digest, event("Expire"))
	s.want(err, registry.ErrRepositoryNotFound)
}

func testLargeIndex(s *shop) {
	var children, blobs []ociref.Digest
	for range 1100 { // more than two statements hold
		blobs = append(blobs, s.blob())
	}
	for range 600 {
		children = append(children, s.push(s.image()).Digest)
	}
	image := s.push(s.image(blobs...))
	index := s.push(s.index(children...))
	s.want(s.UnlinkBlob(ctx, app, blobs[1099], event("DeleteLayer")), registry.ErrBlobInUse)
	_, err := s.DeleteManifest(ctx, app, children[599], event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestInUse)
	_, err = s.PutManifest(ctx, s.index(append(children, s.image().Digest)...), nil, freely, event("PutImage"))
	s.want(err, registry.ErrChildNotFound)
	for _, d := range []ociref.Digest{index.Digest, image.Digest} {
		_, err = s.DeleteManifest(ctx, app, d, event("BatchDeleteImage"))
		s.must(err)
	}
}

// Each change writes its one event; what fails or changes nothing writes none.
func testRegistryJournal(s *shop) {
	before := s.entries()
	image := s.image(s.blob())
	sig := s.referrer(image.Digest, "application/sig")
	s.push(image, "v1", "v2")
	s.push(sig)
	s.push(s.referrer(s.image().Digest, "application/sig")) // waits, so it is tried twice

	_, err := s.PutManifest(ctx, image, []ociref.Tag{"v1"}, freely, event("Nothing"))
	s.must(err)
	_, err = s.PutManifest(ctx, s.image(), []ociref.Tag{"v1"}, registry.Rules{Tag: never}, event("Nothing"))
	s.want(err, errNotNow)
	s.must(s.LinkBlob(ctx, app, registry.Blob{Digest: image.Blobs[0], Size: 1}, event("Nothing")))
	err = s.UnlinkBlob(ctx, app, image.Blobs[0], event("Nothing"))
	s.want(err, registry.ErrBlobInUse)
	message, _ := fault.Message(err)
	same(s, strings.Contains(message, string(image.Digest)), true)
	s.want(s.CreateRepository(ctx, registry.Repository{Key: app}, event("Nothing")), registry.ErrRepositoryExists)
	_, err = s.DeleteManifest(ctx, app, s.image().Digest, event("Nothing"))
	s.want(err, registry.ErrManifestNotFound)

	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "v1", DeleteLast: true}, event("Untag"))
	s.must(err)
	_, err = s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	s.must(s.UnlinkBlob(ctx, app, image.Blobs[0], event("DeleteLayer")))
	_, err = s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	same(s, s.entries()[len(before):], []string{"CompleteLayerUpload", "PutImage", "PutImage", "PutImage", "Untag", "BatchDeleteImage", "DeleteLayer", "DeleteRepository"})
}

// entries lists the names of all events.
func (s *shop) entries() (list []string) {
	s.Helper()
	var after journal.Position
	for {
		page, err := s.Journal.Read(ctx, after, 100)
		s.must(err)
		if len(page) == 0 {
			return list
		}
		for _, e := range page {
			list = append(list, e.Name)
			after = e.Position
		}
	}
}

func testLinks(s *shop) {
	d := ociref.DigestOf(ociref.SHA512, []byte("blob"))
	_, err := s.LinkedBlob(ctx, app, d)
	s.want(err, registry.ErrBlobNotFound)
	s.must(s.LinkBlob(ctx, app, registry.Blob{Digest: d, Size: 1 << 40}, event("CompleteLayerUpload")))
	s.must(s.LinkBlob(ctx, app, registry.Blob{Digest: d, Size: 1 << 40}, event("CompleteLayerUpload")))
	size, err := s.LinkedBlob(ctx, app, d)
	s.must(err)
	same(s, size, 1<<40)

	image := s.push(s.image(d))
	s.want(s.UnlinkBlob(ctx, app, d, event("DeleteLayer")), registry.ErrBlobInUse)
	_, err = s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	s.must(s.UnlinkBlob(ctx, app, d, event("DeleteLayer")))
	s.want(s.UnlinkBlob(ctx, app, d, event("DeleteLayer")), registry.ErrBlobNotFound)

	none := key("team/none")
	_, err = s.LinkedBlob(ctx, none, d)
	err = errors.Join(err, s.LinkBlob(ctx, none, registry.Blob{Digest: d, Size: 1}, event("CompleteLayerUpload")), s.UnlinkBlob(ctx, none, d, event("DeleteLayer")))
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		s.want(e, registry.ErrRepositoryNotFound)
	}
}
