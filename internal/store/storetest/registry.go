package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/leader"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// RegistryStores are the implementations under test, over one empty database.
type RegistryStores struct {
	registry.RepositoryStore
	registry.ManifestStore
	registry.BlobLinkStore
	leader.Store
	Journal journal.Reader
}

// Registry holds an implementation of the registry's ports against their
// contracts. open makes stores over a database of their own for each test, and
// closes them with it. Every test ends with [CheckRegistry].
func Registry(t *testing.T, open func(t *testing.T) RegistryStores) {
	tests := []struct {
		name string
		run  func(*shop)
	}{
		{"repositories", testRepositories},
		{"repositories page by name", testRepositoryPages},
		{"delete repository", testDeleteRepository},
		{"repository policies", testRepositoryPolicy},
		{"registry policies", testRegistryPolicy},
		{"resource tags", testResourceTags},
		{"accounts are apart", testAccounts},
		{"put and read", testPutAndRead},
		{"heads", testHeads},
		{"put refuses what dangles", testPutRefusals},
		{"put is all or nothing", testPutAtomic},
		{"put again", testPutAgain},
		{"tags move as decided", testTags},
		{"quota of tags", testTagQuota},
		{"manifests page in push order", testManifestPages},
		{"referrers", testReferrers},
		{"large referrers", testLargeReferrers},
		{"referrers have a revision", testReferrersRevision},
		{"referrals", testReferrals},
		{"referrals have a bound", testManyReferrals},
		{"referrals end with manifest and subject", testReferralsEnd},
		{"many referrals go at once", testBuriedReferrals},
		{"referrals are taken back", testDeleteReferrals},
		{"a tag that was kept is absorbed", testAbsorbOldTag},
		{"subjects by their first digits", testSubject},
		{"a repository made anew has revisions of its own", testRevisionOfRepositoryMadeAnew},
		{"referrers wait", testWaiting},
		{"waiting expires", testDeleteWaiting},
		{"delete takes referrers along", testDeleteManifest},
		{"delete stops at an index", testDeleteInUse},
		{"many referrers go at once", testBuried},
		{"many referrers with referrers go at once", testBuriedChains},
		{"the dead keep no tags", testBuriedTags},
		{"the dead keep nothing", testBuriedBlob},
		{"the dead come back as new", testBuriedComesBack},
		{"the dead are no parts", testBuriedAsPart},
		{"deleted repositories are swept", testSweepRepository},
		{"referrals are swept in steps", testSweepReferrals},
		{"claims on content", testClaims},
		{"links age", testLinkAges},
		{"contents in the records", testContents},
		{"contents of blobs that are held", testContentOfHeld},
		{"many contents", testManyContents},
		{"beats of leaders", testBeats},
		{"untag", testUntag},
		{"blob links", testLinks},
		{"large index", testLargeIndex},
		{"counts", testCounts},
		{"quota", testQuota},
		{"journal", testRegistryJournal},
		{"race: index and child", raceIndexAndChild},
		{"race: referrer and subject", raceReferrerAndSubject},
		{"race: referrer before subject", raceWaiting},
		{"race: subject before referrer", raceSubjectFirst},
		{"race: immutable tag", raceImmutableTag},
		{"race: moving tag", raceMovingTag},
		{"race: blob and manifest", raceBlobAndManifest},
		{"race: push and repository", racePushAndRepository},
		{"race: a deletion among pushes", raceDeleteAmongPushes},
		{"race: claims and links", raceClaims},
		{"race: a manifest and its blob's age", raceUnnamed},
		{"race: sweep, push and mount", raceContents},
		{"race: referral and its manifest", raceReferral},
		{"race: leaders", raceLeaders},
		{"race: same manifest", raceSameManifest},
		{"race: quota", raceQuota},
		{"race: tags in both orders", raceTagOrders},
		{"race: everything", raceEverything},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := &shop{T: t, RegistryStores: open(t), now: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}
			s.create("team/app")
			tc.run(s)
			CheckRegistry(t, s.RegistryStores, testAccount, otherAccount)
		})
	}
}

const (
	testAccount  = arn.AccountID("111122223333")
	otherAccount = arn.AccountID("444455556666")
	testRegion   = "us-east-1"
)

var ctx = context.Background()

// shop is one test's stores, with the steps tests are written in. Steps that
// fail end the test, so those that may run beside others return their error.
type shop struct {
	*testing.T
	RegistryStores
	now    time.Time
	serial int
}

func key(name ociref.Name) registry.Key { return registry.Key{Account: testAccount, Name: name} }

// app is the repository that every test starts with.
var app = key("team/app")

func event(name string) journal.Event {
	about := journal.Subject{Account: testAccount, Region: testRegion}
	return journal.New(ctx, time.Now(), journal.SourceECR, name, about, nil)
}

// tick is a later time at each call.
func (s *shop) tick() time.Time {
	s.now = s.now.Add(time.Second)
	return s.now
}

