package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Errors of identity providers. Edges translate them to IAM's.
var (
	ErrNoProvider     = fault.New(fault.NotFound, "no such OpenID Connect provider")
	ErrProviderExists = fault.New(fault.Conflict, "the account has a provider of this URL already")
	ErrBadProvider    = fault.New(fault.Invalid, "the provider's URL, client ID or thumbprint is not valid")
)

// Provider is an OpenID Connect identity provider whose tokens an account's roles
// may trust.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
type Provider struct {
	Account     arn.AccountID
	URL         string   // the issuer, exactly as tokens have it: https://host/path
	ClientIDs   []string // the audiences that tokens may be for, in the order they came
	Thumbprints []string // SHA-1 of certificates, in hex
	Tags        map[string]string
	CreatedAt   time.Time
}

// ProviderStore keeps identity providers by their names within an account. It is
// part of [Store]; each method is one atomic act.
type ProviderStore interface {
	// CreateProvider saves a provider. ErrProviderExists; ErrTooMany when the account
	// has most of them.
	CreateProvider(ctx context.Context, p Provider, most int, e journal.Event) error
	// Provider finds a provider by its name, or ErrNoProvider.
	Provider(ctx context.Context, account arn.AccountID, name string) (Provider, error)
	// Providers lists an account's by name: they are few.
	Providers(ctx context.Context, account arn.AccountID) ([]Provider, error)
	// ChangeProvider calls change with a provider as it stands, alone with it, and
	// saves its client IDs, thumbprints and tags. ErrNoProvider, and change's own.
	ChangeProvider(ctx context.Context, account arn.AccountID, name string, change func(*Provider) (journal.Event, error)) error
	// DeleteProvider deletes a provider, or fails with ErrNoProvider.
	DeleteProvider(ctx context.Context, account arn.AccountID, name string, e journal.Event) error
}

// Name is what stands for the provider in its ARN and before its condition keys:
// the URL without the scheme.
func (p Provider) Name() string { return providerName(p.URL) }

// ARN names the provider.
func (p Provider) ARN() arn.ARN {
	return arn.ARN{Partition: arn.Partition, Service: "iam", Account: p.Account, Resource: providerPrefix + p.Name()}
}

const (
	providerPrefix = "oidc-provider/"
	secureScheme   = "https://"
	plainScheme    = "http://" // of issuers on this machine only
)

func providerName(url string) string {
	return strings.TrimPrefix(strings.TrimPrefix(url, secureScheme), plainScheme)
}

// Quotas of IAM.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxProviders   = 100
	maxClientIDs   = 100
	maxThumbprints = 5
	maxProviderURL = 255
	maxClientID    = 255
	thumbprintSize = 40 // hex digits
)

// CreateProvider makes a provider. The issuer is not asked for anything.
// ErrProviderExists, ErrTooMany, ErrBadProvider.
func (s *Service) CreateProvider(ctx context.Context, p Provider) (Provider, error) {
	if err := firstError(checkIssuer(p.URL), p.check()); err != nil {
		return Provider{}, err
	}
	p.CreatedAt = s.timestamp()
	err := s.store.CreateProvider(ctx, p, maxProviders, s.providerEvent(ctx, "CreateOpenIDConnectProvider", p, map[string]any{"clientIDList": p.ClientIDs, "thumbprintList": p.Thumbprints}))
	switch err {
	case ErrProviderExists:
		err = fault.Becausef(ErrProviderExists, "Provider with url %s already exists.", p.URL)
	case ErrTooMany:
		err = fault.Becausef(ErrTooMany, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d", maxProviders)
	}
	return p, err
}

// Provider returns the account's provider with this ARN. ErrNoProvider.
func (s *Service) Provider(ctx context.Context, account arn.AccountID, name string) (Provider, error) {
	key, err := providerKey(account, name)
	if err != nil {
		return Provider{}, err
	}
	p, err := s.store.Provider(ctx, account, key)
	return p, orNoProvider(name, err)
}

// Providers lists an account's providers by name.
func (s *Service) Providers(ctx context.Context, account arn.AccountID) ([]Provider, error) {
	return s.store.Providers(ctx, account)
}

// DeleteProvider deletes a provider; one that is not there is fine. Roles that
// trust it stay, and nobody can assume them with its tokens any more. Sessions
// that it began go on, as AWS has it.
func (s *Service) DeleteProvider(ctx context.Context, account arn.AccountID, name string) error {
	key, err := providerKey(account, name)
	if err == nil {
		e := s.event(ctx, "DeleteOpenIDConnectProvider", account, name, nil)
		err = s.store.DeleteProvider(ctx, account, key, e)
	}
	if err == ErrNoProvider {
		return nil
	}
	return err
}

// AddClientID lets tokens be for one more audience; again is fine. ErrNoProvider,
// ErrTooMany, ErrBadProvider.
func (s *Service) AddClientID(ctx context.Context, account arn.AccountID, name, id string) error {
	return s.changeProvider(ctx, account, name, "AddClientIDToOpenIDConnectProvider", map[string]any{"clientID": id}, func(p *Provider) {
		if !slices.Contains(p.ClientIDs, id) {
			p.ClientIDs = append(p.ClientIDs, id)
		}
	})
}

// RemoveClientID takes an audience back; one that is not there is fine.
// ErrNoProvider.
func (s *Service) RemoveClientID(ctx context.Context, account arn.AccountID, name, id string) error {
	return s.changeProvider(ctx, account, name, "RemoveClientIDFromOpenIDConnectProvider", map[string]any{"clientID": id}, func(p *Provider) {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(c string) bool { return c == id })
	})
}

