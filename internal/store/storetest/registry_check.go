package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// CheckRegistry holds what the stores keep for the accounts against the
// registry's invariants: every manifest hashes to its digest; every child, blob
// and tag it names is there, a blob that the records keep with its content; it waits if, and only if, its subject is not there;
// and lists, tags, referrers and counts tell the same story as the manifests do.
func CheckRegistry(t *testing.T, stores RegistryStores, accounts ...arn.AccountID) {
	t.Helper()
	for _, account := range accounts {
		var after ociref.Name
		for {
			page, err := stores.Repositories(ctx, account, after, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				c := &checker{T: t, RegistryStores: stores, repository: r, manifests: map[ociref.Digest]registry.Manifest{}}
				c.check()
				after = r.Name
			}
		}
	}
}

// checker checks one repository.
type checker struct {
	*testing.T
	RegistryStores
	repository registry.Repository
	manifests  map[ociref.Digest]registry.Manifest
}

func (c *checker) check() {
	c.Helper()
	c.load()
	tagged := map[ociref.Tag]ociref.Digest{}
	referrers := map[ociref.Digest][]registry.Manifest{}
	for _, m := range c.manifests {
		c.content(m)
		for _, tag := range m.Tags {
			if other, twice := tagged[tag]; twice {
				c.Errorf("%s: tag %s is on %s and on %s", c.repository.Name, tag, other, m.Digest)
			}
			tagged[tag] = m.Digest
		}
		if m.Subject != "" {
			referrers[m.Subject] = append(referrers[m.Subject], m)
		}
		_, there := c.manifests[m.Subject]
		if waits := m.Subject != "" && !there; m.Waiting != waits {
			c.Errorf("%s: %s has waiting %t, and its subject is there: %t", c.repository.Name, m.Digest, m.Waiting, there)
		}
	}
	c.tags(tagged)
	c.referrers(referrers)
	c.counts()
}

// counts checks the counts against what there is.
func (c *checker) counts() {
	c.Helper()
	var want registry.Counts
	for _, m := range c.manifests {
		if want.Images++; m.IsSignature() {
			want.Signatures++
		}
	}
	all, err := c.Counts(ctx, c.repository.Account, []ociref.Name{c.repository.Name})
	if err != nil {
		c.Fatal(err)
	}
	if got := all[c.repository.Name]; got != want {
		c.Errorf("%s: counts are %+v, want %+v", c.repository.Name, got, want)
	}
}

// load lists every manifest.
func (c *checker) load() {
	c.Helper()
	f := registry.ManifestFilter{Limit: 100}
	for {
		page, err := c.Manifests(ctx, c.repository.Key, f)
		if err != nil {
			c.Fatal(err)
		}
		if len(page) == 0 {
			return
		}
		for _, m := range page {
			c.manifests[m.Digest] = m
			f.After = m.Cursor()
		}
	}
}

// content checks the bytes and what they name.
func (c *checker) content(listed registry.Manifest) {
	c.Helper()
	m, err := c.Manifest(ctx, c.repository.Key, ociref.Reference{Digest: listed.Digest})
	if err != nil {
		c.Errorf("%s: %s is listed, and cannot be read: %v", c.repository.Name, listed.Digest, err)
		return
	}
	if ociref.DigestOf(m.Digest.Algorithm(), m.Content) != m.Digest || int64(len(m.Content)) != m.ContentSize {
		c.Errorf("%s: %s has other content than its digest and size say", c.repository.Name, m.Digest)
	}
	named := names(m.Content)
	if named.subject != m.Subject {
		c.Errorf("%s: %s names subject %q, and is listed under %q", c.repository.Name, m.Digest, named.subject, m.Subject)
	}
	for _, d := range named.manifests {
		if _, there := c.manifests[d]; !there {
			c.Errorf("%s: index %s lists %s, which is not there", c.repository.Name, m.Digest, d)
		}
	}
	for _, d := range named.blobs {
		c.blob(m, d)
	}
}

