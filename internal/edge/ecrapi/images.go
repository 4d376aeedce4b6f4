package ecrapi

import (
	"context"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type listImagesInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	NextToken  *string       `json:"nextToken"`
	MaxResults *int          `json:"maxResults" validate:"min=1,max=1000"`
	Filter     imageFilter   `json:"filter"`
}

func (in *listImagesInput) registry() arn.AccountID { return in.RegistryID }
func (in *listImagesInput) name() string            { return in.Name }

type listImagesOutput struct {
	IDs       []imageID `json:"imageIds"`
	NextToken *string   `json:"nextToken,omitempty"`
}

// listImages lists an entry for each tag of an image, or one for an image
// without tags, in the order in which images were pushed.
func (s *surface) listImages(ctx context.Context, c *awshttp.Call, in *listImagesInput) (*listImagesOutput, error) {
	k := key(c, in)
	pages := listing{"ListImages", string(k.Account) + "/" + string(k.Name)}
	token, err := pages.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	from, err := parseTagPlace(token)
	if err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults, defaultPage)
	list, err := s.manifests(ctx, k, in.Filter, from.image, size+1)
	if err != nil {
		return nil, err
	}
	out := &listImagesOutput{}
	rows := tagRows(list, from)
	if len(rows) > size {
		rows = rows[:size]
		out.NextToken = pages.token(rows[size-1].place.String())
	}
	for _, r := range rows {
		out.IDs = append(out.IDs, r.id)
	}
	return out, nil
}

// manifests lists images that the filter lets through, after a place.
func (s *surface) manifests(ctx context.Context, k registry.Key, f imageFilter, after registry.Cursor, limit int) ([]registry.Manifest, error) {
	if !holdsActive(f.ImageStatus) {
		_, err := s.registry.Repository(ctx, k)
		return nil, err
	}
	return s.registry.Manifests(ctx, k, registry.ManifestFilter{TagStatus: f.TagStatus, After: after, Limit: limit})
}

// tagPlace is a place in a list of tags by image: after the image, and after
// this many of its bytes-ordered tags. When tag is set, image is the one before
// the tag's own, so that the rest of its tags comes first on the next page.
type tagPlace struct {
	image  registry.Cursor
	digest ociref.Digest // the image that tag belongs to
	tag    ociref.Tag    // the last one listed
}

// String writes a place for a token.
func (p tagPlace) String() string {
	return strings.Join([]string{p.image.String(), string(p.digest), string(p.tag)}, " ")
}

// parseTagPlace reads what String wrote; "" is the beginning.
func parseTagPlace(s string) (tagPlace, error) {
	if s == "" {
		return tagPlace{}, nil
	}
	parts := strings.Split(s, " ")
	if len(parts) != 3 {
		return tagPlace{}, errToken
	}
	image, err := registry.ParseCursor(parts[0])
	if err != nil {
		return tagPlace{}, errToken
	}
	return tagPlace{image, ociref.Digest(parts[1]), ociref.Tag(parts[2])}, nil
}

// tagRow is an entry of ListImages and where the list goes on after it.
type tagRow struct {
	id    imageID
	place tagPlace
}

// tagRows expands images, those after from, to their tags.
func tagRows(list []registry.Manifest, from tagPlace) (rows []tagRow) {
	before := from.image
	for _, m := range list {
		after := tagPlace{image: m.Cursor()}
		if len(m.Tags) == 0 {
			rows = append(rows, tagRow{imageID{Digest: string(m.Digest)}, after})
		}
		for i, tag := range m.Tags {
			if m.Digest == from.digest && tag <= from.tag {
				continue
			}
			place := tagPlace{before, m.Digest, tag}
			if i == len(m.Tags)-1 {
				place = after
			}
			rows = append(rows, tagRow{imageID{string(m.Digest), string(tag)}, place})
		}
		before = m.Cursor()
	}
	return rows
}

type describeImagesInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	IDs        []imageID     `json:"imageIds" validate:"min=1,max=100"`
	NextToken  *string       `json:"nextToken"`
	MaxResults *int          `json:"maxResults" validate:"min=1,max=1000"`
	Filter     imageFilter   `json:"filter"`
}

func (in *describeImagesInput) registry() arn.AccountID { return in.RegistryID }
func (in *describeImagesInput) name() string            { return in.Name }

type describeImagesOutput struct {
	Details   []imageDetail `json:"imageDetails"`
	NextToken *string       `json:"nextToken,omitempty"`
}

type imageDetail struct {
	RegistryID        arn.AccountID `json:"registryId"`
	Name              string        `json:"repositoryName"`
	Digest            string        `json:"imageDigest"`
	Tags              []ociref.Tag  `json:"imageTags,omitempty"`
	Size              int64         `json:"imageSizeInBytes"`
	PushedAt          awshttp.Time  `json:"imagePushedAt"`
	MediaType         string        `json:"imageManifestMediaType"`
	ArtifactMediaType string        `json:"artifactMediaType,omitempty"`
	Subject           string        `json:"subjectManifestDigest,omitempty"`
	Status            string        `json:"imageStatus"`
}

func detail(m registry.Manifest) imageDetail {
	return imageDetail{
		RegistryID:        m.Account,
		Name:              string(m.Name),
		Digest:            string(m.Digest),
		Tags:              m.Tags,
		Size:              m.ImageSize,
		PushedAt:          awshttp.Time{Time: m.PushedAt},
		MediaType:         m.MediaType,
		ArtifactMediaType: m.ArtifactType,
		Subject:           string(m.Subject),
		Status:            active,
	}
}

func (s *surface) describeImages(ctx context.Context, c *awshttp.Call, in *describeImagesInput) (*describeImagesOutput, error) {
	k := key(c, in)
	if len(in.IDs) > 0 {
		if in.NextToken != nil || in.MaxResults != nil {
			return nil, invalid("imageIds", "must not be given with nextToken or maxResults")
		}
		return s.describeIDs(ctx, k, in.IDs)
	}
	pages := listing{"DescribeImages", string(k.Account) + "/" + string(k.Name)}
	token, err := pages.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	after, err := registry.ParseCursor(token)
	if err != nil {
		return nil, errToken
	}
	size := pageSize(in.MaxResults, defaultPage)
	list, err := s.manifests(ctx, k, in.Filter, after, size+1)
	if err != nil {
		return nil, err
	}
	out := &describeImagesOutput{}
	if len(list) > size {
		list = list[:size]
		out.NextToken = pages.token(list[size-1].Cursor().String())
	}
	for _, m := range list {
		out.Details = append(out.Details, detail(m))
	}
	return out, nil
}

// describeIDs describes images in the order of the request, each once. All of
// them must exist.
func (s *surface) describeIDs(ctx context.Context, k registry.Key, ids []imageID) (*describeImagesOutput, error) {
	out := &describeImagesOutput{}
	seen := map[ociref.Digest]bool{}
	for _, id := range ids {
		m, err := s.find(ctx, k, id)
		if err != nil {
			return nil, describable(id, err)
		}
		if seen[m.Digest] {
			continue
		}
		seen[m.Digest] = true
		if m.Tags, err = s.registry.ImageTags(ctx, k, m.Digest); err != nil {
			return nil, err
		}
		out.Details = append(out.Details, detail(m))
	}
	return out, nil
}
