package ociapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// maxTagParameters bounds the tags of one push; the specification asks for 10.
const maxTagParameters = 100

// ping is end-1: who got here is authenticated.
func (c *call) ping() error {
	c.w.Header().Set("Content-Type", "application/json")
	_, err := io.WriteString(c.w, "{}")
	return c.sent(err)
}

// getManifest is end-3, HEAD included. Bytes and media type are those pushed,
// whatever the client accepts.
func (c *call) getManifest() error {
	ref, err := ociref.ParseReference(c.last)
	if err != nil {
		return err
	}
	m, err := c.manifest(ref)
	if err != nil {
		return err
	}
	if c.unchanged(m.Digest) {
		return nil
	}
	header := c.w.Header()
	header.Set("Content-Type", m.MediaType)
	header.Set("Content-Length", strconv.FormatInt(m.ContentSize, 10))
	header.Set("Docker-Content-Digest", string(m.Digest))
	header.Set("ETag", entityTag(m.Digest))
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.send(m.Content)
}

// manifest reads what a reference names, be it a list of referrers.
func (c *call) manifest(ref ociref.Reference) (registry.Manifest, error) {
	m, err := c.Registry.Manifest(c.ctx(), c.Key, ref)
	if ref.Tag != "" && errors.Is(err, registry.ErrManifestNotFound) {
		return c.referrersIndex(ref.Tag, err)
	}
	return m, err
}

// putManifest is end-7, with the tag parameters of end-7b.
func (c *call) putManifest() error {
	push, err := c.push()
	if err != nil {
		return err
	}
	size, err := c.manifestSize()
	if err != nil {
		return err
	}
	if err := c.takeRoom(size); err != nil {
		return err
	}
	defer c.room.Release(size)
	if push.Content, err = c.readManifest(size); err != nil {
		return err
	}
	m, _, err := c.Registry.Put(c.ctx(), push)
	if err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Location", c.path("manifests", string(m.Digest)))
	header.Set("Docker-Content-Digest", string(m.Digest))
	if m.Subject != "" {
		header.Set("OCI-Subject", string(m.Subject))
	}
	if push.Digest != "" {
		for _, tag := range push.Tags {
			header.Add("OCI-Tag", string(tag))
		}
	}
	c.w.WriteHeader(http.StatusCreated)
	return nil
}

// push is all of a manifest's request but the body.
func (c *call) push() (registry.Push, error) {
	p := registry.Push{Key: c.Key}
	ref, err := ociref.ParseReference(c.last)
	if err != nil {
		return p, err
	}
	if _, err := c.current(ref); err != nil {
		return p, err
	}
	if p.Digest = ref.Digest; ref.Tag != "" {
		p.Tags, p.If = []ociref.Tag{ref.Tag}, c.precondition()
	}
	tags := c.r.URL.Query()["tag"]
	if len(tags) > maxTagParameters || len(tags) > 0 && ref.Tag != "" {
		return p, fault.Becausef(errQuery, "tag parameters go with a push by digest, at most %d of them", maxTagParameters)
	}
	for _, s := range tags {
		tag, err := ociref.ParseTag(s)
		if err != nil {
			return p, err
		}
		p.Tags = append(p.Tags, tag)
	}
	p.MediaType, err = declaredType(c.r.Header.Get("Content-Type"))
	return p, err
}

// declaredType is a Content-Type without its parameters, "" for none.
func declaredType(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "", fault.Becausef(registry.ErrMediaType, "the Content-Type %.150q is not a media type", header)
	}
	return mediaType, nil
}

// manifestSize is how large the body is, or may be at most if it does not say:
// one more than is allowed, to tell.
func (c *call) manifestSize() (int64, error) {
	most := c.Registry.MaxManifest()
	switch size := c.r.ContentLength; {
	case size > most:
		return 0, c.tooLarge("the manifest has %d bytes, more than the %d allowed", size, most)
	case size >= 0:
		return size, nil
	}
	return most + 1, nil
}

// takeRoom waits for its turn to hold size bytes of a manifest: what pushes hold
// together is bounded, however many there are and however slowly they come.
func (c *call) takeRoom(size int64) error {
	ctx, cancel := context.WithTimeout(c.ctx(), c.Patience)
	defer cancel()
	if c.room.Acquire(ctx, size) != nil {
		return errCrowded
	}
	return nil
}

// readManifest reads a body of at most size bytes.
func (c *call) readManifest(size int64) ([]byte, error) {
	content := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := content.ReadFrom(io.LimitReader(c.body(), size)); err != nil {
		return nil, err
	}
	if most := c.Registry.MaxManifest(); int64(content.Len()) > most {
		return nil, c.tooLarge("the manifest has more than the %d bytes allowed", most)
	}
	return content.Bytes(), nil
}

// maxRefused bounds what is read of a manifest that is too large.
const maxRefused = 8 << 20

// tooLarge is registry.ErrManifestTooLarge, when some more of the body is read:
// many clients send all of it before they look for an answer, and would find the
// connection closed. Who asked before sending is told before.
func (c *call) tooLarge(format string, args ...any) error {
	if c.r.Header.Get("Expect") == "" {
		io.CopyN(io.Discard, c.body(), maxRefused) // however it ends, the answer is the same
	}
	return fault.Becausef(registry.ErrManifestTooLarge, format, args...)
}

// deleteManifest is end-9: a tag is only untagged, a digest goes with its tags
// and its referrers.
func (c *call) deleteManifest() error {
	ref, err := ociref.ParseReference(c.last)
	if err != nil {
		return err
	}
	current, err := c.current(ref)
	if err != nil {
		return err
	}
	if ref.Tag != "" {
		err = c.Registry.DeleteTag(c.ctx(), c.Key, ref.Tag, current)
	} else {
		_, err = c.Registry.DeleteManifest(c.ctx(), c.Key, ref.Digest)
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// nextLink points to the page after, as RFC 8288 has it.
func (c *call) nextLink(query string) {
	c.w.Header().Set("Link", "<"+strings.TrimSuffix(c.r.URL.EscapedPath(), "/")+"?"+query+`>; rel="next"`)
}