// blob checks that a manifest's blob is there, and is whole if the records keep it.
func (c *checker) blob(m registry.Manifest, d ociref.Digest) {
	c.Helper()
	size, err := c.LinkedBlob(ctx, c.repository.Key, d)
	if err != nil {
		c.Errorf("%s: manifest %s names blob %s: %v", c.repository.Name, m.Digest, d, err)
		return
	}
	content, err := c.BlobContent(ctx, d)
	if errors.Is(err, registry.ErrBlobNotFound) {
		return
	}
	if err != nil || int64(len(content)) != size || ociref.DigestOf(d.Algorithm(), content) != d {
		c.Errorf("%s: blob %s is kept with other content than its digest and size say: %d bytes, %v", c.repository.Name, d, len(content), err)
	}
}

// tags checks the list of tags, and that each resolves to its manifest.
func (c *checker) tags(tagged map[ociref.Tag]ociref.Digest) {
	c.Helper()
	list, err := c.Tags(ctx, c.repository.Key, "", len(tagged)+1)
	if err != nil {
		c.Fatal(err)
	}
	if len(list) != len(tagged) {
		c.Errorf("%s: %d tags are listed, and %d are on manifests", c.repository.Name, len(list), len(tagged))
	}
	for _, tag := range list {
		m, err := c.Manifest(ctx, c.repository.Key, ociref.Reference{Tag: tag})
		if err != nil || m.Digest != tagged[tag] {
			c.Errorf("%s: tag %s leads to %q (%v), want %s", c.repository.Name, tag, m.Digest, err, tagged[tag])
		}
	}
}

// referrers checks that the list of each subject's is complete, and has each
// once. Only what has no subject may be there besides: it was told to refer to it.
func (c *checker) referrers(want map[ociref.Digest][]registry.Manifest) {
	c.Helper()
	for subject, manifests := range want {
		got, wanted := digests(c.referring(subject)), digests(manifests)
		for _, d := range got {
			if m, there := c.manifests[d]; there && m.Subject == "" {
				wanted = append(slices.DeleteFunc(wanted, func(w ociref.Digest) bool { return w == d }), d)
			}
		}
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			c.Errorf("%s: referrers of %s are %v, want %v", c.repository.Name, subject, got, wanted)
		}
	}
}

// referring lists all referrers of a subject, page by page.
func (c *checker) referring(subject ociref.Digest) (list []registry.Manifest) {
	c.Helper()
	f := registry.ReferrerFilter{Limit: 100}
	for more := true; more; {
		var page []registry.Manifest
		var err error
		if page, more, err = c.Referrers(ctx, c.repository.Key, subject, f); err != nil {
			c.Fatal(err)
		}
		if list = append(list, page...); more {
			f.After = list[len(list)-1].Cursor()
		}
	}
	return list
}

// manifestTypes are those of an index's entries that are manifests, not blobs.
var manifestTypes = []string{registry.MediaTypeImage, registry.MediaTypeIndex, registry.MediaTypeDockerImage, registry.MediaTypeDockerList}

// named is what a manifest's content refers to.
type named struct {
	subject          ociref.Digest
	blobs, manifests []ociref.Digest
}

// names reads content leniently: the suite's own manifests are not complete.
func names(content []byte) (n named) {
	type descriptor struct {
		Digest    ociref.Digest
		MediaType string
	}
	var doc struct {
		Subject, Config   descriptor
		Layers, Manifests []descriptor
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		return named{subject: ociref.Digest(errors.Join(errors.New("not JSON"), err).Error())}
	}
	n.subject = doc.Subject.Digest
	if doc.Config.Digest != "" {
		n.blobs = append(n.blobs, doc.Config.Digest)
	}
	for _, d := range doc.Layers {
		if !strings.Contains(d.MediaType, "nondistributable") && !strings.Contains(d.MediaType, "foreign") {
			n.blobs = append(n.blobs, d.Digest)
		}
	}
	for _, d := range doc.Manifests {
		if d.MediaType == "" || slices.Contains(manifestTypes, d.MediaType) {
			n.manifests = append(n.manifests, d.Digest)
		} else {
			n.blobs = append(n.blobs, d.Digest)
		}
	}
	return n
}
