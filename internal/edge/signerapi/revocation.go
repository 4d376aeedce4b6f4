package signerapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

// revocationStatusInput is the same in signer and in signer-data.
type revocationStatusInput struct {
	SignedAt          *awshttp.Time `query:"signatureTimestamp" validate:"required"`
	Platform          string        `query:"platformId" validate:"required"`
	ProfileVersionARN string        `query:"profileVersionArn" validate:"required,min=20,max=2048"`
	JobARN            string        `query:"jobArn" validate:"required,min=20,max=2048"`
	CertificateHashes []string      `query:"certificateHashes" validate:"required" each:"min=1,max=2048"`
}

type revocationStatusOutput struct {
	RevokedEntities []string `json:"revokedEntities"`
}

func (a api) revocationStatus(ctx context.Context, c *awshttp.Call, in *revocationStatusInput) (*revocationStatusOutput, error) {
	revoked, err := a.signing.RevocationStatus(ctx, signing.RevocationQuery{
		Caller:            caller(c),
		Platform:          in.Platform,
		ProfileVersionARN: in.ProfileVersionARN,
		JobARN:            in.JobARN,
		SignedAt:          in.SignedAt.Time,
		CertificateHashes: in.CertificateHashes,
	})
	if err != nil {
		return nil, err
	}
	return &revocationStatusOutput{revoked}, nil
}
