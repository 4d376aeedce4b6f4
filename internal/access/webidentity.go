package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/webidentity"
)

// WebIdentitySession is a session of a role that a web identity has begun.
type WebIdentitySession struct {
	AssumedRole
	Issuer   string
	Audience string
	Subject  string
}

// bearing is what a session keeps of the token that it was begun with.
type bearing struct {
	Provider string // ARN
	name     string // before the colon of condition keys
	webidentity.Claims
}

// AssumeRoleWithWebIdentity begins a session of a role for the bearer of a token,
// if a provider of the role's account made it and the role's trust policy lets it.
// Of n, what a token says itself does not count. A token may be used until it
// expires, as often as one likes.
//
// Errors are AssumeRole's and webidentity's. Whether the role exists is told to
// nobody; that the account has no such provider is told, as AWS does, since
// otherwise nobody finds the mistake.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, rc RequestContext, n NewSession, token string) (WebIdentitySession, error) {
	provider, claims, err := s.examineIdentity(ctx, n.RoleARN, token)
	if err != nil {
		return WebIdentitySession{}, err
	}
	n.web = &bearing{provider.ARN().String(), provider.Name(), claims}
	n.Tags, n.Transitive, n.SourceIdentity, n.ExternalID = claims.Tags, claims.Transitive, claims.SourceIdentity, ""
	if err := n.checkClaimed(); err != nil {
		return WebIdentitySession{}, err
	}
	p := n.web.principal()
	role, err := s.trusting(ctx, p, rc, n)
	if err != nil {
		return WebIdentitySession{}, err
	}
	c, err := s.begin(ctx, role, n, role.MaxSession)
	if err != nil {
		return WebIdentitySession{}, err
	}
	a, err := s.finish(actingAs(ctx, p), "AssumeRoleWithWebIdentity", role, n, c)
	return WebIdentitySession{a, provider.URL, claims.Audience, claims.Subject}, err
}

// examineIdentity finds the provider that a token is of and checks the token.
func (s *Service) examineIdentity(ctx context.Context, role, token string) (Provider, webidentity.Claims, error) {
	a, err := arn.Parse(role)
	if err != nil {
		return Provider{}, webidentity.Claims{}, fault.Errorf(fault.Invalid, "%.200s is invalid", role)
	}
	t, err := webidentity.Parse(token)
	if err != nil {
		return Provider{}, webidentity.Claims{}, err
	}
	p, err := s.store.Provider(ctx, a.Account, providerName(t.Issuer()))
	if errors.Is(err, ErrNoProvider) || err == nil && p.URL != t.Issuer() {
		return Provider{}, webidentity.Claims{}, fault.Becausef(webidentity.ErrInvalid, "No OpenIDConnect provider found in your account for %.260s", t.Issuer())
	}
	if err != nil {
		return Provider{}, webidentity.Claims{}, err
	}
	c, err := s.verifier.Verify(ctx, t, webidentity.Issuer{URL: p.URL, Thumbprints: p.Thumbprints, Owner: string(p.Account)}, p.ClientIDs)
	return p, c, err
}

// checkClaimed checks the tags that a token gives its session.
func (n NewSession) checkClaimed() error {
	if err := n.checkTags(); err != nil {
		return fault.Becausef(webidentity.ErrRejected, "The token's session tags: %v", err)
	}
	for _, key := range n.Transitive {
		if _, there := n.Tags[key]; !there {
			return fault.Becausef(webidentity.ErrRejected, "The token's transitive tag key %.130q is not among its session tags.", key)
		}
	}
	return nil
}

// principal is the bearer of the token.
func (b *bearing) principal() Principal {
	return Principal{UserID: fmt.Sprintf("%s:%s:%s", b.name, b.Audience, b.Subject), Session: &Session{Provider: b.Provider, Claims: b.all()}}
}

// lasting are the claims that conditions may ask for as long as the session lasts.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func (b *bearing) lasting() []Key {
	keys := []Key{{b.name + ":sub", []string{b.Subject}}, {b.name + ":aud", []string{b.Audience}}}
	if len(b.OriginalAudiences) > 0 {
		keys = append(keys, Key{b.name + ":oaud", b.OriginalAudiences})
	}
	if len(b.Methods) > 0 {
		keys = append(keys, Key{b.name + ":amr", b.Methods})
	}
	return keys
}

// all are the claims that a trust policy may ask for.
func (b *bearing) all() []Key {
	keys := slices.Clip(b.lasting())
	for name, values := range b.Others {
		keys = append(keys, Key{b.name + ":" + name, values})
	}
	return keys
}

// actingAs lets the journal name the bearer of a token, who signed nothing.
func actingAs(ctx context.Context, p Principal) context.Context {
	actor := journal.ActorFrom(ctx)
	actor.Principal = p.UserID
	return journal.WithActor(ctx, actor)
}

// noKeys knows no issuer.
type noKeys struct{}

func (noKeys) KeySet(context.Context, webidentity.Issuer) ([]byte, error) {
	return nil, fault.Errorf(fault.Unavailable, "this service asks no issuers")
}
