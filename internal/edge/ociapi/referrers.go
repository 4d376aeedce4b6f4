package ociapi

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Bounds on the making of pages of referrers.
const (
	referrersBatch = 500 // rows read at a time
	maxRenderers   = 4   // pages in the making at once
)

// referrersPage returns a page from memory if the subject's referrers are still
// those it was made of, which is asked in each request; else it makes the page.
// Revision 0 says that there are none, and alone comes again: nothing is kept
// under it, since a push may come between the revision and the page.
func (c *call) referrersPage(subject ociref.Digest, f registry.ReferrerFilter) (renderedPage, error) {
	revision, err := c.Registry.ReferrersRevision(c.ctx(), c.Key, subject)
	if err != nil {
		return renderedPage{}, err
	}
	if revision == 0 {
		return renderedPage{body: newPage().close()}, nil
	}
	key := pageKey{c.Key, subject, fmt.Sprintf("%q", f.ArtifactTypes), f.After}
	if page, ok := c.Pages.memory.Get(key, revision); ok {
		return page, nil
	}
	return c.renderOnce(key, revision, f)
}

// renderOnce makes a page for all who ask for it at this revision meanwhile, and
// few pages at a time: one in the making takes several times its size. If the
// client whose request makes it goes away, another's begins anew.
func (c *call) renderOnce(key pageKey, revision uint64, f registry.ReferrerFilter) (renderedPage, error) {
	for {
		made := c.renders.DoChan(fmt.Sprintf("%v %d", key, revision), func() (any, error) { return c.render(key, revision, f) })
		select {
		case result := <-made:
			if !errors.Is(result.Err, errLeft) {
				return result.Val.(renderedPage), result.Err
			}
		case <-c.ctx().Done():
		}
		if err := c.ctx().Err(); err != nil {
			return renderedPage{}, err
		}
	}
}

// errLeft means that the client whose request made a page has gone.
var errLeft = errors.New("the client that this page was made for has gone")

// render makes a page and keeps it ready. It runs on a goroutine of its own, so
// that a panic must end here.
func (c *call) render(key pageKey, revision uint64, f registry.ReferrerFilter) (page renderedPage, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic while making a page of referrers: %v\n%s", v, debug.Stack())
		}
		if c.ctx().Err() != nil {
			err = errLeft
		}
	}()
	if err := c.renderers.Acquire(c.ctx(), 1); err != nil {
		return page, err
	}
	defer c.renderers.Release(1)
	if page, err = c.renderReferrers(key.subject, f); err == nil {
		c.Pages.memory.Put(key, revision, page, int64(cap(page.body)+len(key.types)))
	}
	return page, err
}

// referrersIndex is what clients that do not know the referrers API find under
// the subject's tag: its first page of referrers. Without any, or under another tag,
// it is none.
func (c *call) referrersIndex(tag ociref.Tag, none error) (registry.Manifest, error) {
	subject, ok, err := c.Registry.TagSubject(c.ctx(), c.Key, tag)
	if err != nil {
		return registry.Manifest{}, err
	}
	if !ok {
		return registry.Manifest{}, none
	}
	page, err := c.referrersPage(subject, registry.ReferrerFilter{Limit: referrersBatch})
	if err != nil {
		return registry.Manifest{}, err
	}
	if bytes.Equal(page.body, newPage().close()) {
		return registry.Manifest{}, none
	}
	return registry.Manifest{Digest: ociref.DigestOf(ociref.SHA256, page.body), MediaType: registry.MediaTypeIndex,
		Content: page.body, ContentSize: int64(len(page.body))}, nil
}

// renderReferrers makes a page of as many referrers as fit.
func (c *call) renderReferrers(subject ociref.Digest, f registry.ReferrerFilter) (renderedPage, error) {
	p := newPage()
	for {
		batch, more, err := c.Registry.Referrers(c.ctx(), c.Key, subject, f)
		if err != nil {
			return renderedPage{}, err
		}
		for _, m := range batch {
			if !p.add(m) {
				return renderedPage{p.close(), f.After}, nil
			}
			f.After = m.Cursor()
		}
		if !more {
			return renderedPage{body: p.close()}, nil
		}
	}
}
