package ociapi

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/recall"
	"github.com/sealwright/sealwright/internal/registry"
)

// maxReferrersPage bounds a page of referrers, in bytes: what a client must be able
// to take as a manifest.
const maxReferrersPage = 4 << 20

// defaultPages keeps 250 lists of a thousand signatures ready.
const defaultPages = 64 << 20

// Pages are pages of referrers that are kept ready to send.
type Pages struct {
	memory *recall.Memory[pageKey, renderedPage]
}

// NewPages makes room for pages of so many bytes together, each of at most an eighth.
func NewPages(limit int64) *Pages { return &Pages{recall.New[pageKey, renderedPage](limit)} }

// Age lets go of the pages that nobody has asked for since the last Age but one, and
// returns how many bytes they had.
func (p *Pages) Age() (bytes int64) { return p.memory.Age() }

// pageKey is what a page of referrers was asked for by.
type pageKey struct {
	registry.Key
	subject ociref.Digest
	types   string // the filter's, quoted: no two lists are written alike
	after   registry.Cursor
}

// renderedPage is a page of referrers, ready to send.
type renderedPage struct {
	body []byte
	last registry.Cursor // where its last referrer stands if there are more; zero on the last page
}

// descriptor is what the referrers list has of a manifest.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       ociref.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// page is an image index in the making.
type page struct {
	bytes.Buffer
	entries int
}

func newPage() *page {
	p := &page{}
	p.WriteString(`{"schemaVersion":2,"mediaType":"` + registry.MediaTypeIndex + `","manifests":[`)
	return p
}

// add adds a descriptor, unless the page has some and this is too much.
func (p *page) add(m registry.Manifest) bool {
	entry, err := json.Marshal(descriptor{m.MediaType, m.Digest, m.ContentSize, m.ArtifactType, m.Annotations})
	if err != nil {
		panic(http.ErrAbortHandler) // strings and numbers always marshal
	}
	if p.entries > 0 && p.Len()+len(entry)+len(",]}") > maxReferrersPage {
		return false
	}
	if size := p.Len() + len(",") + len(entry); size > p.Cap() && size > maxReferrersPage/4 {
		p.Grow(max(size, maxReferrersPage) - p.Len()) // what is this long gets full, or is made once
	}
	if p.entries > 0 {
		p.WriteByte(',')
	}
	p.Write(entry)
	p.entries++
	return true
}

// close ends the index and returns it, in little more memory than it takes.
func (p *page) close() []byte {
	p.WriteString("]}")
	if p.Available() < p.Len()/16 {
		return p.Bytes()
	}
	return bytes.Clone(p.Bytes())
}
