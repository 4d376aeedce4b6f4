// Package registry keeps repositories of images: manifests, tags, blobs,
// uploads, and who refers to what.
//
// It decides; the ports in store.go persist. Every digest is checked here
// against the content before anything is saved, a referrer lives and dies with
// its subject, and every change of state writes one row in the journal, in the
// transaction that made it.
//
// Sources: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md,
// https://github.com/opencontainers/image-spec/blob/v1.1.1, and the Amazon ECR
// API reference for names, limits and messages.
package registry

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/leader"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Bounds that Options may lower or raise.
const (
	// DefaultMaxManifest is ECR's bound on a manifest (ImageManifest, 4,194,304 characters).
	DefaultMaxManifest = 4 << 20
	// DefaultMaxUpload is ECR's bound on a layer (52,000 MiB).
	DefaultMaxUpload = 52_000 << 20
	// DefaultSmallBlob is what is kept in the records: configurations, signatures with
	// their chains. See docs/decisions/0024-small-blobs-in-records.md.
	DefaultSmallBlob = 16 << 10
	// DefaultMaxImages is ECR's quota of images per repository.
	// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
	DefaultMaxImages = 100_000
	// maxTags is ECR's quota of tags of an image, from the same page.
	maxTags = 1000
	// DefaultWaitingFor is how long a referrer waits for its subject.
	DefaultWaitingFor = 7 * 24 * time.Hour
	// DefaultUploadIdle is how long an upload may stand still before it is forgotten.
	DefaultUploadIdle = 24 * time.Hour
	// DefaultBlobGrace is how long a blob is kept that no manifest names.
	DefaultBlobGrace = 24 * time.Hour
	// DefaultCollectInterval is the time from one collection of garbage to the next.
	DefaultCollectInterval = time.Hour
)

// Options says what a Service stands on. The stores, Region and Now are required.
type Options struct {
	Repositories RepositoryStore
	Manifests    ManifestStore
	Links        BlobLinkStore
	Blobs        BlobStore
	Leaders      leader.Store // nil when no other process shares the stores
	Principals   Principals   // whom policies may name; nil is nobody but accounts and everyone
	Region       string
	Now          func() time.Time
	MaxManifest  int64         // bytes; 0 means DefaultMaxManifest
	MaxUpload    int64         // bytes; 0 means DefaultMaxUpload
	SmallBlob    int64         // bytes of the largest blob that is kept in the records; 0 means DefaultSmallBlob, less than 0 that none is
	MaxImages    int64         // manifests in a repository, signatures included; 0 means DefaultMaxImages
	WaitingFor   time.Duration // 0 means DefaultWaitingFor
	UploadIdle   time.Duration // 0 means DefaultUploadIdle

	BlobGrace       time.Duration   // 0 means DefaultBlobGrace
	CollectInterval time.Duration   // 0 means DefaultCollectInterval
	Collected       func(Collected) // told of each step of a collection, and must return at once; nil for nobody
}

// Service is the registry. Its methods are safe for concurrent use, and what
// they acknowledge is durable. Their errors are the sentinels of store.go with
// messages for the person who asked, or internal errors.
type Service struct {
	o       Options
	garbage collection
	leader  *leader.Leader
	parsers *semaphore.Weighted // what is left of parsingRoom
	due     time.Time           // the next round of Run
	wake    chan struct{}       // of Run, to sweep
}

// New checks the options and makes a Service.
func New(o Options) (*Service, error) {
	if o.Repositories == nil || o.Manifests == nil || o.Links == nil || o.Blobs == nil {
		return nil, errors.New("registry: a store is missing")
	}
	if o.Region == "" || o.Now == nil {
		return nil, errors.New("registry: Region and Now are required")
	}
	if o.MaxManifest < 0 || o.MaxUpload < 0 || o.MaxImages < 0 || o.WaitingFor < 0 || o.UploadIdle < 0 || o.BlobGrace < 0 || o.CollectInterval < 0 {
		return nil, errors.New("registry: a bound is negative")
	}
	o.Principals = cmp.Or[Principals](o.Principals, nobody{})
	o.MaxManifest = cmp.Or(o.MaxManifest, DefaultMaxManifest)
	o.MaxUpload = cmp.Or(o.MaxUpload, DefaultMaxUpload)
	o.SmallBlob = cmp.Or(o.SmallBlob, DefaultSmallBlob)
	o.MaxImages = cmp.Or(o.MaxImages, DefaultMaxImages)
	o.WaitingFor = cmp.Or(o.WaitingFor, DefaultWaitingFor)
	o.UploadIdle = cmp.Or(o.UploadIdle, DefaultUploadIdle)
	o.BlobGrace = cmp.Or(o.BlobGrace, DefaultBlobGrace)
	o.CollectInterval = cmp.Or(o.CollectInterval, DefaultCollectInterval)
	s := &Service{o: o, wake: make(chan struct{}, 1), parsers: semaphore.NewWeighted(parsingRoom)}
	s.leader = leader.New(o.Leaders, "collect "+o.Blobs.ID(), o.Now)
	return s, nil
}

// Leads reports whether this process is the one that collects garbage.
func (s *Service) Leads() bool { return s.leader.Leads() }

// MaxManifest is the most bytes a manifest may have, so that an edge can stop
// reading there.
func (s *Service) MaxManifest() int64 { return s.o.MaxManifest }

// MaxUpload is the most bytes a blob may have.
func (s *Service) MaxUpload() int64 { return s.o.MaxUpload }

// Region is where the registry is.
func (s *Service) Region() string { return s.o.Region }

// ARN names a repository of this registry.
func (s *Service) ARN(key Key) string {
	return arn.Repository(s.o.Region, key.Account, string(key.Name)).String()
}

// LayerName names a layer where a repository holds it.
func (s *Service) LayerName(key Key, digest ociref.Digest) string {
	return s.ARN(key) + "@" + string(digest)
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// event makes the journal row of an act on a repository.
func (s *Service) event(ctx context.Context, name string, key Key, detail any) journal.Event {
	about := journal.Subject{Account: key.Account, Region: s.o.Region, Resource: s.ARN(key)}
	return journal.New(ctx, s.now(), journal.SourceECR, name, about, detail)
}

// explain gives a store's sentinel the words ECR has for it.
func explain(key Key, err error) error {
	switch {
	case errors.Is(err, ErrRepositoryNotFound):
		return fault.Becausef(ErrRepositoryNotFound, "The repository with name '%s' does not exist in the registry with id '%s'", key.Name, key.Account)
	case errors.Is(err, ErrRepositoryExists):
		return fault.Becausef(ErrRepositoryExists, "The repository with name '%s' already exists in the registry with id '%s'", key.Name, key.Account)
	case errors.Is(err, ErrRepositoryNotEmpty):
		return fault.Becausef(ErrRepositoryNotEmpty, "The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", key.Name, key.Account)
	}
	return err
}

// explainImage is explain for what concerns one image.
func explainImage(key Key, ref ociref.Reference, err error) error {
	if errors.Is(err, ErrManifestNotFound) {
		return fault.Becausef(ErrManifestNotFound, "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
			orNull(string(ref.Digest)), orNull(string(ref.Tag)), key.Name, key.Account)
	}
	return explain(key, err)
}

// orNull writes an absent half of an imageId as ECR does.
func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}
