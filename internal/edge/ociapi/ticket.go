package ociapi

import (
	"net/http"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// ticketParameter has the ticket in a URL that GetDownloadUrlForLayer gave out.
const ticketParameter = "ticket"

// useTicket authenticates a read of a layer by the ticket in its URL, which must
// be for that layer. Whose registry it is in, the ticket says.
func (c *call) useTicket() error {
	t, err := parseTarget(c.r.URL.Path)
	if err != nil || t.endpoint != endpointBlob || c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return errUnauthorized
	}
	password, what, err := c.Tokens.OpenTicket(c.r.URL.Query().Get(ticketParameter))
	if err != nil {
		return tokenError(err)
	}
	repository, _, _ := strings.Cut(what, "@")
	owner, err := arn.Parse(repository)
	if err != nil || what != c.Registry.LayerName(registry.Key{Account: owner.Account, Name: t.name}, ociref.Digest(t.last)) {
		return errUnauthorized
	}
	if c.account != "" && c.account != owner.Account {
		return errUnauthorized
	}
	c.account = owner.Account
	return c.verify(password)
}
