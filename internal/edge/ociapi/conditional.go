package ociapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// errRange is a Range of a blob that none of it lies in.
var errRange = fault.New(fault.Invalid, "the blob has nothing in the range that was asked for")

// entityTag is the ETag of content: its digest never names anything else.
func entityTag(digest ociref.Digest) string { return `"` + string(digest) + `"` }

// unchanged answers 304 if the client has the content already, as its
// If-None-Match says. Source: RFC 9110 §13.1.2; the comparison is the weak one.
func (c *call) unchanged(digest ociref.Digest) bool {
	if !named(c.r.Header.Values("If-None-Match"), digest, "W/") {
		return false
	}
	c.w.Header().Set("ETag", entityTag(digest))
	c.w.Header().Set("Docker-Content-Digest", string(digest))
	c.w.WriteHeader(http.StatusNotModified)
	return true
}

// named reports whether lists of entity tags have that of a digest, or "*"; a
// prefix does not count. Nothing ("") is never named.
func named(lists []string, digest ociref.Digest, prefix string) bool {
	if digest == "" {
		return false
	}
	for _, list := range lists {
		for tag := range strings.SplitSeq(list, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, prefix) == entityTag(digest) {
				return true
			}
		}
	}
	return false
}

// precondition is what If-Match and If-None-Match ask of a change: whether it may
// be made where current is, "" for nothing. It is nil when they ask nothing.
// Source: RFC 9110 §13.1; distribution-spec v1.1.1, "Referrers Tag Schema".
func (c *call) precondition() func(current ociref.Digest) bool {
	match, none := c.r.Header.Values("If-Match"), c.r.Header.Values("If-None-Match")
	if len(match)+len(none) == 0 {
		return nil
	}
	return func(current ociref.Digest) bool {
		return (len(match) == 0 || named(match, current, "")) && !named(none, current, "W/")
	}
}

// current is the manifest that a conditional change is about, "" if there is none,
// and fails if the change is not to be made there. Of a change without condition
// it is "".
func (c *call) current(ref ociref.Reference) (ociref.Digest, error) {
	holds := c.precondition()
	if holds == nil {
		return "", nil
	}
	m, err := c.manifest(ref)
	if err != nil && !errors.Is(err, registry.ErrManifestNotFound) {
		return "", err
	}
	if !holds(m.Digest) {
		return "", registry.ErrPrecondition
	}
	return m.Digest, nil
}

// sendPart answers a request for a part of a blob, or for one that has changed.
// What cannot be had is left to the caller: a range as errRange, another blob than
// that of If-Match as registry.ErrPrecondition.
func (c *call) sendPart(digest ociref.Digest, blob registry.Content) error {
	header := c.w.Header()
	header.Set("Docker-Content-Digest", string(digest))
	header.Set("Content-Type", "application/octet-stream")
	header.Set("ETag", entityTag(digest))
	c.r.Header.Set("Range", bytesAsked(c.r.Header.Get("Range")))
	w := &partWriter{ResponseWriter: c.w}
	http.ServeContent(w, c.r, "", time.Time{}, blob)
	return w.refused
}

// nothing is a range that lies in no blob.
const nothing = "9223372036854775807-"

// bytesAsked is a Range as http.ServeContent has to see it, which refuses units it
// does not know and takes a suffix of no length for a part. RFC 9110 has the first
// ignored (§14.2), and such a suffix lie in nothing (§14.1.2).
func bytesAsked(ranges string) string {
	unit, set, found := strings.Cut(ranges, "=")
	if !found || !strings.EqualFold(unit, "bytes") {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(set, ",") {
		suffix, isSuffix := strings.CutPrefix(strings.TrimSpace(part), "-")
		if isSuffix && suffix != "" && strings.Trim(suffix, "0") == "" {
			continue
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = []string{nothing}
	}
	return "bytes=" + strings.Join(parts, ",")
}

// partWriter keeps back the refusals of http.ServeContent, whose bodies are not the
// protocol's.
type partWriter struct {
	http.ResponseWriter
	refused error
}

// WriteHeader passes on every status but 412 and 416.
func (w *partWriter) WriteHeader(status int) {
	switch status {
	case http.StatusPreconditionFailed:
		w.refused = registry.ErrPrecondition
	case http.StatusRequestedRangeNotSatisfiable:
		w.refused = errRange
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write drops what belongs to a status that was kept back.
func (w *partWriter) Write(b []byte) (int, error) {
	if w.refused != nil {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// ReadFrom leaves the file in sight of the connection, so that the kernel can
// send it.
func (w *partWriter) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(w.ResponseWriter, r)
}

// Unwrap is for http.ResponseController.
func (w *partWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
