package signerapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

type addPermissionInput struct {
	Name      string  `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Version   string  `json:"profileVersion" validate:"min=10,max=10,pattern=[a-zA-Z0-9]{10}"`
	Action    *string `json:"action" validate:"required"`
	Principal *string `json:"principal" validate:"required"`
	Revision  string  `json:"revisionId"`
	Statement *string `json:"statementId" validate:"required"`
}

// revisionOutput is the answer to what changes permissions.
type revisionOutput struct {
	Revision string `json:"revisionId"`
}

func (a api) addPermissionResource(c *awshttp.Call, in *addPermissionInput) string {
	return a.profileARN(c.Account, in.Name)
}

func (a api) addPermission(ctx context.Context, c *awshttp.Call, in *addPermissionInput) (*revisionOutput, error) {
	revision, err := a.signing.AddPermission(ctx, signing.NewPermission{
		Profile:    signing.ProfileKey{Account: c.Account, Name: in.Name},
		Permission: signing.Permission{StatementID: *in.Statement, Action: *in.Action, Principal: *in.Principal, Version: in.Version},
		Revision:   in.Revision,
	})
	return &revisionOutput{revision}, err
}

type removePermissionInput struct {
	Name      string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Statement string `path:"statementId" validate:"required"`
	Revision  string `query:"revisionId" validate:"required"`
}

func (a api) removePermissionResource(c *awshttp.Call, in *removePermissionInput) string {
	return a.profileARN(c.Account, in.Name)
}

func (a api) removePermission(ctx context.Context, c *awshttp.Call, in *removePermissionInput) (*revisionOutput, error) {
	revision, err := a.signing.RemovePermission(ctx, signing.ProfileKey{Account: c.Account, Name: in.Name}, in.Statement, in.Revision)
	return &revisionOutput{revision}, err
}

type listPermissionsInput struct {
	Name      string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	NextToken string `query:"nextToken"`
}

// permission is Permission.
type permission struct {
	Action    string `json:"action"`
	Principal string `json:"principal"`
	Statement string `json:"statementId"`
	Version   string `json:"profileVersion,omitempty"`
}

type listPermissionsOutput struct {
	Revision    string       `json:"revisionId,omitempty"`
	PolicySize  int          `json:"policySizeBytes"`
	Permissions []permission `json:"permissions"`
	NextToken   string       `json:"nextToken,omitempty"`
}

func (a api) listPermissionsResource(c *awshttp.Call, in *listPermissionsInput) string {
	return a.profileARN(c.Account, in.Name)
}

// listPermissions pages by statement id, in the order in which the permissions
// were added. A token whose permission has gone is refused: what would follow it
// cannot be told.
func (a api) listPermissions(ctx context.Context, c *awshttp.Call, in *listPermissionsInput) (*listPermissionsOutput, error) {
	after, err := openToken("ListProfilePermissions", in.NextToken)
	if err != nil {
		return nil, err
	}
	all, err := a.signing.Permissions(ctx, signing.ProfileKey{Account: c.Account, Name: in.Name})
	if err != nil {
		return nil, err
	}
	page, more, ok := permissionPage(all.Statements, after)
	if !ok {
		return nil, invalidToken("ListProfilePermissions")
	}
	out := &listPermissionsOutput{Revision: all.Revision, PolicySize: len(all.Policy())}
	for _, p := range page {
		out.Permissions = append(out.Permissions, permission{p.Action, p.Principal, p.StatementID, p.Version})
	}
	if more {
		out.NextToken = makeToken("ListProfilePermissions", page[len(page)-1].StatementID)
	}
	return out, nil
}

// permissionPage is the page after a statement id, "" for the first; ok is false
// if there is none of that id.
func permissionPage(all []signing.Permission, after string) (page []signing.Permission, more, ok bool) {
	ok = after == ""
	for i := 0; !ok && i < len(all); i++ {
		if all[i].StatementID == after {
			all, ok = all[i+1:], true
			break
		}
	}
	if len(all) > maxPage {
		return all[:maxPage], true, ok
	}
	return all, false, ok
}
