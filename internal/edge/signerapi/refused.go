package signerapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// The operation below is in the model and answers with a modelled error that says
// what to do instead. It is in the table so that it is routed, authenticated and
// authorized like all others.

type startJobInput struct{}

func refuseJob(context.Context, *awshttp.Call, *startJobInput) (*none, error) {
	return nil, invalid("StartSigningJob signs objects in Amazon S3, which no platform of this service does: use SignPayload")
}
