package iamapi

import (
	"context"
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// identityRows are the operations on users, groups and roles themselves.
func (s *iam) identityRows() []awshttp.Operation {
	return []awshttp.Operation{
		row(s, "CreateUser", s.createUser), row(s, "GetUser", s.getUser), row(s, "ListUsers", s.listUsers),
		act(s, "UpdateUser", s.updateUser), act(s, "DeleteUser", remove[userName](s)),
		row(s, "CreateGroup", s.createGroup), row(s, "GetGroup", s.getGroup), row(s, "ListGroups", s.listGroups),
		act(s, "UpdateGroup", s.updateGroup), act(s, "DeleteGroup", remove[groupName](s)),
		row(s, "CreateRole", s.createRole), row(s, "GetRole", s.getRole), row(s, "ListRoles", s.listRoles),
		row(s, "UpdateRole", s.updateRole), row(s, "UpdateRoleDescription", s.updateRoleDescription), act(s, "DeleteRole", remove[roleName](s)),
		act(s, "UpdateAssumeRolePolicy", s.updateTrust),

		act(s, "TagUser", putTags[tagUser](s)), act(s, "UntagUser", takeTags[untagUser](s)), row(s, "ListUserTags", listTags[listUserTags](s, "ListUserTags")),
		act(s, "TagRole", putTags[tagRole](s)), act(s, "UntagRole", takeTags[untagRole](s)), row(s, "ListRoleTags", listTags[listRoleTags](s, "ListRoleTags")),

		act(s, "AddUserToGroup", s.addUserToGroup), act(s, "RemoveUserFromGroup", s.removeUserFromGroup), row(s, "ListGroupsForUser", s.listGroupsForUser),
	}
}

// newIdentity is what the inputs that create one have in common.
type newIdentity struct {
	Path *string `json:"Path" validate:"min=1,max=512,pattern=(/)|(/[\\x21-\\x7E]+/)"`
}

func (n newIdentity) path() string { return textOf(n.Path) }

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

type boundaryOption struct {
	Boundary *string `json:"PermissionsBoundary" validate:"min=20,max=2048"`
}

func (b boundaryOption) boundary() string { return textOf(b.Boundary) }

// tagsToo is the permission that tags given in a creation ask for.
func tagsToo(given tags, action, resource string) []awshttp.Need {
	if len(given.Tags) == 0 {
		return nil
	}
	return []awshttp.Need{{Action: action, Resource: resource}}
}

type createUser struct {
	newIdentity
	Name string `json:"UserName" validate:"required,min=1,max=64,pattern=[\\w+=,.@-]+"`
	boundaryOption
	tags
}

func (in *createUser) asked(c *awshttp.Call) string {
	return made(userName{in.Name}.key(c), in.path())
}

func (in *createUser) more(c *awshttp.Call) []awshttp.Need {
	return tagsToo(in.tags, "iam:TagUser", made(userName{in.Name}.key(c), in.path()))
}

type userOutput struct {
	User user `json:"User"`
}

func (s *iam) createUser(ctx context.Context, c *awshttp.Call, in *createUser) (*userOutput, error) {
	if err := in.once(); err != nil {
		return nil, err
	}
	i, err := s.access.CreateIdentity(ctx, access.Identity{IdentityKey: userName{in.Name}.key(c), Path: in.path(), Tags: in.given(), Boundary: in.boundary()})
	return &userOutput{showUser(i)}, err
}

// getUser shows a user, the caller itself unless another is named. The account's
// root user has no name.
func (s *iam) getUser(ctx context.Context, c *awshttp.Call, in *ownName) (*userOutput, error) {
	key := in.key(c)
	if key.Name == "" {
		if c.Principal.ARN != rootARN(c) {
			return nil, errNoName
		}
		return &userOutput{user{Path: "/", ID: c.Principal.UserID, ARN: c.Principal.ARN, Created: awshttp.Time{Time: time.Unix(0, 0).UTC()}}}, nil
	}
	i, err := s.access.Identity(ctx, key)
	return &userOutput{showUser(i)}, err
}

// listIdentities is the input of ListUsers, ListGroups and ListRoles.
type listIdentities struct {
	everything
	Prefix *string `json:"PathPrefix" validate:"min=1,max=512,pattern=/[\\x21-\\x7F]*"`
	paging
}

// identities lists a page of a kind.
func (s *iam) identities(ctx context.Context, c *awshttp.Call, in *listIdentities, list string, kind access.IdentityKind) ([]access.Identity, page, error) {
	after, err := in.after(list)
	if err != nil {
		return nil, page{}, err
	}
	all, err := s.access.Identities(ctx, c.Account, kind, access.Page{PathPrefix: textOf(in.Prefix), After: after, Limit: in.size() + 1})
	found, rest := cut(list, all, in.size(), func(i access.Identity) string { return i.Name })
	return found, rest, err
}

// shown shows each of a list.
func shown[From, To any](list []From, show func(From) To) []To {
	all := make([]To, len(list))
	for i, v := range list {
		all[i] = show(v)
	}
	return all
}

type listUsersOutput struct {
	Users []user `json:"Users"`
	page
}

func (s *iam) listUsers(ctx context.Context, c *awshttp.Call, in *listIdentities) (*listUsersOutput, error) {
	list, rest, err := s.identities(ctx, c, in, "ListUsers", access.User)
	return &listUsersOutput{shown(list, showUser), rest}, err
}

type updateUser struct {
	userName
	NewPath *string `json:"NewPath" validate:"min=1,max=512,pattern=(/)|(/[\\x21-\\x7E]+/)"`
	NewName *string `json:"NewUserName" validate:"min=1,max=64,pattern=[\\w+=,.@-]+"`
}

func (in *updateUser) renamed() (name, path string) { return textOf(in.NewName), textOf(in.NewPath) }

func (s *iam) updateUser(ctx context.Context, c *awshttp.Call, in *updateUser) error {
	return s.access.Rename(ctx, in.key(c), textOf(in.NewName), textOf(in.NewPath))
}

// remove deletes what an input names.
func remove[In any, P interface {
	*In
	named
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.DeleteIdentity(ctx, P(in).key(c))
	}
}

type createGroup struct {
	newIdentity
	groupName
}

func (in *createGroup) asked(c *awshttp.Call) string {
	return made(in.key(c), in.path())
}

type groupOutput struct {
	Group group `json:"Group"`
}

func (s *iam) createGroup(ctx context.Context, c *awshttp.Call, in *createGroup) (*groupOutput, error) {
	i, err := s.access.CreateIdentity(ctx, access.Identity{IdentityKey: in.key(c), Path: in.path()})
	return &groupOutput{showGroup(i)}, err
}

type getGroup struct {
	groupName
	paging
}

type getGroupOutput struct {
	Group group  `json:"Group"`
	Users []user `json:"Users"`
	page
}

func (s *iam) getGroup(ctx context.Context, c *awshttp.Call, in *getGroup) (*getGroupOutput, error) {
	after, err := in.after("GetGroup")
	if err != nil {
		return nil, err
	}
	g, err := s.access.Identity(ctx, in.key(c))
	if err != nil {
		return nil, err
	}
	all, err := s.access.Members(ctx, c.Account, in.Group, access.Page{After: after, Limit: in.size() + 1})
	members, rest := cut("GetGroup", all, in.size(), func(i access.Identity) string { return i.Name })
	return &getGroupOutput{showGroup(g), shown(members, showUser), rest}, err
}

type listGroupsOutput struct {
	Groups []group `json:"Groups"`
	page
}

func (s *iam) listGroups(ctx context.Context, c *awshttp.Call, in *listIdentities) (*listGroupsOutput, error) {
	list, rest, err := s.identities(ctx, c, in, "ListGroups", access.Group)
	return &listGroupsOutput{shown(list, showGroup), rest}, err
}

type updateGroup struct {
	groupName
	NewPath *string `json:"NewPath" validate:"min=1,max=512,pattern=(/)|(/[\\x21-\\x7E]+/)"`
	NewName *string `json:"NewGroupName" validate:"min=1,max=128,pattern=[\\w+=,.@-]+"`
}

func (in *updateGroup) renamed() (name, path string) { return textOf(in.NewName), textOf(in.NewPath) }

func (s *iam) updateGroup(ctx context.Context, c *awshttp.Call, in *updateGroup) error {
	return s.access.Rename(ctx, in.key(c), textOf(in.NewName), textOf(in.NewPath))
}

type membership struct {
	groupName
	User string `json:"UserName" validate:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
}

func (s *iam) addUserToGroup(ctx context.Context, c *awshttp.Call, in *membership) error {
	return s.access.AddToGroup(ctx, c.Account, in.User, in.Group)
}

func (s *iam) removeUserFromGroup(ctx context.Context, c *awshttp.Call, in *membership) error {
	return s.access.RemoveFromGroup(ctx, c.Account, in.User, in.Group)
}

type listGroupsForUser struct {
	userName
	paging
}

func (s *iam) listGroupsForUser(ctx context.Context, c *awshttp.Call, in *listGroupsForUser) (*listGroupsOutput, error) {
	u, err := s.access.Identity(ctx, in.key(c))
	if err != nil {
		return nil, err
	}
	names, rest, err := part("ListGroupsForUser", in.paging, u.Groups, foldedName)
	out := &listGroupsOutput{page: rest}
	for _, name := range names {
		g, err := s.access.Identity(ctx, groupName{name}.key(c))
		if errors.Is(err, access.ErrNoIdentity) { // renamed meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Groups = append(out.Groups, showGroup(g))
	}
	return out, err
}

type createRole struct {
	newIdentity
	roleName
	Trust       string  `json:"AssumeRolePolicyDocument" validate:"required,min=1,max=131072"`
	Description *string `json:"Description" validate:"max=1000,pattern=[\\x09\\x0A\\x0D\\x20-\\x7E\\xA1-\\xFF]*"`
	MaxSession  *int    `json:"MaxSessionDuration" validate:"min=3600,max=43200"`
	boundaryOption
	tags
}

func (in *createRole) asked(c *awshttp.Call) string {
	return made(in.key(c), in.path())
}

func (in *createRole) more(c *awshttp.Call) []awshttp.Need {
	return tagsToo(in.tags, "iam:TagRole", made(in.key(c), in.path()))
}

type roleOutput struct {
	Role role `json:"Role"`
}

func (s *iam) createRole(ctx context.Context, c *awshttp.Call, in *createRole) (*roleOutput, error) {
	if err := in.once(); err != nil {
		return nil, err
	}
	n := access.Identity{IdentityKey: in.key(c), Path: in.path(), Tags: in.given(), Boundary: in.boundary(), Trust: in.Trust, Description: textOf(in.Description)}
	if in.MaxSession != nil {
		n.MaxSession = time.Duration(*in.MaxSession) * time.Second
	}
	i, err := s.access.CreateIdentity(ctx, n)
	return &roleOutput{showRole(i)}, err
}

func (s *iam) getRole(ctx context.Context, c *awshttp.Call, in *roleName) (*roleOutput, error) {
	i, err := s.access.Identity(ctx, in.key(c))
	return &roleOutput{showRole(i)}, err
}

type listRolesOutput struct {
	Roles []role `json:"Roles"`
	page
}

func (s *iam) listRoles(ctx context.Context, c *awshttp.Call, in *listIdentities) (*listRolesOutput, error) {
	list, rest, err := s.identities(ctx, c, in, "ListRoles", access.Role)
	return &listRolesOutput{shown(list, showRole), rest}, err
}

type updateRole struct {
	roleName
	Description *string `json:"Description" validate:"max=1000,pattern=[\\x09\\x0A\\x0D\\x20-\\x7E\\xA1-\\xFF]*"`
	MaxSession  *int    `json:"MaxSessionDuration" validate:"min=3600,max=43200"`
}

func (s *iam) updateRole(ctx context.Context, c *awshttp.Call, in *updateRole) (*none, error) {
	var longest *time.Duration
	if in.MaxSession != nil {
		d := time.Duration(*in.MaxSession) * time.Second
		longest = &d
	}
	return &none{}, s.access.UpdateRole(ctx, in.key(c), in.Description, longest)
}

type updateRoleDescription struct {
	roleName
	Description *string `json:"Description" validate:"required,max=1000,pattern=[\\x09\\x0A\\x0D\\x20-\\x7E\\xA1-\\xFF]*"`
}

func (s *iam) updateRoleDescription(ctx context.Context, c *awshttp.Call, in *updateRoleDescription) (*roleOutput, error) {
	if err := s.access.UpdateRole(ctx, in.key(c), in.Description, nil); err != nil {
		return nil, err
	}
	return s.getRole(ctx, c, &in.roleName)
}

type updateTrust struct {
	roleName
	Document string `json:"PolicyDocument" validate:"required,min=1,max=131072"`
}

func (s *iam) updateTrust(ctx context.Context, c *awshttp.Call, in *updateTrust) error {
	return s.access.SetTrust(ctx, in.key(c), in.Document)
}
