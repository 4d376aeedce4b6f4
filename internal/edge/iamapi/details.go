package iamapi

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

type getDetails struct {
	everything
	Filter []string `json:"Filter" validate:"max=5" each:"enum=User|Role|Group|LocalManagedPolicy|AWSManagedPolicy"`
	paging
}

// The details of entities: what their own operations show, and what they hold.
type (
	policyDetail struct {
		Name     string `json:"PolicyName"`
		Document string `json:"PolicyDocument"`
	}
	userDetail struct {
		user
		Policies []policyDetail   `json:"UserPolicyList"`
		Groups   []string         `json:"GroupList"`
		Attached []attachedPolicy `json:"AttachedManagedPolicies"`
	}
	groupDetail struct {
		group
		Policies []policyDetail   `json:"GroupPolicyList"`
		Attached []attachedPolicy `json:"AttachedManagedPolicies"`
	}
	roleDetail struct {
		roleFacts
		Instances []string         `json:"InstanceProfileList"` // there are none
		Policies  []policyDetail   `json:"RolePolicyList"`
		Attached  []attachedPolicy `json:"AttachedManagedPolicies"`
	}
	managedDetail struct {
		policyFacts
		Versions []policyVersion `json:"PolicyVersionList"`
	}
	detailsOutput struct {
		Users    []userDetail    `json:"UserDetailList"`
		Groups   []groupDetail   `json:"GroupDetailList"`
		Roles    []roleDetail    `json:"RoleDetailList"`
		Policies []managedDetail `json:"Policies"`
		page
	}
)

// maxDocuments ends a page: bytes of documents, as they are stored.
const maxDocuments = 1 << 20

// entity is one that is to be shown.
type entity struct {
	place string // among all: the number of its section, and its name
	// add shows it, if it is still there, and returns the bytes of its documents.
	add func(ctx context.Context, out *detailsOutput) (documents int, err error)
}

// getAccountAuthorizationDetails shows all that policies are made of, a page at a
// time: users, groups, roles, the account's managed policies, AWS's own.
func (s *iam) getAccountAuthorizationDetails(ctx context.Context, c *awshttp.Call, in *getDetails) (*detailsOutput, error) {
	const list = "GetAccountAuthorizationDetails"
	after, err := in.after(list)
	if err != nil {
		return nil, err
	}
	all, err := s.entities(ctx, c, in, after)
	if err != nil {
		return nil, err
	}
	out, shown, documents := &detailsOutput{}, 0, 0
	for ; shown < min(in.size(), len(all)) && documents < maxDocuments; shown++ {
		n, err := all[shown].add(ctx, out)
		if err != nil {
			return nil, err
		}
		documents += n
	}
	if shown < len(all) {
		_, out.page = cut(list, all, shown, func(e entity) string { return e.place })
	}
	return out, nil
}

// entities are those that the request asks for, after a place, and one more than
// fit on its page.
func (s *iam) entities(ctx context.Context, c *awshttp.Call, in *getDetails, after string) (all []entity, err error) {
	at, name, _ := strings.Cut(after, "/")
	from, _ := strconv.Atoi(at)
	for i, section := range []struct {
		filter string
		list   func(ctx context.Context, c *awshttp.Call, after string, limit int) ([]entity, error)
	}{
		{"User", s.identityEntities(access.User)}, {"Group", s.identityEntities(access.Group)}, {"Role", s.identityEntities(access.Role)},
		{"LocalManagedPolicy", s.localPolicyEntities}, {"AWSManagedPolicy", s.awsPolicyEntities},
	} {
		limit := in.size() + 1 - len(all)
		if i < from || limit == 0 || len(in.Filter) > 0 && !slices.Contains(in.Filter, section.filter) {
			continue
		}
		if i > from {
			name = ""
		}
		found, err := section.list(ctx, c, name, limit)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			all = append(all, entity{strconv.Itoa(i) + "/" + e.place, e.add})
		}
	}
	return all, nil
}

func (s *iam) identityEntities(kind access.IdentityKind) func(context.Context, *awshttp.Call, string, int) ([]entity, error) {
	return func(ctx context.Context, c *awshttp.Call, after string, limit int) ([]entity, error) {
		list, err := s.access.Identities(ctx, c.Account, kind, access.Page{After: after, Limit: limit})
		return shown(list, func(i access.Identity) entity {
			return entity{i.Name, func(ctx context.Context, out *detailsOutput) (int, error) {
				return s.addIdentity(ctx, out, i.IdentityKey)
			}}
		}), err
	}
}

// addIdentity shows an identity; one that is gone meanwhile is passed over.
func (s *iam) addIdentity(ctx context.Context, out *detailsOutput, key access.IdentityKey) (documents int, err error) {
	i, err := s.access.Identity(ctx, key)
	if errors.Is(err, access.ErrNoIdentity) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	documents = len(i.Trust)
	var own []policyDetail
	for _, name := range slices.Sorted(maps.Keys(i.Inline)) {
		documents += len(i.Inline[name])
		own = append(own, policyDetail{name, escaped(i.Inline[name])})
	}
	attached := shown(i.Attached, func(name string) attachedPolicy { return attachedPolicy{lastOf(name), name} })
	switch key.Kind {
	case access.User:
		out.Users = append(out.Users, userDetail{showUser(i), own, i.Groups, attached})
	case access.Group:
		out.Groups = append(out.Groups, groupDetail{showGroup(i), own, attached})
	case access.Role:
		out.Roles = append(out.Roles, roleDetail{showRole(i).roleFacts, nil, own, attached})
	}
	return documents, nil
}

func (s *iam) localPolicyEntities(ctx context.Context, c *awshttp.Call, after string, limit int) ([]entity, error) {
	list, err := s.access.Policies(ctx, c.Account, access.Page{After: after, Limit: limit}, access.AnyUsage)
	return shown(list, policyEntity), err
}

func (s *iam) awsPolicyEntities(ctx context.Context, c *awshttp.Call, after string, limit int) ([]entity, error) {
	list, err := s.access.AWSPolicies(ctx, c.Account)
	list = slices.DeleteFunc(list, func(p access.ManagedPolicy) bool { return foldedName(p.Name) <= after })
	return shown(list[:min(limit, len(list))], policyEntity), err
}

func policyEntity(p access.ManagedPolicy) entity {
	return entity{foldedName(p.Name), func(_ context.Context, out *detailsOutput) (documents int, err error) {
		d := managedDetail{policyFacts: showPolicy(p).policyFacts}
		for _, v := range p.Versions {
			text := escaped(v.Document)
			version := showVersion(v, v.Number == p.Default)
			version.Document = &text
			d.Versions = append(d.Versions, version)
			documents += len(v.Document)
		}
		out.Policies = append(out.Policies, d)
		return documents, nil
	}}
}