// must ends the test on an error.
func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// want ends the test unless err is the wanted one.
func (s *shop) want(err, wanted error) {
	s.Helper()
	if !errors.Is(err, wanted) {
		s.Fatalf("got error %v, want %v", err, wanted)
	}
}

// same ends the test unless got is wanted. Empty lists are equal to nil.
func same[T any](s *shop, got, wanted T) {
	s.Helper()
	if g := reflect.ValueOf(got); g.Kind() == reflect.Slice && g.Len() == 0 && reflect.ValueOf(wanted).Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, wanted) {
		s.Fatalf("got  %+v\nwant %+v", got, wanted)
	}
}

func (s *shop) create(name ociref.Name) registry.Repository {
	s.Helper()
	r := registry.Repository{Key: key(name), Region: testRegion, Mutability: registry.Mutable, CreatedAt: s.tick()}
	s.must(s.CreateRepository(ctx, r, event("CreateRepository")))
	return r
}

// blob links new content to app.
func (s *shop) blob() ociref.Digest {
	s.Helper()
	s.serial++
	d := ociref.DigestOf(ociref.SHA256, fmt.Appendf(nil, "blob %d", s.serial))
	s.must(s.LinkBlob(ctx, app, registry.Blob{Digest: d, Size: int64(s.serial)}, event("CompleteLayerUpload")))
	return d
}

// image makes a manifest over blobs; it is not pushed.
func (s *shop) image(blobs ...ociref.Digest) registry.Manifest {
	layers := []map[string]any{}
	for _, b := range blobs {
		layers = append(layers, map[string]any{"digest": b})
	}
	return s.manifest(map[string]any{"layers": layers}, registry.Manifest{
		MediaType: registry.MediaTypeImage, ArtifactType: "application/vnd.oci.image.config.v1+json", Blobs: blobs, ImageSize: 77})
}

// index makes an index over children; it is not pushed.
func (s *shop) index(children ...ociref.Digest) registry.Manifest {
	list := []map[string]any{}
	for _, c := range children {
		list = append(list, map[string]any{"digest": c})
	}
	return s.manifest(map[string]any{"manifests": list}, registry.Manifest{MediaType: registry.MediaTypeIndex, Children: children})
}

// referrer makes an artifact about a subject; it is not pushed.
func (s *shop) referrer(subject ociref.Digest, artifactType string) registry.Manifest {
	return s.manifest(map[string]any{"subject": map[string]any{"digest": subject}, "artifactType": artifactType}, registry.Manifest{
		MediaType: registry.MediaTypeImage, ArtifactType: artifactType, Subject: subject,
		Annotations: map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": `["ab"]`}})
}

// manifest completes m with content that no other manifest has.
func (s *shop) manifest(content map[string]any, m registry.Manifest) registry.Manifest {
	s.Helper()
	s.serial++
	content["serial"] = s.serial
	text, err := json.Marshal(content)
	s.must(err)
	m.Key, m.Content, m.ContentSize, m.PushedAt = app, text, int64(len(text)), s.tick()
	m.Digest = ociref.DigestOf(ociref.SHA256, text)
	slices.Sort(m.Blobs)
	slices.Sort(m.Children)
	return m
}

// freely lets any tag move.
var freely registry.Rules

// push puts a manifest with tags, which move freely.
func (s *shop) push(m registry.Manifest, tags ...ociref.Tag) registry.Manifest {
	s.Helper()
	created, err := s.PutManifest(ctx, m, tags, freely, event("PutImage"))
	s.must(err)
	if !created {
		s.Fatalf("%s was there already", m.Digest)
	}
	return stored(m, tags...)
}

// stored is what a store returns of a manifest that was put.
func stored(m registry.Manifest, tags ...ociref.Tag) registry.Manifest {
	m.Blobs, m.Children, m.Tags = nil, nil, nil
	if len(tags) > 0 {
		m.Tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	}
	return m
}

// listed is what lists of images return of it.
func listed(m registry.Manifest) registry.Manifest {
	m.Content, m.Annotations = nil, nil
	return m
}

// referring is what lists of referrers return of it.
func referring(m registry.Manifest) registry.Manifest {
	m.Content, m.Tags = nil, nil
	return m
}

func (s *shop) get(d ociref.Digest) registry.Manifest {
	s.Helper()
	m, err := s.Manifest(ctx, app, ociref.Reference{Digest: d})
	s.must(err)
	same(s, m.Tags, nil)
	m.Tags, err = s.ImageTags(ctx, app, d)
	s.must(err)
	return m
}

// gone ends the test unless the manifest is not there.
func (s *shop) gone(d ociref.Digest) {
	s.Helper()
	_, err := s.Manifest(ctx, app, ociref.Reference{Digest: d})
	s.want(err, registry.ErrManifestNotFound)
}

func digests(list []registry.Manifest) []ociref.Digest {
	var ds []ociref.Digest
	for _, m := range list {
		ds = append(ds, m.Digest)
	}
	return ds
}
