package ociapi

import (
	"net/url"
	"strconv"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
)

// maxRepositories are those on a page of the catalog.
const maxRepositories = 1000

// catalog lists the account's repositories, as Docker's registry does: it is not
// in the specification. Source:
// https://distribution.github.io/distribution/spec/api/#listing-repositories
func (c *call) catalog() error {
	query := c.r.URL.Query()
	limit, err := pageSize(query.Get("n"))
	if err != nil {
		return err
	}
	limit = min(limit, maxRepositories)
	var after ociref.Name
	if last := query.Get("last"); last != "" {
		if after, err = ociref.ParseName(last); err != nil {
			return err
		}
	}
	list, err := c.Registry.Repositories(c.ctx(), c.Account, after, limit+1)
	if err != nil {
		return err
	}
	names := []ociref.Name{}
	for _, r := range list[:min(limit, len(list))] {
		names = append(names, r.Name)
	}
	if len(list) > limit && limit > 0 {
		c.nextLink(url.Values{"n": {strconv.Itoa(limit)}, "last": {string(names[limit-1])}}.Encode())
	}
	return c.writeJSON("application/json", map[string][]ociref.Name{"repositories": names})
}

// resource is what the call's access decision is about: the repository of the
// URL, the pattern of them all, or nothing in particular.
func (c *call) resource() string {
	switch c.endpoint {
	case endpointPing:
		return "*"
	case endpointCatalog:
		return arn.Repository(c.Registry.Region(), c.Account, "*").String()
	}
	return c.Registry.ARN(c.Key)
}
