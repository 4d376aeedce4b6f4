package server

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

func (s *Server) openBlobs(ctx context.Context) (err error) {
	if s.config.Blobs != "" {
		s.blobs, err = blobstore.OpenShared(s.config.Blobs)
	} else {
		s.blobs, err = blobstore.Open(s.config.Data)
	}
	if err != nil {
		return err
	}
	s.onClose(s.blobs.Close)
	s.blobs.Observe(func(b blobstore.Sync) { s.metrics.BlobSync(b.Directory, b.Took) })
	return s.pairBlobs(ctx)
}

// pairBlobs insists that the records and the directory of blobs belong together: each
// has the other's name. A replica with a directory of its own, or a volume that is
// not mounted, would lack blobs that the records have; and records that found blobs
// of another installation would collect them.
func (s *Server) pairBlobs(ctx context.Context) error {
	records, err := s.records.Paired(ctx, sqlstore.PairedRecords, rand.Text())
	if err != nil {
		return err
	}
	owner, err := s.blobs.Claim(records)
	if err != nil {
		return err
	}
	dir := s.config.Blobs
	if dir == "" {
		dir = s.config.Data
	}
	if owner != records {
		return fmt.Errorf("the blobs in %s belong to another installation's records (%s, and these are %s): name the directory of this one with --blobs. If the records were lost and these are to take their place, remove %s/blobs/owner", dir, owner, records, dir)
	}
	blobs, err := s.records.Paired(ctx, sqlstore.PairedBlobs, s.blobs.ID())
	if err != nil {
		return err
	}
	if blobs != s.blobs.ID() {
		return fmt.Errorf("the records go with another directory of blobs (%s) than %s (%s): mount it, or name it with --blobs, as every replica must. If it is lost and this one is to take its place, write %s into %s/blobs/id", blobs, dir, s.blobs.ID(), blobs, dir)
	}
	return nil
}
