package awshttp

import (
	"context"
	"errors"
	"fmt"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
)

// authenticate finds out who calls. What can be refused without the body is
// refused before it is read.
func (x *exchange) authenticate(ctx context.Context) error {
	s, err := sigv4.Parse(x.r, x.target)
	if err != nil {
		return err
	}
	x.claimedKey = s.KeyID
	want := sigv4.Scope{
		Region: x.h.options.Region, GlobalRegion: x.service.GlobalRegion, Service: x.service.SigningName, Presigned: x.service.Presigned,
	}
	if err := s.Check(want, x.h.options.Now()); err != nil {
		return err
	}
	secret, p, err := x.h.options.Authenticator.Credential(ctx, s.KeyID, s.Token)
	if err != nil {
		return credentialError(err)
	}
	if err := x.readBody(ctx, x.maxBody()); err != nil {
		return err
	}
	message := sigv4.Message{Request: x.r, Target: x.target, Body: x.body}
	if err := x.h.verifier.Verify(s, message, secret); err != nil {
		return err
	}
	x.call.Principal, x.call.Account, x.call.AccessKeyID = p, p.Account, s.KeyID
	x.call.Context.Region = s.Region()
	return nil
}

// credentialError puts an authenticator's errors into AWS's words.
func credentialError(err error) error {
	switch {
	case errors.Is(err, access.ErrUnknownKey), errors.Is(err, access.ErrTokenInvalid):
		return refuse(unknownKey, "The security token included in the request is invalid.")
	case errors.Is(err, access.ErrTokenExpired):
		return refuse(expiredToken, "The security token included in the request is expired")
	}
	return undecided{fmt.Errorf("awshttp: find the credential: %w", err)}
}
