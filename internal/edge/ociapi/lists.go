package ociapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Bounds on the pages of lists.
const (
	maxTags            = 10_000 // tags on a page
	maxArtifactFilters = 10
)

// listTags is end-8.
func (c *call) listTags() error {
	query := c.r.URL.Query()
	limit, err := pageSize(query.Get("n"))
	if err != nil {
		return err
	}
	var after ociref.Tag
	if last := query.Get("last"); last != "" {
		if after, err = ociref.ParseTag(last); err != nil {
			return err
		}
	}
	tags, err := c.Registry.Tags(c.ctx(), c.Key, after, limit+1)
	if err != nil {
		return err
	}
	if len(tags) > limit {
		if tags = tags[:limit]; limit > 0 {
			c.nextLink(url.Values{"n": {strconv.Itoa(limit)}, "last": {string(tags[limit-1])}}.Encode())
		}
	}
	return c.writeJSON("application/json", struct {
		Name ociref.Name  `json:"name"`
		Tags []ociref.Tag `json:"tags"`
	}{c.Name, append([]ociref.Tag{}, tags...)})
}

// pageSize reads n. More than we give on a page is given on several.
func pageSize(n string) (int, error) {
	if n == "" {
		return maxTags, nil
	}
	value, ok := parseDecimal(n)
	if !ok {
		return 0, fault.Becausef(errQuery, "n must be a number that is not negative, not %.50q", n)
	}
	return int(min(value, maxTags)), nil
}

// listReferrers is end-12: an image index, in pages of up to 4 MiB, since some
// clients do not follow Link.
func (c *call) listReferrers() error {
	subject, err := ociref.ParseDigest(c.last)
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	filter, err := referrerFilter(query)
	if err != nil {
		return err
	}
	page, err := c.referrersPage(subject, filter)
	if err != nil {
		return err
	}
	if !page.last.IsZero() {
		query.Set("last", page.last.String())
		c.nextLink(query.Encode())
	}
	if len(filter.ArtifactTypes) > 0 {
		c.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return c.write(registry.MediaTypeIndex, page.body)
}

// referrerFilter reads the query: artifactType is the specification's, last is
// where our own Link goes on.
func referrerFilter(query url.Values) (f registry.ReferrerFilter, err error) {
	f.Limit = referrersBatch
	for _, t := range query["artifactType"] {
		if t != "" {
			f.ArtifactTypes = append(f.ArtifactTypes, t)
		}
	}
	if len(f.ArtifactTypes) > maxArtifactFilters {
		return f, fault.Becausef(errQuery, "at most %d artifactType parameters are allowed", maxArtifactFilters)
	}
	if f.After, err = registry.ParseCursor(query.Get("last")); err != nil {
		err = fault.Becausef(errQuery, "the last parameter is none of ours: follow the Link of the page before, or leave it out")
	}
	return f, err
}

// writeJSON answers with a value.
func (c *call) writeJSON(mediaType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.write(mediaType, body)
}

// write answers with bytes.
func (c *call) write(mediaType string, body []byte) error {
	c.w.Header().Set("Content-Type", mediaType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.send(body)
}
