package ecrapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type listImageReferrersInput struct {
	RegistryID arn.AccountID  `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string         `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Subject    *subjectID     `json:"subjectId" validate:"required"`
	Filter     referrerFilter `json:"filter"`
	NextToken  *string        `json:"nextToken"`
	MaxResults *int           `json:"maxResults" validate:"min=1,max=50"`
}

func (in *listImageReferrersInput) registry() arn.AccountID { return in.RegistryID }
func (in *listImageReferrersInput) name() string            { return in.Name }

type subjectID struct {
	Digest string `json:"imageDigest" validate:"required"`
}

type referrerFilter struct {
	ArtifactTypes []string `json:"artifactTypes" validate:"max=5" each:"min=1,max=255"`
	Status        string   `json:"artifactStatus" validate:"enum=ACTIVE|ARCHIVED|ACTIVATING|ANY"`
}

// page asks the registry for a page of what the filter lets through.
func (f referrerFilter) page(after registry.Cursor, limit int) registry.ReferrerFilter {
	return registry.ReferrerFilter{ArtifactTypes: f.ArtifactTypes, After: after, Limit: limit}
}

type listImageReferrersOutput struct {
	Referrers []referrer `json:"referrers"`
	NextToken *string    `json:"nextToken,omitempty"`
}

type referrer struct {
	Digest       string            `json:"digest"`
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Status       string            `json:"artifactStatus"`
}

// listImageReferrers lists what refers to an image, oldest first: the
// descriptors of /v2's referrers, so size is the manifest's own. The image need
// not be there.
func (s *surface) listImageReferrers(ctx context.Context, c *awshttp.Call, in *listImageReferrersInput) (*listImageReferrersOutput, error) {
	subject, err := ociref.ParseDigest(in.Subject.Digest)
	if err != nil {
		return nil, invalid("subjectId.imageDigest", err.Error())
	}
	k := key(c, in)
	pages := listing{"ListImageReferrers", string(k.Account) + "/" + string(k.Name) + "@" + string(subject)}
	token, err := pages.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	after, err := registry.ParseCursor(token)
	if err != nil {
		return nil, errToken
	}
	list, more, err := s.registry.Referrers(ctx, k, subject, in.Filter.page(after, pageSize(in.MaxResults, defaultReferrerPage)))
	if err != nil {
		return nil, err
	}
	out := &listImageReferrersOutput{}
	if !holdsActive(in.Filter.Status) {
		return out, nil
	}
	if more {
		out.NextToken = pages.token(list[len(list)-1].Cursor().String())
	}
	for _, m := range list {
		out.Referrers = append(out.Referrers, referrer{string(m.Digest), m.MediaType, m.ArtifactType, m.ContentSize, m.Annotations, active})
	}
	return out, nil
}
