package signerapi

import (
	"context"
	"net/http"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// The operations below are in the model and answer with a modelled error that
// says what to do instead. They are in the table so that they are routed,
// authenticated and authorized like all others.

type startJobInput struct{}

func refuseJob(context.Context, *awshttp.Call, *startJobInput) (*none, error) {
	return nil, invalid("StartSigningJob signs objects in Amazon S3, which no platform of this service does: use SignPayload")
}

type permissionInput struct {
	Name string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
}

func (a api) permissionResource(c *awshttp.Call, in *permissionInput) string {
	return a.profileARN(c.Account, in.Name)
}

const noPermissions = "this service has no profile permissions: a profile is used by its own account only"

func refusePermission(context.Context, *awshttp.Call, *permissionInput) (*none, error) {
	return nil, invalid(noPermissions)
}

type removePermissionInput struct {
	Name      string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Statement string `path:"statementId" validate:"required"`
}

func (a api) removePermissionResource(c *awshttp.Call, in *removePermissionInput) string {
	return a.profileARN(c.Account, in.Name)
}

func refuseRemovePermission(context.Context, *awshttp.Call, *removePermissionInput) (*none, error) {
	return nil, invalid(noPermissions)
}

type tagsInput struct {
	ARN string `path:"resourceArn" validate:"required"`
}

func tagsResource(_ *awshttp.Call, in *tagsInput) string { return in.ARN }

func refuseTags(context.Context, *awshttp.Call, *tagsInput) (*none, error) {
	return nil, awshttp.Error{
		Code: badRequestException, Status: http.StatusBadRequest,
		Message: "this service does not change tags: give them to PutSigningProfile when the profile is made, and read them with GetSigningProfile",
	}
}
