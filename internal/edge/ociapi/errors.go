package ociapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Errors of this edge alone.
var (
	errNoSuchEndpoint = fault.New(fault.NotFound, "there is no such endpoint in the OCI distribution API")
	errMethod         = fault.New(fault.Invalid, "the method is not supported here")
	errSize           = fault.New(fault.Invalid, "the length declared is not the length sent")
	errQuery          = fault.New(fault.Invalid, "invalid query parameter")
	errSlow           = fault.New(fault.Invalid, "the request's body came too slowly")
	errCrowded        = fault.New(fault.Throttled, "too many large manifests are being pushed at once; try again")
	errBody           = fault.New(fault.Invalid, "the request's body could not be read to its end")
)

// answer is how an error is told: status and code.
type answer struct {
	status int
	code   string
}

// answers is the one place where the domain's errors become the protocol's.
// Codes are the specification's, TAG_INVALID is ECR's.
var answers = []struct {
	err error
	answer
}{
	{errUnauthorized, answer{http.StatusUnauthorized, "UNAUTHORIZED"}},
	{errNoSuchEndpoint, answer{http.StatusNotFound, "UNSUPPORTED"}},
	{errMethod, answer{http.StatusMethodNotAllowed, "UNSUPPORTED"}},
	{errSize, answer{http.StatusBadRequest, "SIZE_INVALID"}},
	{errQuery, answer{http.StatusBadRequest, "UNSUPPORTED"}},
	{errSlow, answer{http.StatusRequestTimeout, "BLOB_UPLOAD_INVALID"}},
	{errRange, answer{http.StatusRequestedRangeNotSatisfiable, "SIZE_INVALID"}},
	{errBody, answer{http.StatusBadRequest, "SIZE_INVALID"}},
	{ociref.ErrName, answer{http.StatusBadRequest, "NAME_INVALID"}},
	{ociref.ErrTag, answer{http.StatusBadRequest, "TAG_INVALID"}},
	{ociref.ErrDigest, answer{http.StatusBadRequest, "DIGEST_INVALID"}},
	{registry.ErrRepositoryNotFound, answer{http.StatusNotFound, "NAME_UNKNOWN"}},
	{registry.ErrManifestNotFound, answer{http.StatusNotFound, "MANIFEST_UNKNOWN"}},
	{registry.ErrManifestInvalid, answer{http.StatusBadRequest, "MANIFEST_INVALID"}},
	{registry.ErrMediaType, answer{http.StatusBadRequest, "MANIFEST_INVALID"}},
	{registry.ErrManifestTooLarge, answer{http.StatusRequestEntityTooLarge, "SIZE_INVALID"}},
	{registry.ErrTooManyImages, answer{http.StatusForbidden, "DENIED"}}, // as ECR
	{registry.ErrTooManyImageTags, answer{http.StatusForbidden, "DENIED"}},
	{registry.ErrPrecondition, answer{http.StatusPreconditionFailed, "DENIED"}},
	{registry.ErrManifestInUse, answer{http.StatusConflict, "DENIED"}},
	{registry.ErrChildNotFound, answer{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN"}},
	{registry.ErrManifestBlob, answer{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN"}},
	{registry.ErrBlobNotFound, answer{http.StatusNotFound, "BLOB_UNKNOWN"}},
	{registry.ErrBlobInUse, answer{http.StatusConflict, "DENIED"}},
	{registry.ErrDigestMismatch, answer{http.StatusBadRequest, "DIGEST_INVALID"}},
	{registry.ErrTagImmutable, answer{http.StatusBadRequest, "TAG_INVALID"}},
	{registry.ErrUploadNotFound, answer{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN"}},
	{registry.ErrUploadRange, answer{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID"}},
	{registry.ErrUploadBusy, answer{http.StatusConflict, "BLOB_UPLOAD_INVALID"}},
	{registry.ErrUploadTooLarge, answer{http.StatusRequestEntityTooLarge, "SIZE_INVALID"}},
	{registry.ErrStorageFull, answer{http.StatusInsufficientStorage, "UNAVAILABLE"}},
}

// byKind answers the errors that have no row above.
var byKind = map[fault.Kind]answer{
	fault.Invalid:     {http.StatusBadRequest, "UNSUPPORTED"},
	fault.NotFound:    {http.StatusNotFound, "UNSUPPORTED"},
	fault.Conflict:    {http.StatusConflict, "DENIED"},
	fault.Denied:      {http.StatusForbidden, "DENIED"},
	fault.Limit:       {http.StatusRequestEntityTooLarge, "SIZE_INVALID"},
	fault.Throttled:   {http.StatusTooManyRequests, "TOOMANYREQUESTS"},
	fault.Unavailable: {http.StatusServiceUnavailable, "UNAVAILABLE"},
	fault.Internal:    {http.StatusInternalServerError, "UNKNOWN"},
}

// translate finds the answer to an error.
func translate(err error) answer {
	for _, row := range answers {
		if errors.Is(err, row.err) {
			return row.answer
		}
	}
	return byKind[fault.KindOf(err)]
}

// createHint follows ECR's words when a push finds no repository.
const createHint = `. Create it first: aws ecr create-repository --repository-name `

// fail answers with an error. Nothing was written before: handlers that fail
// after the header abort the connection instead.
func (c *call) fail(err error) {
	if errors.Is(err, context.Canceled) && c.ctx().Err() != nil {
		panic(http.ErrAbortHandler) // the client has gone: nobody is at fault, nobody to tell
	}
	a := translate(err)
	message, known := fault.Message(err)
	if !known {
		message = "internal error; the service's log has more under request id " + c.requestID
	}
	if a.status >= http.StatusInternalServerError {
		c.Logger.ErrorContext(c.ctx(), "oci request failed", "method", c.r.Method, "path", c.r.URL.Path, "request_id", c.requestID, "error", fault.Whole(err))
	}
	if a.code == "NAME_UNKNOWN" && c.writes() {
		message += createHint + string(c.Name)
	}
	var refused *denial
	if errors.As(err, &refused) {
		c.Logger.WarnContext(c.ctx(), "oci request denied", "message", message, "request_id", c.requestID, "source_ip", c.SourceIP(c.r))
		c.writeError(a, message, &refused.detail)
		return
	}
	c.challenge(a.status)
	c.writeError(a, message, nil)
}

// writes reports whether the request came to add something.
func (c *call) writes() bool {
	return c.r.Method == http.MethodPost || c.r.Method == http.MethodPut || c.r.Method == http.MethodPatch
}

// challenge tells clients how to authenticate, which methods there are, or when
// to try again.
func (c *call) challenge(status int) {
	switch status {
	case http.StatusMethodNotAllowed:
		c.w.Header().Set("Allow", methods(c.endpoint))
	case http.StatusTooManyRequests:
		if c.w.Header().Get("Retry-After") == "" {
			c.w.Header().Set("Retry-After", "1")
		}
	case http.StatusUnauthorized:
		c.w.Header().Set("WWW-Authenticate", c.authenticateHeader())
	}
}

// writeError writes the body every error has.
func (c *call) writeError(a answer, message string, detail *denialDetail) {
	type oneError struct {
		Code    string        `json:"code"`
		Message string        `json:"message"`
		Detail  *denialDetail `json:"detail,omitempty"`
	}
	body, err := json.Marshal(map[string][]oneError{"errors": {{a.code, message, detail}}})
	if err != nil {
		panic(http.ErrAbortHandler) // strings always marshal
	}
	header := c.w.Header()
	for _, name := range []string{"ETag", "Docker-Content-Digest", "Accept-Ranges", "Link", "OCI-Filters-Applied"} {
		header.Del(name) // of what was going to be the answer
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(a.status)
	if c.r.Method != http.MethodHead {
		c.w.Write(body) // a client that is gone needs no answer
	}
}

// methodError names the methods an endpoint has.
func methodError(e endpoint) error {
	return fault.Becausef(errMethod, "the method is not supported here, only %s", methods(e))
}

// methods are those that findRoute finds, as Allow lists them.
func methods(e endpoint) string {
	list := slices.Collect(maps.Keys(table[e]))
	if slices.Contains(list, http.MethodGet) {
		list = append(list, http.MethodHead)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}
