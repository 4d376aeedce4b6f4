package iamapi

import (
	"context"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
)

// keyRows are the operations on access keys.
func (s *iam) keyRows() []awshttp.Operation {
	return []awshttp.Operation{
		row(s, "CreateAccessKey", s.createAccessKey), row(s, "ListAccessKeys", s.listAccessKeys),
		act(s, "UpdateAccessKey", s.updateAccessKey), act(s, "DeleteAccessKey", s.deleteAccessKey),
		row(s, "GetAccessKeyLastUsed", s.getAccessKeyLastUsed),
	}
}

// errNoName is the error of a request that means the caller's own user and is
// signed by who is none. The root user's key is replaced by the operator.
var errNoName = fault.New(fault.Invalid, "Must specify userName when calling with non-User credentials. The root user's access key is replaced with \"sealwright root-key rotate\".")

func rootARN(c *awshttp.Call) string { return arn.Root(c.Account).String() }

func foldedName(name string) string { return strings.ToLower(name) }

// own is the user that an input means.
func (n ownName) own(c *awshttp.Call) (string, error) {
	name := n.key(c).Name
	if name == "" {
		return "", errNoName
	}
	return name, nil
}

type accessKey struct {
	User    string       `json:"UserName"`
	ID      string       `json:"AccessKeyId"`
	Status  string       `json:"Status"`
	Secret  string       `json:"SecretAccessKey"`
	Created awshttp.Time `json:"CreateDate"`
}

type accessKeyOutput struct {
	Key accessKey `json:"AccessKey"`
}

func (s *iam) createAccessKey(ctx context.Context, c *awshttp.Call, in *ownName) (*accessKeyOutput, error) {
	name, err := in.own(c)
	if err != nil {
		return nil, err
	}
	k, secret, err := s.access.CreateAccessKey(ctx, c.Account, name)
	return &accessKeyOutput{accessKey{name, k.ID, status(k), secret, awshttp.Time{Time: k.CreatedAt}}}, err
}

func status(k access.AccessKey) string {
	if k.Active {
		return "Active"
	}
	return "Inactive"
}

type listAccessKeys struct {
	ownName
	paging
}

type keyMetadata struct {
	User    string       `json:"UserName"`
	ID      string       `json:"AccessKeyId"`
	Status  string       `json:"Status"`
	Created awshttp.Time `json:"CreateDate"`
}

type listAccessKeysOutput struct {
	Keys []keyMetadata `json:"AccessKeyMetadata"`
	page
}

func (s *iam) listAccessKeys(ctx context.Context, c *awshttp.Call, in *listAccessKeys) (*listAccessKeysOutput, error) {
	name, err := in.own(c)
	if err != nil {
		return nil, err
	}
	u, err := s.access.Identity(ctx, userName{name}.key(c))
	if err != nil {
		return nil, err
	}
	at := func(k access.AccessKey) string { return k.CreatedAt.Format("20060102150405.000000") + k.ID }
	keys, rest, err := part("ListAccessKeys", in.paging, u.Keys, at)
	return &listAccessKeysOutput{shown(keys, func(k access.AccessKey) keyMetadata {
		return keyMetadata{u.Name, k.ID, status(k), awshttp.Time{Time: k.CreatedAt}}
	}), rest}, err
}

type oneKey struct {
	ownName
	ID string `json:"AccessKeyId" validate:"required,min=16,max=128,pattern=\\w+"`
}

type updateAccessKey struct {
	oneKey
	Status string `json:"Status" validate:"required,enum=Active|Inactive"`
}

func (s *iam) updateAccessKey(ctx context.Context, c *awshttp.Call, in *updateAccessKey) error {
	name, err := in.own(c)
	if err != nil {
		return err
	}
	return s.access.SetAccessKeyActive(ctx, c.Account, name, in.ID, in.Status == "Active")
}

func (s *iam) deleteAccessKey(ctx context.Context, c *awshttp.Call, in *oneKey) error {
	name, err := in.own(c)
	if err != nil {
		return err
	}
	return s.access.DeleteAccessKey(ctx, c.Account, name, in.ID)
}

// lastUsed names a key by itself. AWS asks for the permission on the key's user,
// which it does not have to know.
type lastUsed struct {
	everything
	ID string `json:"AccessKeyId" validate:"required,min=16,max=128,pattern=\\w+"`
}

type keyUse struct {
	Date    *awshttp.Time `json:"LastUsedDate,omitempty"`
	Service string        `json:"ServiceName"`
	Region  string        `json:"Region"`
}

type lastUsedOutput struct {
	User string `json:"UserName"`
	Use  keyUse `json:"AccessKeyLastUsed"`
}

func (s *iam) getAccessKeyLastUsed(ctx context.Context, c *awshttp.Call, in *lastUsed) (*lastUsedOutput, error) {
	u, err := s.access.KeyOwner(ctx, c.Account, in.ID)
	if err != nil {
		return nil, err
	}
	out := &lastUsedOutput{u.Name, keyUse{nil, "N/A", "N/A"}}
	for _, k := range u.Keys {
		if use := s.access.LastUse(k); k.ID == in.ID && !use.At.IsZero() {
			out.Use = keyUse{awshttp.Stamp(use.At), use.Service, c.Region}
		}
	}
	return out, nil
}
