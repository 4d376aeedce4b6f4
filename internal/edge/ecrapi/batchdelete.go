package ecrapi

import (
	"context"
	"errors"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type batchDeleteImageInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	IDs        []imageID     `json:"imageIds" validate:"required,min=1,max=100"`
}

func (in *batchDeleteImageInput) registry() arn.AccountID { return in.RegistryID }
func (in *batchDeleteImageInput) name() string            { return in.Name }

type batchDeleteImageOutput struct {
	IDs      []imageID      `json:"imageIds"`
	Failures []imageFailure `json:"failures"`
}

// batchDeleteImage deletes by tag or by digest, one identifier after the other.
// What an index of the same request still lists is tried again when something
// else is gone, so that the order of the request does not matter.
func (s *surface) batchDeleteImage(ctx context.Context, c *awshttp.Call, in *batchDeleteImageInput) (*batchDeleteImageOutput, error) {
	b := &deletion{surface: s, key: key(c, in), gone: map[ociref.Digest]bool{}, done: map[imageID]bool{}, inUse: map[imageID]error{}}
	if err := s.mustExist(ctx, b.key, false); err != nil {
		return nil, err
	}
	if err := b.resolve(ctx, in.IDs); err != nil {
		return nil, err
	}
	rest := in.IDs
	for progress := true; progress; {
		var err error
		before := len(rest)
		if rest, err = b.round(ctx, rest); err != nil {
			return nil, err
		}
		progress = len(rest) > 0 && len(rest) < before
	}
	for _, id := range rest {
		f, _ := failed(id, b.inUse[id])
		b.out.Failures = append(b.out.Failures, f)
	}
	return &b.out, nil
}

// deletion is one BatchDeleteImage under way.
type deletion struct {
	*surface
	key   registry.Key
	at    map[ociref.Tag]ociref.Digest // where tags pointed when the request came
	gone  map[ociref.Digest]bool       // with what went along
	done  map[imageID]bool             // what the answer tells
	inUse map[imageID]error            // why an image stays
	out   batchDeleteImageOutput
}

// resolve notes where the tags of several identifiers point: a tag may go along
// with the subject of its image, and can then no longer be asked.
func (b *deletion) resolve(ctx context.Context, ids []imageID) error {
	b.at = map[ociref.Tag]ociref.Digest{}
	for _, id := range ids {
		_, tag, err := id.parse()
		if len(ids) == 1 || err != nil || tag == "" {
			continue
		}
		m, err := b.registry.Manifest(ctx, b.key, ociref.Reference{Tag: tag})
		switch {
		case err == nil:
			b.at[tag] = m.Digest
		case !errors.Is(err, registry.ErrManifestNotFound):
			return err
		}
	}
	return nil
}

// round tries each identifier and returns those that an index still lists.
func (b *deletion) round(ctx context.Context, ids []imageID) (rest []imageID, err error) {
	for _, id := range ids {
		err := b.delete(ctx, id)
		if errors.Is(err, registry.ErrManifestInUse) {
			b.inUse[id] = err
			rest = append(rest, id)
			continue
		}
		if err == nil {
			continue
		}
		f, ok := failed(id, err)
		if !ok {
			return nil, err
		}
		b.out.Failures = append(b.out.Failures, f)
	}
	return rest, nil
}

// delete deletes one image, or one tag of it.
func (b *deletion) delete(ctx context.Context, id imageID) error {
	digest, tag, err := id.parse()
	switch {
	case err != nil:
		return err
	case b.done[id]:
		return nil
	case tag != "":
		return b.untag(ctx, tag, digest)
	case b.gone[digest]: // with its subject
		b.tell(imageID{Digest: string(digest)})
		return nil
	}
	return b.byDigest(ctx, digest)
}

// untag removes a tag, and the image with its last one.
func (b *deletion) untag(ctx context.Context, tag ociref.Tag, from ociref.Digest) error {
	was, deleted, err := b.registry.Untag(ctx, b.key, registry.Untagging{Tag: tag, If: from, DeleteLast: true})
	if at := b.at[tag]; errors.Is(err, registry.ErrManifestNotFound) && b.gone[at] && (from == "" || from == at) {
		b.tell(imageID{string(at), string(tag)}) // with its subject
		return nil
	}
	if err != nil {
		return err
	}
	b.note(deleted)
	b.tell(imageID{string(was), string(tag)})
	return nil
}

// byDigest deletes an image with all its tags, which the answer lists.
func (b *deletion) byDigest(ctx context.Context, digest ociref.Digest) error {
	tags, err := b.registry.ImageTags(ctx, b.key, digest)
	if err != nil {
		return err
	}
	deleted, err := b.registry.DeleteManifest(ctx, b.key, digest)
	if err != nil {
		return err
	}
	b.note(deleted)
	for _, tag := range tags {
		b.tell(imageID{string(digest), string(tag)})
	}
	if len(tags) == 0 {
		b.tell(imageID{Digest: string(digest)})
	}
	b.done[imageID{Digest: string(digest)}] = true
	return nil
}

func (b *deletion) note(deleted []ociref.Digest) {
	for _, d := range deleted {
		b.gone[d] = true
	}
}

// tell puts an identifier into the answer, once, and marks every form of it done.
func (b *deletion) tell(id imageID) {
	if b.done[id] {
		return
	}
	b.out.IDs = append(b.out.IDs, id)
	b.done[id] = true
	b.done[imageID{Tag: id.Tag}] = id.Tag != ""
}
