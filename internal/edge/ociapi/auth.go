package ociapi

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// user is the user name that goes with a registry token.
const user = "AWS"

// logIn ends the messages of those who have no good token.
const logIn = `run "aws ecr get-login-password" and log in with user name AWS, or run "sealwright login"`

// errUnauthorized is answered with 401 and a challenge, so that clients ask
// their credential helper again. (ECR answers an expired token with 403 and no
// challenge, which breaks them.)
var errUnauthorized = fault.New(fault.Denied, "authentication required: "+logIn)

// authenticate finds out who calls. Who shows no credentials is anonymous.
func (c *call) authenticate() error {
	c.account = c.HostAccount(c.r)
	header := c.r.Header["Authorization"]
	if len(header) > 1 {
		return fault.Becausef(errUnauthorized, "there is more than one Authorization header: %s", logIn)
	}
	if len(header) == 0 && c.r.URL.Query().Has(ticketParameter) {
		return c.useTicket()
	}
	if len(header) == 0 {
		return c.beAnonymous()
	}
	if token, ok := bearer(header[0]); ok && token == anonymousToken {
		return c.beAnonymous()
	} else if ok {
		return c.verify(token)
	}
	name, password, ok := c.r.BasicAuth()
	switch {
	case !ok:
		return errUnauthorized
	case name != user:
		return fault.Becausef(errUnauthorized, "the user name of a registry token is %s, not %.50q: %s", user, name, logIn)
	}
	return c.verify(password)
}

// bearer is the token of an Authorization header of that scheme.
func bearer(header string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	return token, strings.EqualFold(scheme, "Bearer")
}

// beAnonymous goes on without credentials, as far as policies of repositories
// let everyone.
func (c *call) beAnonymous() error {
	c.account = cmp.Or(c.account, c.AnonymousAccount)
	if c.account == "" {
		return errUnauthorized
	}
	c.r = c.r.WithContext(journal.WithActor(c.ctx(), c.actor("")))
	return nil
}

// anonymous reports whether the caller showed no credentials.
func (c *call) anonymous() bool { return c.principal.ARN == "" }

// verify finds out whom a token speaks for.
func (c *call) verify(password string) error {
	p, accessKeyID, err := c.Tokens.VerifyToken(c.ctx(), password)
	if err != nil {
		return tokenError(err)
	}
	c.principal = p
	c.r = c.r.WithContext(journal.WithActor(c.ctx(), c.actor(accessKeyID)))
	return nil
}

func tokenError(err error) error {
	switch {
	case errors.Is(err, access.ErrTokenExpired):
		return fault.Becausef(errUnauthorized, "Your authorization token has expired. Reauthenticate and try again: %s", logIn)
	case fault.KindOf(err) == fault.Denied:
		return fault.Becausef(errUnauthorized, "the authorization token is not valid: %s", logIn)
	}
	return fmt.Errorf("verify token: %w", err)
}

// authorize asks whether the caller may do action on the call's repository, or
// on the registry when the URL names none.
func (c *call) authorize(action string) error {
	return c.allowed(action, c.resource())
}

// allowed asks about any resource. The refusal says who, what, on what and why;
// who is anonymous is asked to log in, and learns nothing else.
func (c *call) allowed(action, resource string) error {
	r := access.Request{Principal: c.principal, Action: action, Resource: resource, Context: access.RequestContext{
		SourceIP: c.SourceIP(c.r), UserAgent: c.r.UserAgent(), Secure: c.Secure(c.r), Region: c.Registry.Region(),
	}}
	d, err := c.Authorizer.Authorize(c.ctx(), r)
	switch {
	case err != nil:
		return undecided(action, err)
	case d.Allowed:
		return nil
	case c.anonymous():
		return errUnauthorized
	}
	return &denial{fault.Errorf(fault.Denied, "%s", access.Denial(r, d)), denialDetail{r.Principal.ARN, action, resource, d.Reason}}
}

// undecided is an error that kept us from finding out whether the caller may do
// something: whatever it is, nobody may take it for a denial.
func undecided(action string, err error) error {
	err = fmt.Errorf("authorize %s: %w", action, err)
	if fault.KindOf(err) == fault.Unavailable {
		return fault.Hide(fault.Unavailable, err, "whether the request is allowed could not be found out just now; try again")
	}
	return fault.Hide(fault.Internal, err, "not decided")
}

// denial is a refusal with its parts for programs to read.
type denial struct {
	fault  *fault.Error
	detail denialDetail
}

// Error is what the caller is told.
func (d *denial) Error() string { return d.fault.Error() }

// Unwrap returns the fault.
func (d *denial) Unwrap() error { return d.fault }

type denialDetail struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Reason    string `json:"reason"`
}
