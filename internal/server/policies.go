package server

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

// resourcePolicies are what says which policies are attached to what, by service.
// The services are made after access; nobody asks before.
func (s *Server) resourcePolicies() map[string]access.ResourcePolicies {
	return map[string]access.ResourcePolicies{"ecr": registryPolicies{s}, "signer": profilePermissions{s}}
}

type registryPolicies struct{ *Server }

// ResourcePolicies implements [access.ResourcePolicies].
func (p registryPolicies) ResourcePolicies(ctx context.Context, resource arn.ARN) (documents []access.Document, tags map[string]string, err error) {
	attached, tags, err := p.registry.Policies(ctx, resource)
	for _, a := range attached {
		documents = append(documents, access.Document{Name: a.Name, Text: a.Text})
	}
	return documents, tags, err
}

type profilePermissions struct{ *Server }

// ResourcePolicies implements [access.ResourcePolicies].
func (p profilePermissions) ResourcePolicies(ctx context.Context, resource arn.ARN) ([]access.Document, map[string]string, error) {
	return p.signing.ResourcePolicies(ctx, resource)
}
