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
