// Package remote is the client of the services this program talks to when it is
// not the service itself: any OCI registry, through oras-go, and the Signer
// API, through the AWS SDK and its own configuration loader.
package remote

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	notationregistry "github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// RegistryOptions says how a registry is reached.
type RegistryOptions struct {
	Credential         auth.Credential   // wins over Store unless empty
	Store              credentials.Store // asked once the registry wants to know who we are; nil for none
	PlainHTTP          bool              // HTTP whatever the host
	InsecureRegistries []string          // hosts, with their port, that speak HTTP
	ForceReferrersTag  bool              // keep referrers under the tag schema, not the API
	UserAgent          string
	Trace              bool // log each exchange to the context's notation-go logger
}

// plainHTTP reports whether host (a name or address, with or without a port)
// is spoken to without TLS: because the options say so, or because it is the
// machine itself.
func (o RegistryOptions) plainHTTP(host string) bool {
	return o.PlainHTTP || IsLoopback(host) ||
		slices.ContainsFunc(o.InsecureRegistries, func(insecure string) bool { return strings.EqualFold(insecure, host) })
}

// IsLoopback reports whether host, with or without a port, names this machine:
// localhost or a loopback address. It asks no resolver.
func IsLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}

// client makes the authenticating client for the registry at host.
func (o RegistryOptions) client(host string) *auth.Client {
	base := http.DefaultTransport
	if o.Trace {
		base = tracer{base}
	}
	client := &auth.Client{
		Client:   &http.Client{Transport: retry.NewTransport(denials{base})},
		Cache:    auth.NewCache(),
		ClientID: "sealwright",
	}
	client.SetUserAgent(o.UserAgent)
	switch {
	case o.Credential != auth.EmptyCredential:
		client.Credential = auth.StaticCredential(host, o.Credential)
	case o.Store != nil:
		client.Credential = credentials.Credential(o.Store)
	}
	return client
}

// Registry makes a client for logging in: it has no credentials of its own.
func Registry(host string, o RegistryOptions) (*orasremote.Registry, error) {
	r, err := orasremote.NewRegistry(host)
	if err != nil {
		return nil, err
	}
	o.Credential, o.Store = auth.EmptyCredential, nil
	r.Client, r.PlainHTTP = o.client(r.Reference.Host()), o.plainHTTP(r.Reference.Registry)
	return r, nil
}

// Repository is the part of a registry that holds an artifact and its
// signatures. It asks the registry for each digest once. It is for one
// goroutine at a time.
type Repository struct {
	notationregistry.Repository
	resolved map[string]ocispec.Descriptor
}

// NewRepository makes a client for the repository that ref names.
func NewRepository(ref registry.Reference, o RegistryOptions) (*Repository, error) {
	r := &orasremote.Repository{Client: o.client(ref.Host()), Reference: ref, PlainHTTP: o.plainHTTP(ref.Registry)}
	if o.ForceReferrersTag {
		if err := r.SetReferrersCapability(false); err != nil {
			return nil, err
		}
	}
	return remember(notationregistry.NewRepository(r)), nil
}

// OpenLayout opens the OCI image layout in the directory at path.
func OpenLayout(path string) (*Repository, error) {
	layout, err := notationregistry.NewOCIRepository(path, notationregistry.RepositoryOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to resolve user input reference: %w", err)
	}
	return remember(layout), nil
}

func remember(r notationregistry.Repository) *Repository {
	return &Repository{Repository: r, resolved: make(map[string]ocispec.Descriptor)}
}

// Resolve finds the descriptor of a tag or digest. What a digest names cannot
// change, so a second question costs no request: notation-go asks again what
// its caller has already resolved.
func (r *Repository) Resolve(ctx context.Context, reference string) (ocispec.Descriptor, error) {
	if known, ok := r.resolved[reference]; ok {
		return known, nil
	}
	found, err := r.Repository.Resolve(ctx, reference)
	if err == nil {
		r.resolved[found.Digest.String()] = found
	}
	return found, err
}
