package iamapi

import (
	"context"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

type listEntities struct {
	policyARN
	Filter string  `json:"EntityFilter" validate:"enum=User|Role|Group|LocalManagedPolicy|AWSManagedPolicy"`
	Prefix *string `json:"PathPrefix" validate:"min=1,max=512,pattern=(/)|(/[\\x21-\\x7E]+/)"`
	Usage  string  `json:"PolicyUsageFilter" validate:"enum=PermissionsPolicy|PermissionsBoundary"`
	paging
}

type (
	policyGroup struct {
		Name string `json:"GroupName"`
		ID   string `json:"GroupId"`
	}
	policyUser struct {
		Name string `json:"UserName"`
		ID   string `json:"UserId"`
	}
	policyRole struct {
		Name string `json:"RoleName"`
		ID   string `json:"RoleId"`
	}
	listEntitiesOutput struct {
		Groups []policyGroup `json:"PolicyGroups"`
		Users  []policyUser  `json:"PolicyUsers"`
		Roles  []policyRole  `json:"PolicyRoles"`
		page
	}
)

// filter is what the request asks for. The filters LocalManagedPolicy and
// AWSManagedPolicy are of another operation: no identity is either.
func (in *listEntities) filter() access.EntityFilter {
	return access.EntityFilter{Kind: access.IdentityKind(strings.ToLower(in.Filter)), PathPrefix: textOf(in.Prefix), Usage: usage(in.Usage)}
}

// usage reads a PolicyUsageFilter.
func usage(filter string) access.Usage {
	switch filter {
	case "PermissionsPolicy":
		return access.ForPermission
	case "PermissionsBoundary":
		return access.ForBoundary
	}
	return access.AnyUsage
}

func (out *listEntitiesOutput) add(e access.Identity) {
	switch e.Kind {
	case access.Group:
		out.Groups = append(out.Groups, policyGroup{e.Name, e.ID})
	case access.User:
		out.Users = append(out.Users, policyUser{e.Name, e.ID})
	case access.Role:
		out.Roles = append(out.Roles, policyRole{e.Name, e.ID})
	}
}

func (s *iam) listEntitiesForPolicy(ctx context.Context, c *awshttp.Call, in *listEntities) (*listEntitiesOutput, error) {
	const list = "ListEntitiesForPolicy"
	place, err := in.after(list)
	if err != nil {
		return nil, err
	}
	f := in.filter()
	kind, name, _ := strings.Cut(place, "/")
	f.After, f.Limit = access.IdentityKey{Kind: access.IdentityKind(kind), Name: name}, in.size()+1
	all, err := s.access.Entities(ctx, c.Account, in.Policy, f)
	if err != nil {
		return nil, err
	}
	found, rest := cut(list, all, in.size(), func(e access.Identity) string { return string(e.Kind) + "/" + e.Name })
	out := &listEntitiesOutput{page: rest}
	for _, e := range found {
		out.add(e)
	}
	return out, nil
}
