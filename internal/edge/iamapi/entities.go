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
	Prefix *string `json:"PathPrefix" validate:"min=1,max=512"`
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

// wants reports whether the filters let an entity through.
func (in *listEntities) wants(e access.Entity) bool {
	switch {
	case in.Filter != "" && in.Filter != e.Kind.Title(), !strings.HasPrefix(e.Path, textOf(in.Prefix)):
		return false
	case in.Usage == "PermissionsPolicy":
		return e.Has
	case in.Usage == "PermissionsBoundary":
		return e.Bounded
	}
	return true
}

func (out *listEntitiesOutput) add(e access.Entity) {
	switch e.Kind {
	case access.Group:
		out.Groups = append(out.Groups, policyGroup{e.Name, e.ID})
	case access.User:
		out.Users = append(out.Users, policyUser{e.Name, e.ID})
	case access.Role:
		out.Roles = append(out.Roles, policyRole{e.Name, e.ID})
	}
}

// listEntitiesForPolicy filters what it reads, so that a page may hold fewer than
// were asked for.
func (s *iam) listEntitiesForPolicy(ctx context.Context, c *awshttp.Call, in *listEntities) (*listEntitiesOutput, error) {
	const list = "ListEntitiesForPolicy"
	place, err := in.after(list)
	if err != nil {
		return nil, err
	}
	kind, name, _ := strings.Cut(place, "/")
	after := access.IdentityKey{Account: c.Account, Kind: access.IdentityKind(kind), Name: name}
	all, err := s.access.Entities(ctx, c.Account, in.Policy, after, in.size()+1)
	if err != nil {
		return nil, err
	}
	found, rest := cut(list, all, in.size(), func(e access.Entity) string { return string(e.Kind) + "/" + e.Name })
	out := &listEntitiesOutput{page: rest}
	for _, e := range found {
		if in.wants(e) {
			out.add(e)
		}
	}
	return out, nil
}
