package ecrapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/registry"
)

type batchGetImageInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	IDs        []imageID     `json:"imageIds" validate:"required,min=1,max=100"`
	Accepted   []string      `json:"acceptedMediaTypes" validate:"min=1,max=100"`
}

func (in *batchGetImageInput) registry() arn.AccountID { return in.RegistryID }
func (in *batchGetImageInput) name() string            { return in.Name }

type batchGetImageOutput struct {
	Images   []image        `json:"images"`
	Failures []imageFailure `json:"failures"`
}

type image struct {
	RegistryID arn.AccountID `json:"registryId"`
	Name       string        `json:"repositoryName"`
	ID         imageID       `json:"imageId"`
	Manifest   string        `json:"imageManifest"`
	MediaType  string        `json:"imageManifestMediaType"`
}

// maxAnswer bounds the manifests in one answer, and so what a request can make
// the service hold: four of the largest.
const maxAnswer = 4 * registry.DefaultMaxManifest

// batchGetImage returns manifests as they were pushed. It never converts, so
// acceptedMediaTypes has no say: what is answered hashes to its digest, and
// imageManifestMediaType says what it is.
func (s *surface) batchGetImage(ctx context.Context, c *awshttp.Call, in *batchGetImageInput) (*batchGetImageOutput, error) {
	k := key(c, in)
	out := &batchGetImageOutput{}
	seen, total := map[imageID]bool{}, 0
	for _, id := range in.IDs {
		if seen[id] {
			continue
		}
		seen[id] = true
		m, err := s.find(ctx, k, id)
		if err != nil {
			f, ok := failed(id, err)
			if !ok {
				return nil, err
			}
			out.Failures = append(out.Failures, f)
			continue
		}
		if total += len(m.Content); total > maxAnswer {
			return nil, awshttp.Error{Code: "LimitExceededException", Status: http.StatusBadRequest,
				Message: fmt.Sprintf("The manifests asked for are more than %d bytes together: ask for fewer images at a time", maxAnswer)}
		}
		out.Images = append(out.Images, image{m.Account, string(m.Name), imageID{string(m.Digest), id.Tag}, string(m.Content), m.MediaType})
	}
	return out, s.mustExist(ctx, k, len(out.Images) > 0)
}

// mustExist fails if the repository is not there, which finding an image in it
// has answered already. Identifiers that are malformed never got so far as to ask.
func (s *surface) mustExist(ctx context.Context, k registry.Key, found bool) error {
	if found {
		return nil
	}
	_, err := s.registry.Repository(ctx, k)
	return err
}
