package ociapi

import (
	"io"
	"net/http"
	"strconv"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// headBlob is end-2 without the bytes.
func (c *call) headBlob() error {
	digest, err := ociref.ParseDigest(c.last)
	if err != nil {
		return err
	}
	size, err := c.Registry.StatBlob(c.ctx(), c.Key, digest)
	if err != nil {
		return err
	}
	if !c.unchanged(digest) {
		c.blobHeader(digest, size)
	}
	return nil
}

// getBlob is end-2. The file is given to the connection as it is, so that the
// kernel can send it.
func (c *call) getBlob() error {
	digest, err := ociref.ParseDigest(c.last)
	if err != nil {
		return err
	}
	blob, size, err := c.Registry.OpenBlob(c.ctx(), c.Key, digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	defer c.writeWithin(size)()
	if size == 0 {
		c.r.Header.Del("Range") // of nothing there is no part
	}
	if c.conditional() {
		return c.sendPart(digest, blob)
	}
	return c.sendBlob(digest, blob, size)
}

// sendBlob sends all of a blob. What cannot be sent to its end is cut off, so
// that nobody takes a part for the whole.
func (c *call) sendBlob(digest ociref.Digest, blob registry.Content, size int64) error {
	c.blobHeader(digest, size)
	_, err := io.CopyN(c.w, blob, size)
	return c.sent(err)
}

// blobHeader is what GET and HEAD answer alike.
func (c *call) blobHeader(digest ociref.Digest, size int64) {
	header := c.w.Header()
	header.Set("Docker-Content-Digest", string(digest))
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Length", strconv.FormatInt(size, 10))
	header.Set("ETag", entityTag(digest))
	header.Set("Accept-Ranges", "bytes")
}

// conditional reports whether the request asks for a part, or only for what has changed.
func (c *call) conditional() bool {
	for _, name := range []string{"Range", "If-None-Match", "If-Match", "If-Range"} {
		if c.r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// deleteBlob is end-10.
func (c *call) deleteBlob() error {
	digest, err := ociref.ParseDigest(c.last)
	if err != nil {
		return err
	}
	if err := c.Registry.DeleteBlob(c.ctx(), c.Key, digest); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
