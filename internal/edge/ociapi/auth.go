package ociapi

import (
	"errors"
	"fmt"

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

// authenticate finds out who calls.
func (c *call) authenticate() error {
	name, password, ok := c.r.BasicAuth()
	if !ok && c.r.URL.Query().Has(ticketParameter) {
		return c.useTicket()
	}
	if !ok {
		return errUnauthorized
	}
	if name != user {
		return fault.Becausef(errUnauthorized, "the user name of a registry token is %s, not %.50q: %s", user, name, logIn)
	}
	return c.verify(password)
}

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

// allowed asks about any resource. The refusal says who, what, on what and why.
func (c *call) allowed(action, resource string) error {
	r := access.Request{Principal: c.principal, Action: action, Resource: resource}
	d, err := c.Authorizer.Authorize(c.ctx(), r)
	if err != nil {
		return fmt.Errorf("authorize %s: %w", action, err)
	}
	if !d.Allowed {
		return fault.Errorf(fault.Denied, "%s", access.Denial(r, d))
	}
	return nil
}
