package translog

import (
	"context"
	"fmt"
	"time"

	logfmt "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/sealwright/sealwright/internal/fault"
)

// MaxCheckpoint bounds a checkpoint with its signatures, in bytes.
const MaxCheckpoint = 64 << 10

// ErrNoCheckpoint means that nothing was published yet.
var ErrNoCheckpoint = fault.New(fault.NotFound, "the transparency log has published no checkpoint yet: it does when the first signature is made")

// Policy says which cosignatures a checkpoint needs.
type Policy interface {
	// Satisfied reports whether a signed note has them.
	Satisfied(checkpoint []byte) bool
}

// Checkpoint is a signed statement that the log has a size and a root.
type Checkpoint struct {
	Size int64
	Root Hash
}

// ParseCheckpoint reads a checkpoint of the log with this verifier key, and checks
// its signature.
func ParseCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("a checkpoint has at most %d bytes", MaxCheckpoint)
	}
	c, _, _, err := logfmt.ParseCheckpoint(signed, key.Name(), key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("this is no checkpoint signed by the log %s: %w", key.Name(), err)
	}
	if len(c.Hash) != HashSize || c.Size > maxSize {
		return Checkpoint{}, fmt.Errorf("the checkpoint of the log %s has an impossible size or hash", key.Name())
	}
	return Checkpoint{int64(c.Size), Hash(c.Hash)}, nil
}

// maxSize keeps arithmetic on places in the tree far from overflow.
const maxSize = 1 << 50

// Checkpoint returns what was published last: a signed note. ErrNoCheckpoint.
func (l *Log) Checkpoint(ctx context.Context) (string, error) {
	head, err := l.o.Store.Head(ctx)
	if err == nil && head.Checkpoint == "" {
		err = ErrNoCheckpoint
	}
	return head.Checkpoint, err
}

// Run publishes checkpoints as the log grows, until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(l.o.Interval)
	defer tick.Stop()
	idle := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		select {
		case <-l.grown:
			idle = 0
		default:
			if idle++; idle%lookEvery != 0 {
				continue
			}
		}
		if err := l.Publish(ctx); err != nil && ctx.Err() == nil {
			l.o.Logger.Error("publishing a checkpoint of the transparency log", "error", fault.Whole(err))
		}
	}
}

// lookEvery is after how many intervals Run looks for growth that it was not told
// of: another replica's, which may have died before it published.
const lookEvery = 10

// Publish signs where the log ends, has it cosigned and saves it. Where the
// policy is not satisfied, the last one stands, and Publish fails. Replicas that
// publish at once say the same: the store's log only grows.
func (l *Log) Publish(ctx context.Context) error {
	head, err := l.o.Store.Head(ctx)
	if err != nil || head.Size <= head.Published {
		return err
	}
	signed, err := l.sign(ctx, head)
	if err != nil {
		return err
	}
	signed = l.witness(ctx, head, signed)
	if l.o.Policy != nil && !l.o.Policy.Satisfied(signed) {
		l.ring() // to try again
		return fmt.Errorf("translog: witnesses did not cosign the checkpoint of size %d as the policy wants; the one before stands", head.Size)
	}
	return l.o.Store.Publish(ctx, head.Size, string(signed))
}

func (l *Log) sign(ctx context.Context, head Head) ([]byte, error) {
	text := logfmt.Checkpoint{Origin: head.Origin, Size: uint64(head.Size), Hash: head.Root[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, noteSigner{ctx, l})
	if err != nil {
		return nil, fmt.Errorf("translog: sign a checkpoint: %w", err)
	}
	return signed, nil
}

// noteSigner signs notes for the time of one call.
type noteSigner struct {
	ctx context.Context
	log *Log
}

func (s noteSigner) Name() string    { return s.log.verifier.Name() }
func (s noteSigner) KeyHash() uint32 { return s.log.verifier.KeyHash() }

func (s noteSigner) Sign(message []byte) ([]byte, error) {
	return s.log.o.Keys.SignLog(s.ctx, s.log.identity.KeyID, message)
}
