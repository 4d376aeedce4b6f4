package signerapi

import (
	"context"
	"slices"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

type listProfilesInput struct {
	IncludeCanceled bool     `query:"includeCanceled"`
	MaxResults      *int     `query:"maxResults" validate:"min=1,max=25"`
	NextToken       string   `query:"nextToken"`
	Platform        string   `query:"platformId"`
	Statuses        []string `query:"statuses" each:"enum=Active|Canceled|Revoked"`
}

type listProfilesOutput struct {
	Profiles  []profileSummary `json:"profiles"`
	NextToken string           `json:"nextToken,omitempty"`
}

func (a api) listProfiles(ctx context.Context, c *awshttp.Call, in *listProfilesInput) (*listProfilesOutput, error) {
	after, err := openToken("ListSigningProfiles", in.NextToken)
	if err != nil {
		return nil, err
	}
	profiles, next, err := a.signing.Profiles(ctx, signing.ProfileFilter{
		Account: c.Account, Statuses: in.wanted(), Platform: in.Platform, After: after, Limit: pageSize(in.MaxResults),
	})
	if err != nil {
		return nil, err
	}
	out := &listProfilesOutput{Profiles: make([]profileSummary, len(profiles))}
	for i, p := range profiles {
		out.Profiles[i] = a.summarize(p)
	}
	if next != "" {
		out.NextToken = makeToken("ListSigningProfiles", next)
	}
	return out, nil
}

// wanted is the statuses asked for, Active when none is named, and Canceled
// beside them if included.
func (in *listProfilesInput) wanted() []signing.Status {
	var statuses []signing.Status
	for _, status := range []signing.Status{signing.Active, signing.Canceled, signing.Revoked} {
		named := slices.Contains(in.Statuses, string(status))
		byDefault := len(in.Statuses) == 0 && status == signing.Active
		if named || byDefault || in.IncludeCanceled && status == signing.Canceled {
			statuses = append(statuses, status)
		}
	}
	return statuses
}
