package signerapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

type listJobsInput struct {
	Status        string        `query:"status" validate:"enum=InProgress|Failed|Succeeded"`
	Platform      string        `query:"platformId"`
	RequestedBy   string        `query:"requestedBy"`
	MaxResults    *int          `query:"maxResults" validate:"min=1,max=25"`
	NextToken     string        `query:"nextToken"`
	Revoked       *bool         `query:"isRevoked"`
	ExpiresBefore *awshttp.Time `query:"signatureExpiresBefore"`
	ExpiresAfter  *awshttp.Time `query:"signatureExpiresAfter"`
	Invoker       string        `query:"jobInvoker" validate:"min=12,max=12,pattern=[0-9]{12}"`
}

// jobSummary is SigningJob.
type jobSummary struct {
	ID              string        `json:"jobId"`
	CreatedAt       *awshttp.Time `json:"createdAt"`
	Status          string        `json:"status"`
	Revoked         bool          `json:"isRevoked"`
	Profile         string        `json:"profileName"`
	ProfileVersion  string        `json:"profileVersion"`
	Platform        string        `json:"platformId"`
	PlatformDisplay string        `json:"platformDisplayName"`
	ExpiresAt       *awshttp.Time `json:"signatureExpiresAt"`
	Owner           string        `json:"jobOwner"`
	Invoker         string        `json:"jobInvoker"`
}

type listJobsOutput struct {
	Jobs      []jobSummary `json:"jobs"`
	NextToken string       `json:"nextToken,omitempty"`
}

func (a api) listJobs(ctx context.Context, c *awshttp.Call, in *listJobsInput) (*listJobsOutput, error) {
	filter, err := in.filter(c.Account)
	if err != nil {
		return nil, err
	}
	out := &listJobsOutput{Jobs: []jobSummary{}}
	if in.Status != "" && in.Status != succeeded {
		return out, nil // no job is anything else
	}
	jobs, next, err := a.signing.Jobs(ctx, filter)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, a.summarizeJob(j))
	}
	if next != "" {
		out.NextToken = makeToken("ListSigningJobs", next)
	}
	return out, nil
}

func (in *listJobsInput) filter(account arn.AccountID) (signing.JobFilter, error) {
	after, err := openToken("ListSigningJobs", in.NextToken)
	if err != nil {
		return signing.JobFilter{}, err
	}
	if after != "" && uuid.Validate(after) != nil {
		return signing.JobFilter{}, invalidToken("ListSigningJobs")
	}
	return signing.JobFilter{
		Account:       account,
		Platform:      in.Platform,
		RequestedBy:   in.RequestedBy,
		Invoker:       arn.AccountID(in.Invoker),
		Revoked:       in.Revoked,
		ExpiresBefore: timeOrZero(in.ExpiresBefore),
		ExpiresAfter:  timeOrZero(in.ExpiresAfter),
		After:         after,
		Limit:         pageSize(in.MaxResults),
	}, nil
}

func timeOrZero(t *awshttp.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func (a api) summarizeJob(j signing.Job) jobSummary {
	return jobSummary{
		ID:              j.ID,
		CreatedAt:       awshttp.Stamp(j.CreatedAt),
		Status:          succeeded,
		Revoked:         j.Revocation != nil,
		Profile:         j.ProfileName,
		ProfileVersion:  j.ProfileVersion,
		Platform:        j.Platform,
		PlatformDisplay: a.displayName(j.Platform),
		ExpiresAt:       awshttp.Stamp(j.ExpiresAt),
		Owner:           string(j.Account),
		Invoker:         string(j.Invoker),
	}
}
