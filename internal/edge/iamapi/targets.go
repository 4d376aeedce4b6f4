package iamapi

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// target is an input that says what its operation acts on.
type target interface {
	// asked is the ARN that the request names: of a user, a group or a role at the
	// root of all paths.
	asked(c *awshttp.Call) string
}

// named is an input that names a user, a group or a role.
type named interface {
	target
	key(c *awshttp.Call) access.IdentityKey
}

// The members by which inputs name what they act on; one is embedded in each.
type (
	userName struct {
		User string `json:"UserName" validate:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	}
	groupName struct {
		Group string `json:"GroupName" validate:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	}
	roleName struct {
		Role string `json:"RoleName" validate:"required,min=1,max=64,pattern=[\\w+=,.@-]+"`
	}
	// ownName names a user, the caller itself unless it is said.
	ownName struct {
		User *string `json:"UserName" validate:"min=1,max=128,pattern=[\\w+=,.@-]+"`
	}
	policyARN struct {
		Policy string `json:"PolicyArn" validate:"required,min=20,max=2048"`
	}
	providerARN struct {
		Provider string `json:"OpenIDConnectProviderArn" validate:"required,min=20,max=2048"`
	}
	// everything acts on nothing in particular.
	everything struct{}
)

func (n userName) key(c *awshttp.Call) access.IdentityKey {
	return access.IdentityKey{Account: c.Account, Kind: access.User, Name: n.User}
}

func (n groupName) key(c *awshttp.Call) access.IdentityKey {
	return access.IdentityKey{Account: c.Account, Kind: access.Group, Name: n.Group}
}

func (n roleName) key(c *awshttp.Call) access.IdentityKey {
	return access.IdentityKey{Account: c.Account, Kind: access.Role, Name: n.Role}
}

// key is the key of the caller where no name was given; one without a name is
// nobody's.
func (n ownName) key(c *awshttp.Call) access.IdentityKey {
	key := access.IdentityKey{Account: c.Account, Kind: access.User}
	if n.User != nil {
		key.Name = *n.User
	} else if a, err := arn.Parse(c.Principal.ARN); err == nil {
		if own, ok := access.KeyOfARN(a); ok && own.Kind == access.User {
			key.Name = own.Name
		}
	}
	return key
}

func (n userName) asked(c *awshttp.Call) string  { return made(n.key(c), "/") }
func (n groupName) asked(c *awshttp.Call) string { return made(n.key(c), "/") }
func (n roleName) asked(c *awshttp.Call) string  { return made(n.key(c), "/") }
func (p policyARN) asked(*awshttp.Call) string   { return p.Policy }
func (p providerARN) asked(*awshttp.Call) string { return p.Provider }
func (everything) asked(*awshttp.Call) string    { return "*" }

func (p policyARN) managed() string { return p.Policy }

func (n ownName) asked(c *awshttp.Call) string {
	if key := n.key(c); key.Name != "" {
		return made(key, "/")
	}
	return c.Principal.ARN
}

// creating is an input whose identity is to be made, under a path.
type creating interface{ path() string }

// find is the ARN of what an input names, with the path that it has. What does not
// exist is asked about as the request has it.
func (s *iam) find(ctx context.Context, c *awshttp.Call, in target) (string, error) {
	n, ok := in.(named)
	if _, creates := in.(creating); !ok || creates || n.key(c).Name == "" {
		return in.asked(c), nil
	}
	i, err := s.access.Identity(ctx, n.key(c))
	if errors.Is(err, access.ErrNoIdentity) {
		return in.asked(c), nil
	}
	return i.ARN().String(), err
}

// made is the ARN of an identity that is to be made.
func made(key access.IdentityKey, path string) string {
	if path == "" {
		path = "/"
	}
	return access.Identity{IdentityKey: key, Path: path}.ARN().String()
}

// The condition keys of IAM that inputs have.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
type (
	tagging   interface{ given() map[string]string }
	untagging interface{ taken() []string }
	attaching interface{ attached() string }
	bounding  interface{ boundary() string }
)

func (s *iam) keys(ctx context.Context, c *awshttp.Call, in target) (keys []access.Key, err error) {
	if t, ok := in.(tagging); ok && len(t.given()) > 0 {
		keys = append(keys, access.RequestTags(t.given())...)
	}
	if t, ok := in.(untagging); ok {
		keys = append(keys, access.Key{Name: "aws:TagKeys", Values: t.taken()})
	}
	if a, ok := in.(attaching); ok {
		keys = append(keys, access.Key{Name: "iam:PolicyARN", Values: []string{a.attached()}})
	}
	if b, ok := in.(bounding); ok && b.boundary() != "" {
		keys = append(keys, access.Key{Name: "iam:PermissionsBoundary", Values: []string{b.boundary()}})
	}
	if p, ok := in.(interface{ provider() string }); ok {
		return s.providerKeys(ctx, c, p.provider(), keys)
	}
	tags, boundary, err := s.holds(ctx, c, in)
	if _, says := in.(bounding); !says && boundary != "" {
		keys = append(keys, access.Key{Name: "iam:PermissionsBoundary", Values: []string{boundary}})
	}
	return append(keys, resourceTags(tags)...), err
}

// holds are the tags and the permissions boundary of what an input names. What
// does not exist, or is another account's, has none.
func (s *iam) holds(ctx context.Context, c *awshttp.Call, in target) (tags map[string]string, boundary string, err error) {
	switch in := in.(type) {
	case named:
		i, err := s.access.Identity(ctx, in.key(c))
		return i.Tags, i.Boundary, unlessMissing(err, access.ErrNoIdentity)
	case interface{ managed() string }:
		p, err := s.access.Policy(ctx, c.Account, in.managed())
		return p.Tags, "", unlessMissing(err, access.ErrNoPolicy)
	}
	return nil, "", nil
}

func unlessMissing(err, missing error) error {
	if errors.Is(err, missing) {
		return nil
	}
	return err
}

// resourceTags are the keys of the tags that something has.
func resourceTags(tags map[string]string) []access.Key {
	return append(access.ResourceTags("aws", tags), access.ResourceTags("iam", tags)...)
}

// renaming is an input that gives what it names another name, another path, or
// both; "" leaves one as it is.
type renaming interface {
	named
	renamed() (name, path string)
}

// needs are the permissions that parts of an input ask for beside its operation's.
// Who renames needs the operation's permission on what comes of it, too: else
// whoever may rename anything could make it somebody whom policies name.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html
func (s *iam) needs(ctx context.Context, c *awshttp.Call, operation string, in target) ([]awshttp.Need, error) {
	switch in := in.(type) {
	case interface {
		more(c *awshttp.Call) []awshttp.Need
	}:
		return in.more(c), nil
	case renaming:
		i, err := s.access.Identity(ctx, in.key(c))
		if errors.Is(err, access.ErrNoIdentity) {
			i, err = access.Identity{IdentityKey: in.key(c)}, nil
		}
		name, path := in.renamed()
		i.Name = cmp.Or(name, i.Name)
		return []awshttp.Need{{Action: "iam:" + operation, Resource: made(i.IdentityKey, cmp.Or(path, i.Path)), Named: made(i.IdentityKey, path)}}, err
	}
	return nil, nil
}

// lastOf is the name at the end of a path or an ARN.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
