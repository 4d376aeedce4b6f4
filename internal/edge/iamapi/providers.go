package iamapi

import (
	"context"
	"errors"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// providerRows are the operations on OpenID Connect providers.
func (s *iam) providerRows() []awshttp.Operation {
	return []awshttp.Operation{
		row(s, "CreateOpenIDConnectProvider", s.createProvider), row(s, "GetOpenIDConnectProvider", s.getProvider),
		row(s, "ListOpenIDConnectProviders", s.listProviders), act(s, "DeleteOpenIDConnectProvider", s.deleteProvider),
		act(s, "AddClientIDToOpenIDConnectProvider", s.addClientID), act(s, "RemoveClientIDFromOpenIDConnectProvider", s.removeClientID),
		act(s, "UpdateOpenIDConnectProviderThumbprint", s.updateThumbprints),
		act(s, "TagOpenIDConnectProvider", s.tagProvider), act(s, "UntagOpenIDConnectProvider", s.untagProvider),
		row(s, "ListOpenIDConnectProviderTags", s.listProviderTags),
	}
}

// provider says that an input is about a provider that may have tags.
func (p providerARN) provider() string { return p.Provider }

// providerKeys adds the tags of a provider that exists.
func (s *iam) providerKeys(ctx context.Context, c *awshttp.Call, name string, keys []access.Key) ([]access.Key, error) {
	p, err := s.access.Provider(ctx, c.Account, name)
	if errors.Is(err, access.ErrNoProvider) || errors.Is(err, access.ErrBadProvider) {
		return keys, nil
	}
	return append(keys, resourceTags(p.Tags)...), err
}

type createProvider struct {
	URL         string   `json:"Url" validate:"required,min=1,max=255"`
	ClientIDs   []string `json:"ClientIDList" each:"min=1,max=255"`
	Thumbprints []string `json:"ThumbprintList" each:"min=40,max=40"`
	tags
}

func (in *createProvider) asked(c *awshttp.Call) string {
	return access.Provider{Account: c.Account, URL: in.URL}.ARN().String()
}

func (in *createProvider) more(c *awshttp.Call) []awshttp.Need {
	return tagsToo(in.tags, "iam:TagOpenIDConnectProvider", in.asked(c))
}

type createProviderOutput struct {
	ARN  string `json:"OpenIDConnectProviderArn"`
	Tags []tag  `json:"Tags,omitempty"`
}

func (s *iam) createProvider(ctx context.Context, c *awshttp.Call, in *createProvider) (*createProviderOutput, error) {
	if err := in.once(); err != nil {
		return nil, err
	}
	p, err := s.access.CreateProvider(ctx, access.Provider{Account: c.Account, URL: in.URL, ClientIDs: in.ClientIDs, Thumbprints: in.Thumbprints, Tags: in.given()})
	return &createProviderOutput{p.ARN().String(), showTags(p.Tags)}, err
}

type getProviderOutput struct {
	URL         string       `json:"Url"`
	ClientIDs   []string     `json:"ClientIDList"`
	Thumbprints []string     `json:"ThumbprintList"`
	Created     awshttp.Time `json:"CreateDate"`
	Tags        []tag        `json:"Tags"`
}

// getProvider shows the URL without https://, as AWS does.
func (s *iam) getProvider(ctx context.Context, c *awshttp.Call, in *providerARN) (*getProviderOutput, error) {
	p, err := s.access.Provider(ctx, c.Account, in.Provider)
	return &getProviderOutput{strings.TrimPrefix(p.URL, "https://"), p.ClientIDs, p.Thumbprints, awshttp.Time{Time: p.CreatedAt}, showTags(p.Tags)}, err
}

type listProviders struct{ everything }

type providerEntry struct {
	ARN string `json:"Arn"`
}

type listProvidersOutput struct {
	Providers []providerEntry `json:"OpenIDConnectProviderList"`
}

func (s *iam) listProviders(ctx context.Context, c *awshttp.Call, _ *listProviders) (*listProvidersOutput, error) {
	list, err := s.access.Providers(ctx, c.Account)
	return &listProvidersOutput{shown(list, func(p access.Provider) providerEntry { return providerEntry{p.ARN().String()} })}, err
}

func (s *iam) deleteProvider(ctx context.Context, c *awshttp.Call, in *providerARN) error {
	return s.access.DeleteProvider(ctx, c.Account, in.Provider)
}

type clientID struct {
	providerARN
	ID string `json:"ClientID" validate:"required,min=1,max=255"`
}

func (s *iam) addClientID(ctx context.Context, c *awshttp.Call, in *clientID) error {
	return s.access.AddClientID(ctx, c.Account, in.Provider, in.ID)
}

func (s *iam) removeClientID(ctx context.Context, c *awshttp.Call, in *clientID) error {
	return s.access.RemoveClientID(ctx, c.Account, in.Provider, in.ID)
}

type updateThumbprints struct {
	providerARN
	Thumbprints []string `json:"ThumbprintList" validate:"required" each:"min=40,max=40"`
}

func (s *iam) updateThumbprints(ctx context.Context, c *awshttp.Call, in *updateThumbprints) error {
	return s.access.SetThumbprints(ctx, c.Account, in.Provider, in.Thumbprints)
}

type tagProvider struct {
	providerARN
	newTags
}

func (s *iam) tagProvider(ctx context.Context, c *awshttp.Call, in *tagProvider) error {
	if err := in.once(); err != nil {
		return err
	}
	return s.access.TagProvider(ctx, c.Account, in.Provider, in.given())
}

type untagProvider struct {
	providerARN
	tagKeys
}

func (s *iam) untagProvider(ctx context.Context, c *awshttp.Call, in *untagProvider) error {
	return s.access.UntagProvider(ctx, c.Account, in.Provider, in.taken())
}

type oneProviderPage struct {
	providerARN
	paging
}

func (s *iam) listProviderTags(ctx context.Context, c *awshttp.Call, in *oneProviderPage) (*tagsOutput, error) {
	p, err := s.access.Provider(ctx, c.Account, in.Provider)
	if err != nil {
		return nil, err
	}
	return tagPage("ListOpenIDConnectProviderTags", in.paging, p.Tags)
}
