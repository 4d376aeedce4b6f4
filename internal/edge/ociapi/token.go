package ociapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// tokenPath is where clients get tokens after a Bearer challenge.
//
// Source: https://distribution.github.io/distribution/spec/auth/token/
const tokenPath = "/v2/token"

// anonymousToken is the token of those who have no credentials. It is no secret,
// and opens what policies open to everyone.
const anonymousToken = "anonymous"

// tokenSeconds is how long clients keep a token before they ask again. The token
// itself ends when the registry token does.
const tokenSeconds = 300

// token answers who asks for a bearer token: the registry token that came as a
// password, once it is found good, or the one of everyone.
func (c *call) token() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return fault.Becausef(errMethod, "the method is not supported here, only GET, HEAD")
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	token := anonymousToken
	if _, password, ok := c.r.BasicAuth(); ok {
		token = password
	} else if !c.opensToEveryone() {
		return errUnauthorized
	}
	body, err := json.Marshal(map[string]any{"token": token, "access_token": token, "expires_in": tokenSeconds})
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.Write(body) // a client that is gone needs no answer
	return nil
}

// authenticateHeader is the challenge: Basic, as Amazon ECR's, where nothing is
// open to everyone; else Bearer, since clients without credentials give up when
// they read Basic.
func (c *call) authenticateHeader() string {
	url := c.PublicURL(c.r)
	if !c.opensToEveryone() {
		return `Basic realm="` + url + `/",service="ecr.amazonaws.com"`
	}
	_, host, _ := strings.Cut(url, "://")
	return `Bearer realm="` + url + tokenPath + `",service="` + host + `"`
}

// opensToEveryone reports whether a policy of the registry that is meant may name
// everyone. Where that cannot be found out it says no. The answer is remembered,
// since strangers must not make the records search through all policies at each
// request.
func (c *call) opensToEveryone() bool {
	account := cmp.Or(c.account, c.AnonymousAccount)
	if account == "" {
		return false
	}
	revision, known := c.Revision()
	if open, remembered := c.open.Get(account, revision); known && remembered {
		return open
	}
	open, err := c.Registry.NamesEveryone(c.ctx(), account)
	if known && err == nil {
		c.open.Put(account, revision, open, 0)
	}
	return err == nil && open
}
