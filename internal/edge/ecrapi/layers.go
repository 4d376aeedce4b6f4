package ecrapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// partSize is the most bytes of a part, LayerPartBlob of the model, and what
// clients are told to send; in base64 a part is a third larger.
const (
	partSize = 20 << 20
	maxPart  = partSize/3*4 + maxBody
)

type initiateLayerUploadInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
}

func (in *initiateLayerUploadInput) registry() arn.AccountID { return in.RegistryID }
func (in *initiateLayerUploadInput) name() string            { return in.Name }

type initiateLayerUploadOutput struct {
	Upload   string `json:"uploadId"`
	PartSize int64  `json:"partSize"`
}

func (s *surface) initiateLayerUpload(ctx context.Context, c *awshttp.Call, in *initiateLayerUploadInput) (*initiateLayerUploadOutput, error) {
	u, err := s.registry.StartUpload(ctx, key(c, in))
	return &initiateLayerUploadOutput{u.ID, partSize}, err
}

type uploadLayerPartInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Upload     string        `json:"uploadId" validate:"required,pattern=[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"`
	First      *int64        `json:"partFirstByte" validate:"required,min=0"`
	Last       *int64        `json:"partLastByte" validate:"required,min=0"`
	Part       []byte        `json:"layerPartBlob" validate:"required,max=20971520"`
}

func (in *uploadLayerPartInput) registry() arn.AccountID { return in.RegistryID }
func (in *uploadLayerPartInput) name() string            { return in.Name }

type uploadLayerPartOutput struct {
	RegistryID arn.AccountID `json:"registryId"`
	Name       string        `json:"repositoryName"`
	Upload     string        `json:"uploadId"`
	Last       int64         `json:"lastByteReceived"`
}

// uploadLayerPart adds a part, which must begin where the upload stands.
func (s *surface) uploadLayerPart(ctx context.Context, c *awshttp.Call, in *uploadLayerPartInput) (*uploadLayerPartOutput, error) {
	u := registry.Upload{Key: key(c, in), ID: in.Upload}
	size, err := s.registry.UploadSize(ctx, u)
	if err != nil {
		return nil, err
	}
	if *in.First != size || *in.Last-*in.First+1 != int64(len(in.Part)) {
		return nil, invalidPart(u, size)
	}
	now, err := s.registry.AppendUpload(ctx, u, size, bytes.NewReader(in.Part))
	if errors.Is(err, registry.ErrUploadRange) || errors.Is(err, registry.ErrUploadBusy) { // another part came between
		return nil, invalidPart(u, size)
	}
	return &uploadLayerPartOutput{u.Account, in.Name, in.Upload, now - 1}, err
}

// invalidPart says where the upload stands, so that the client can go on there.
func invalidPart(u registry.Upload, size int64) error {
	return awshttp.Error{
		Code: "InvalidLayerPartException", Status: http.StatusBadRequest,
		Message: "The layer part is not the next one of the upload, or its bytes are not those between partFirstByte and partLastByte: send the bytes after lastValidByteReceived",
		Members: map[string]any{"registryId": u.Account, "repositoryName": u.Name, "uploadId": u.ID, "lastValidByteReceived": size - 1},
	}
}

type completeLayerUploadInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Upload     string        `json:"uploadId" validate:"required,pattern=[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"`
	Digests    []string      `json:"layerDigests" validate:"required,min=1,max=100" each:"pattern=[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"`
}

func (in *completeLayerUploadInput) registry() arn.AccountID { return in.RegistryID }
func (in *completeLayerUploadInput) name() string            { return in.Name }

type completeLayerUploadOutput struct {
	RegistryID arn.AccountID `json:"registryId"`
	Name       string        `json:"repositoryName"`
	Upload     string        `json:"uploadId"`
	Digest     ociref.Digest `json:"layerDigest"`
}

func (s *surface) completeLayerUpload(ctx context.Context, c *awshttp.Call, in *completeLayerUploadInput) (*completeLayerUploadOutput, error) {
	u := registry.Upload{Key: key(c, in), ID: in.Upload}
	if len(slices.Compact(slices.Clone(in.Digests))) > 1 {
		return nil, invalid("layerDigests", "must be one digest: that of the layer uploaded")
	}
	digest, err := ociref.ParseDigest(in.Digests[0])
	if err != nil {
		return nil, invalid("layerDigests", err.Error())
	}
	if err := s.mayComplete(ctx, u, digest); err != nil {
		return nil, err
	}
	_, err = s.registry.CommitUpload(ctx, u, digest)
	if errors.Is(err, registry.ErrDigestMismatch) {
		return nil, awshttp.Error{Code: "InvalidLayerException", Status: http.StatusBadRequest, Message: err.Error() + ": the upload is given up; begin another"}
	}
	if err != nil {
		return nil, err
	}
	return &completeLayerUploadOutput{u.Account, in.Name, in.Upload, digest}, nil
}

// mayComplete refuses an upload of nothing, and one of what is there already;
// that one is given up.
func (s *surface) mayComplete(ctx context.Context, u registry.Upload, digest ociref.Digest) error {
	size, err := s.registry.UploadSize(ctx, u)
	switch {
	case err != nil:
		return err
	case size == 0:
		return awshttp.Error{Code: "EmptyUploadException", Status: http.StatusBadRequest, Message: "The upload has no parts: send them with UploadLayerPart first"}
	}
	_, err = s.registry.StatBlob(ctx, u.Key, digest)
	if errors.Is(err, registry.ErrBlobNotFound) {
		return nil
	}
	if err == nil {
		err = s.registry.CancelUpload(ctx, u)
	}
	if err != nil {
		return err
	}
	return awshttp.Error{Code: "LayerAlreadyExistsException", Status: http.StatusBadRequest, Message: "Layer with digest '" + string(digest) + "' already exists in the repository"}
}