// SetThumbprints replaces a provider's thumbprints. ErrNoProvider, ErrTooMany,
// ErrBadProvider.
func (s *Service) SetThumbprints(ctx context.Context, account arn.AccountID, name string, thumbprints []string) error {
	detail := map[string]any{"thumbprintList": thumbprints}
	return s.changeProvider(ctx, account, name, "UpdateOpenIDConnectProviderThumbprint", detail, func(p *Provider) { p.Thumbprints = thumbprints })
}

// TagProvider sets tags of a provider. ErrNoProvider, ErrTooMany.
func (s *Service) TagProvider(ctx context.Context, account arn.AccountID, name string, tags map[string]string) error {
	return s.changeProvider(ctx, account, name, "TagOpenIDConnectProvider", map[string]any{"tags": tags}, func(p *Provider) {
		p.Tags, _ = withTags(p.Tags, tags) // checked with the rest
	})
}

// UntagProvider takes away the tags with these keys, those that are there.
// ErrNoProvider.
func (s *Service) UntagProvider(ctx context.Context, account arn.AccountID, name string, keys []string) error {
	return s.changeProvider(ctx, account, name, "UntagOpenIDConnectProvider", map[string]any{"tagKeys": keys}, func(p *Provider) {
		p.Tags = withoutTags(p.Tags, keys)
	})
}

func (s *Service) changeProvider(ctx context.Context, account arn.AccountID, name, operation string, detail any, change func(*Provider)) error {
	key, err := providerKey(account, name)
	if err != nil {
		return err
	}
	err = s.store.ChangeProvider(ctx, account, key, func(p *Provider) (journal.Event, error) {
		change(p)
		return s.providerEvent(ctx, operation, *p, detail), p.check()
	})
	return orNoProvider(name, err)
}

func (s *Service) providerEvent(ctx context.Context, operation string, p Provider, detail any) journal.Event {
	return s.event(ctx, operation, p.Account, p.ARN().String(), detail)
}

// providerKey is the name of the account's provider with this ARN. ErrNoProvider
// for another account's.
func providerKey(account arn.AccountID, name string) (string, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return "", fault.Becausef(ErrBadProvider, "%.200s is not the ARN of an OpenID Connect provider", name)
	}
	key, ok := strings.CutPrefix(a.Resource, providerPrefix)
	if !ok || a.Service != "iam" || a.Region != "" {
		return "", fault.Becausef(ErrBadProvider, "%.200s is not the ARN of an OpenID Connect provider", name)
	}
	if a.Account != account {
		return "", orNoProvider(name, ErrNoProvider)
	}
	return key, nil
}

func orNoProvider(name string, err error) error {
	if err == ErrNoProvider {
		return fault.Becausef(ErrNoProvider, "OpenIDConnect Provider not found for arn %.300s", name)
	}
	return err
}

// check checks what may be changed of a provider.
func (p *Provider) check() error {
	if len(p.ClientIDs) > maxClientIDs {
		return fault.Becausef(ErrTooMany, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClientIDs)
	}
	for _, id := range p.ClientIDs {
		if id == "" || len(id) > maxClientID {
			return fault.Becausef(ErrBadProvider, "A client ID has 1 to %d characters.", maxClientID)
		}
	}
	if len(p.Thumbprints) > maxThumbprints {
		return fault.Becausef(ErrBadProvider, "Thumbprint list must contain fewer than %d entries.", maxThumbprints+1)
	}
	for _, t := range p.Thumbprints {
		if len(t) != thumbprintSize || strings.Trim(t, "0123456789abcdefABCDEF") != "" {
			return fault.Becausef(ErrBadProvider, "A thumbprint is the SHA-1 of a certificate, %d hexadecimal digits: %.80q is none.", thumbprintSize, t)
		}
	}
	return checkTags(p.Tags)
}
