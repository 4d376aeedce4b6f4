package ociapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// startUpload is end-4 and end-11: a mount if there is one to make, the whole
// blob if the request brings it, and an upload otherwise.
func (c *call) startUpload() error {
	query := c.r.URL.Query()
	if query.Has("mount") {
		mounted, err := c.mount(query.Get("mount"), query.Get("from"))
		if mounted || err != nil {
			return err
		}
	}
	if query.Has("digest") {
		return c.postBlob(query.Get("digest"))
	}
	if a := query.Get("digest-algorithm"); a != "" && a != ociref.SHA256 && a != ociref.SHA512 {
		return fault.Becausef(ociref.ErrDigest, "the digest algorithm %.50q is not supported: want %s or %s", a, ociref.SHA256, ociref.SHA512)
	}
	u, err := c.Registry.StartUpload(c.ctx(), c.Key)
	if err != nil {
		return err
	}
	c.uploadHeader(u, 0)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// mount links a blob that another repository holds, if the caller may read it there
// and may complete uploads here. When it cannot be done there, and so as not to
// tell why, an upload begins instead.
func (c *call) mount(digest, from string) (mounted bool, err error) {
	d, err := ociref.ParseDigest(digest)
	if err == nil {
		err = c.authorize("ecr:CompleteLayerUpload")
	}
	if err != nil {
		return false, err
	}
	source, err := c.source(d, from)
	if err != nil || source.Name == "" {
		return false, err
	}
	err = c.Registry.MountBlob(c.ctx(), c.Key, source, d)
	if errors.Is(err, registry.ErrBlobNotFound) || errors.Is(err, registry.ErrRepositoryNotFound) {
		return false, nil
	}
	if err == nil {
		c.blobCreated(d)
	}
	return err == nil, err
}

// maxHolders bounds the repositories that a mount without a source looks at.
const maxHolders = 100

// source is the repository to mount from: the one that is named, or else any of
// the account's that hold the blob, if the caller may read it there. To know a
// digest is no right to the blob. A zero key means there is none.
func (c *call) source(d ociref.Digest, from string) (registry.Key, error) {
	names := make([]ociref.Name, 1)
	var err error
	if from == "" {
		names, err = c.Registry.Holders(c.ctx(), c.Account, d, maxHolders)
	} else {
		names[0], err = ociref.ParseName(from)
	}
	if err != nil {
		return registry.Key{}, err
	}
	for _, name := range names {
		key := registry.Key{Account: c.Account, Name: name}
		if c.mayRead(key) {
			return key, nil
		}
	}
	return registry.Key{}, nil
}

// mayRead reports whether the caller may see and read blobs of a repository.
func (c *call) mayRead(key registry.Key) bool {
	name := c.Registry.ARN(key)
	return c.allowed("ecr:BatchCheckLayerAvailability", name) == nil && c.allowed("ecr:GetDownloadUrlForLayer", name) == nil
}

// postBlob is end-4b: upload and commit in one request.
func (c *call) postBlob(digest string) error {
	d, err := ociref.ParseDigest(digest)
	if err != nil {
		return err
	}
	for _, action := range []string{"ecr:UploadLayerPart", "ecr:CompleteLayerUpload"} {
		if err := c.authorize(action); err != nil {
			return err
		}
	}
	u, err := c.Registry.StartUpload(c.ctx(), c.Key)
	if err != nil {
		return err
	}
	if err := c.finish(u, d); err != nil {
		c.Registry.CancelUpload(c.ctx(), u) // often gone already; what stays, expires
		return err
	}
	return nil
}

// uploadStatus is end-13.
func (c *call) uploadStatus() error {
	u := c.upload()
	size, err := c.Registry.UploadSize(c.ctx(), u)
	if err != nil {
		return err
	}
	c.uploadHeader(u, size)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// appendUpload is end-5.
func (c *call) appendUpload() error {
	u := c.upload()
	size, err := c.receive(u)
	if err != nil {
		return err
	}
	c.uploadHeader(u, size)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// completeUpload is end-6, with or without a last chunk.
func (c *call) completeUpload() error {
	query := c.r.URL.Query()
	if !query.Has("digest") {
		return fault.Becausef(ociref.ErrDigest, "the digest parameter is missing: PUT %s?digest=DIGEST, of all that was uploaded", c.r.URL.Path)
	}
	d, err := ociref.ParseDigest(query.Get("digest"))
	if err != nil {
		return err
	}
	return c.finish(c.upload(), d)
}

// cancelUpload is end-14.
func (c *call) cancelUpload() error {
	if err := c.Registry.CancelUpload(c.ctx(), c.upload()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// finish adds what the body brings and makes the upload a blob.
func (c *call) finish(u registry.Upload, d ociref.Digest) error {
	if c.r.ContentLength != 0 {
		if _, err := c.receive(u); err != nil {
			return err
		}
	}
	if _, err := c.Registry.CommitUpload(c.ctx(), u, d); err != nil {
		return err
	}
	c.blobCreated(d)
	return nil
}

// receive adds the request's body to the upload and returns the new size.
func (c *call) receive(u registry.Upload) (int64, error) {
	size, err := c.Registry.UploadSize(c.ctx(), u)
	if err != nil {
		return 0, err
	}
	offset, err := c.offset(size)
	if err == nil && c.r.ContentLength > c.Registry.MaxUpload()-offset {
		return 0, registry.ErrUploadTooLarge
	}
	if err == nil {
		size, err = c.appendBody(u, offset)
	}
	if errors.Is(err, registry.ErrUploadRange) {
		// A failed request tells where to go on.
		c.uploadHeader(u, size)
	}
	return size, err
}

// appendBody takes the body in when there is room for one more.
func (c *call) appendBody(u registry.Upload, offset int64) (int64, error) {
	release, err := c.Uploads.take(c.ctx())
	if err != nil {
		return 0, err
	}
	defer release()
	return c.Registry.AppendUpload(c.ctx(), u, offset, c.body())
}

// offset is where the body belongs: where the upload stands, and Content-Range
// must agree if there is one.
func (c *call) offset(size int64) (int64, error) {
	header := c.r.Header.Get("Content-Range")
	if header == "" {
		return size, nil
	}
	first, last, ok := parseContentRange(header)
	switch {
	case !ok:
		return 0, fault.Becausef(registry.ErrUploadRange, "the Content-Range %.50q is not of the form first-last", header)
	case first != size:
		return 0, fault.Becausef(registry.ErrUploadRange, "the chunk begins at %d, the upload stands at %d", first, size)
	case c.r.ContentLength < 0:
		return 0, fault.Becausef(errSize, "a chunk with a Content-Range needs a Content-Length")
	case c.r.ContentLength != last-first+1:
		return 0, fault.Becausef(errSize, "the Content-Range %s has %d bytes, the Content-Length is %d", header, last-first+1, c.r.ContentLength)
	}
	return first, nil
}

// upload is the upload the URL names.
func (c *call) upload() registry.Upload { return registry.Upload{Key: c.Key, ID: c.last} }

// uploadHeader says where the upload is and how far it is. (There is no way to
// write an empty range; clients take "0-0" for one.)
func (c *call) uploadHeader(u registry.Upload, size int64) {
	header := c.w.Header()
	header.Set("Location", c.path("blobs/uploads", u.ID))
	header.Set("Docker-Upload-UUID", u.ID)
	header.Set("Range", "0-"+strconv.FormatInt(max(size-1, 0), 10))
}

// blobCreated answers that the repository holds the blob.
func (c *call) blobCreated(d ociref.Digest) {
	c.w.Header().Set("Location", c.path("blobs", string(d)))
	c.w.Header().Set("Docker-Content-Digest", string(d))
	c.w.WriteHeader(http.StatusCreated)
}
