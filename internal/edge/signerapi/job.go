package signerapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

type signPayloadInput struct {
	Profile string `json:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Owner   string `json:"profileOwner" validate:"min=12,max=12,pattern=[0-9]{12}"`
	Payload []byte `json:"payload" validate:"required,min=1,max=4096"`
	Format  string `json:"payloadFormat" validate:"required"`
}

// signPayloadOutput leaves metadata empty: clients put it among the annotations
// of the signature's manifest, and what AWS documents as its content is in the
// envelope and in jobId already.
type signPayloadOutput struct {
	JobID     string            `json:"jobId"`
	JobOwner  string            `json:"jobOwner"`
	Metadata  map[string]string `json:"metadata"`
	Signature []byte            `json:"signature"`
}

func (a api) signPayloadResource(c *awshttp.Call, in *signPayloadInput) string {
	return a.profileARN(owner(c, in.Owner), in.Profile)
}

func (a api) signPayload(ctx context.Context, c *awshttp.Call, in *signPayloadInput) (*signPayloadOutput, error) {
	signature, err := a.signing.Sign(ctx, signing.SignRequest{
		Caller:  caller(c),
		Profile: signing.ProfileKey{Account: owner(c, in.Owner), Name: in.Profile},
		Payload: in.Payload,
		Format:  in.Format,
		Version: decidedVersion(c),
	})
	if err != nil {
		return nil, err
	}
	return &signPayloadOutput{JobID: signature.Job.ID, JobOwner: string(signature.Job.Account), Signature: signature.Envelope}, nil
}

type describeJobInput struct {
	ID string `path:"jobId" validate:"required"`
}

// jobRevocation is SigningJobRevocationRecord.
type jobRevocation struct {
	Reason    string        `json:"reason"`
	RevokedAt *awshttp.Time `json:"revokedAt"`
	RevokedBy string        `json:"revokedBy"`
}

// describeJobOutput has no source and no signed object: a payload comes in the
// request and its signature leaves in the answer.
type describeJobOutput struct {
	ID              string         `json:"jobId"`
	Platform        string         `json:"platformId"`
	PlatformDisplay string         `json:"platformDisplayName"`
	Profile         string         `json:"profileName"`
	ProfileVersion  string         `json:"profileVersion"`
	CreatedAt       *awshttp.Time  `json:"createdAt"`
	CompletedAt     *awshttp.Time  `json:"completedAt"`
	ExpiresAt       *awshttp.Time  `json:"signatureExpiresAt"`
	RequestedBy     string         `json:"requestedBy"`
	Status          string         `json:"status"`
	StatusReason    string         `json:"statusReason"`
	Revocation      *jobRevocation `json:"revocationRecord,omitempty"`
	Owner           string         `json:"jobOwner"`
	Invoker         string         `json:"jobInvoker"`
}

// succeeded is the status of every job: a payload is signed while its request
// waits, and what fails leaves no job.
const succeeded = "Succeeded"

func (a api) jobARN(account arn.AccountID, id string) string {
	return a.signing.JobARN(signing.JobKey{Account: account, ID: id}).String()
}

func (a api) describeJobResource(c *awshttp.Call, in *describeJobInput) string {
	return a.jobARN(c.Account, in.ID)
}

func (a api) describeJob(ctx context.Context, c *awshttp.Call, in *describeJobInput) (*describeJobOutput, error) {
	j, err := a.signing.Job(ctx, signing.JobKey{Account: c.Account, ID: in.ID})
	if err != nil {
		return nil, err
	}
	out := &describeJobOutput{
		ID:              j.ID,
		Platform:        j.Platform,
		PlatformDisplay: a.displayName(j.Platform),
		Profile:         j.ProfileName,
		ProfileVersion:  j.ProfileVersion,
		CreatedAt:       awshttp.Stamp(j.CreatedAt),
		CompletedAt:     awshttp.Stamp(j.CreatedAt),
		ExpiresAt:       awshttp.Stamp(j.ExpiresAt),
		RequestedBy:     j.RequestedBy,
		Status:          succeeded,
		StatusReason:    "Signing Succeeded",
		Owner:           string(j.Account),
		Invoker:         string(j.Invoker),
	}
	if r := j.Revocation; r != nil {
		out.Revocation = &jobRevocation{r.Reason, awshttp.Stamp(r.RevokedAt), r.RevokedBy}
	}
	return out, nil
}

type revokeSignatureInput struct {
	ID     string `path:"jobId" validate:"required"`
	Owner  string `json:"jobOwner" validate:"min=12,max=12,pattern=[0-9]{12}"`
	Reason string `json:"reason" validate:"required,min=1,max=500"`
}

func (a api) revokeSignatureResource(c *awshttp.Call, in *revokeSignatureInput) string {
	return a.jobARN(owner(c, in.Owner), in.ID)
}

func (a api) revokeSignature(ctx context.Context, c *awshttp.Call, in *revokeSignatureInput) (*none, error) {
	return &none{}, a.signing.RevokeSignature(ctx, signing.RevokeSignatureRequest{
		Caller: caller(c),
		Job:    signing.JobKey{Account: owner(c, in.Owner), ID: in.ID},
		Reason: in.Reason,
	})
}
