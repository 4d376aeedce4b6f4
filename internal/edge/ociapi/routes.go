package ociapi

import (
	"net/http"
	"strings"

	"github.com/sealwright/sealwright/internal/ociref"
)

// endpoint is a kind of URL.
type endpoint uint8

// The endpoints of the specification.
const (
	endpointPing      endpoint = iota // end-1: /v2/
	endpointCatalog                   // _catalog, not in the specification
	endpointManifest                  // end-3, 7, 9: <name>/manifests/<reference>
	endpointBlob                      // end-2, 10: <name>/blobs/<digest>
	endpointUploads                   // end-4, 11: <name>/blobs/uploads/
	endpointUpload                    // end-5, 6, 13, 14: <name>/blobs/uploads/<id>
	endpointTags                      // end-8: <name>/tags/list
	endpointReferrers                 // end-12: <name>/referrers/<digest>
)

// target is what a URL names.
type target struct {
	endpoint endpoint
	name     ociref.Name
	last     string // the part after the endpoint's word: a reference, a digest or an upload id
}

// route is one row: what a method does at an endpoint, and under which access
// action of ECR. HEAD without a row of its own is served by GET's; the body is
// not sent.
type route struct {
	endpoint endpoint
	method   string
	name     string // in logs and metrics
	action   string
	handle   func(*call) error
}

// routes is the whole protocol. (A function, since the rows' handlers use the
// handler that uses the table.)
func routes() []route {
	return []route{
		{endpointPing, http.MethodGet, "oci:ping", "ecr:GetAuthorizationToken", (*call).ping},

		{endpointCatalog, http.MethodGet, "oci:catalog", "ecr:DescribeRepositories", (*call).catalog},

		{endpointManifest, http.MethodGet, "oci:getManifest", "ecr:BatchGetImage", (*call).getManifest},
		{endpointManifest, http.MethodPut, "oci:putManifest", "ecr:PutImage", (*call).putManifest},
		{endpointManifest, http.MethodDelete, "oci:deleteManifest", "ecr:BatchDeleteImage", (*call).deleteManifest},

		{endpointBlob, http.MethodGet, "oci:getBlob", "ecr:GetDownloadUrlForLayer", (*call).getBlob},
		{endpointBlob, http.MethodHead, "oci:headBlob", "ecr:BatchCheckLayerAvailability", (*call).headBlob},
		{endpointBlob, http.MethodDelete, "oci:deleteBlob", "ecr:BatchDeleteImage", (*call).deleteBlob},

		{endpointUploads, http.MethodPost, "oci:startUpload", "ecr:InitiateLayerUpload", (*call).startUpload},
		{endpointUpload, http.MethodGet, "oci:uploadStatus", "ecr:UploadLayerPart", (*call).uploadStatus},
		{endpointUpload, http.MethodPatch, "oci:appendUpload", "ecr:UploadLayerPart", (*call).appendUpload},
		{endpointUpload, http.MethodPut, "oci:completeUpload", "ecr:CompleteLayerUpload", (*call).completeUpload},
		{endpointUpload, http.MethodDelete, "oci:cancelUpload", "ecr:UploadLayerPart", (*call).cancelUpload},

		{endpointTags, http.MethodGet, "oci:listTags", "ecr:ListImages", (*call).listTags},
		{endpointReferrers, http.MethodGet, "oci:listReferrers", "ecr:BatchGetImage", (*call).listReferrers},
	}
}

// table is routes by endpoint and method.
var table = func() map[endpoint]map[string]route {
	t := map[endpoint]map[string]route{}
	for _, row := range routes() {
		if t[row.endpoint] == nil {
			t[row.endpoint] = map[string]route{}
		}
		t[row.endpoint][row.method] = row
	}
	return t
}()

// findRoute finds the row of a method at an endpoint, or says which methods
// there are.
func findRoute(e endpoint, method string) (route, error) {
	row, ok := table[e][method]
	if !ok && method == http.MethodHead {
		row, ok = table[e][http.MethodGet]
	}
	if !ok {
		return route{}, methodError(e)
	}
	return row, nil
}

// parseTarget reads a URL's path. The words that end a name may be parts of a
// name too, so it is read from the end. Everything the path names is checked by
// its grammar: nothing with "..", "//" or an escape gets through.
func parseTarget(path string) (target, error) {
	rest, ok := strings.CutPrefix(path, "/v2")
	if !ok {
		return target{}, errNoSuchEndpoint
	}
	if rest == "" || rest == "/" {
		return target{}, nil
	}
	if rest == "/_catalog" { // no repository: names begin with a letter or a digit
		return target{endpoint: endpointCatalog}, nil
	}
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	e, words := classify(parts)
	if e == endpointPing || !strings.HasPrefix(rest, "/") {
		return target{}, errNoSuchEndpoint
	}
	name, err := ociref.ParseName(strings.Join(parts[:len(parts)-words], "/"))
	return target{e, name, parts[len(parts)-1]}, err
}

// classify tells the endpoint by the last parts, and how many of them are not
// the name's; endpointPing stands for none.
func classify(parts []string) (e endpoint, words int) {
	n := len(parts)
	if n < 3 {
		return endpointPing, 0
	}
	last, word := parts[n-1], parts[n-2]
	switch {
	case word == "manifests":
		return endpointManifest, 2
	case word == "referrers":
		return endpointReferrers, 2
	case word == "tags" && last == "list":
		return endpointTags, 2
	case word == "blobs" && last == "uploads":
		return endpointUploads, 2
	case word == "blobs":
		return endpointBlob, 2
	case word == "uploads" && parts[n-3] == "blobs" && last == "":
		return endpointUploads, 3
	case word == "uploads" && parts[n-3] == "blobs":
		return endpointUpload, 3
	}
	return endpointPing, 0
}

// path is the URL of something in the call's repository, relative to the host,
// so that it is right whatever name and scheme the client used.
func (c *call) path(word, last string) string {
	return "/v2/" + string(c.Name) + "/" + word + "/" + last
}
