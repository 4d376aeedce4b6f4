package translog

import (
	"context"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/arn"
)

// MaxProof bounds a proof, in bytes: a checkpoint and a hash for each level.
const MaxProof = MaxCheckpoint + 64*(HashSize*4/3+4) + 1024

// ErrNotProven means that a proof does not show what it should: that this very
// signature is in the log.
var ErrNotProven = errors.New("the proof does not show that this signature is in the log")

// Prove shows that a job is in the log, to whoever has its statement and trusts
// the log's key: https://c2sp.org/tlog-proof. ErrNotLogged also while the entry is
// not covered by a published checkpoint.
func (l *Log) Prove(ctx context.Context, account arn.AccountID, job string) ([]byte, error) {
	n, err := l.o.Store.Number(ctx, account, job)
	if err != nil {
		return nil, err
	}
	head, err := l.o.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	if n >= head.Published {
		return nil, ErrNotLogged
	}
	path, err := tlog.ProveRecord(head.Published, n, l.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("translog: prove entry %d: %w", n, err)
	}
	p := proof.TLogProof{Index: uint64(n), Checkpoint: []byte(head.Checkpoint)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, Hash(h))
	}
	return p.Marshal(), nil
}

// Trust is what proofs are checked with.
type Trust struct {
	Logs   []note.Verifier // of which one must have signed
	Policy Policy          // which cosignatures there must be, too; nil for none
}

// Check reports whether a proof shows that an entry is in a trusted log.
// Errors wrap [ErrNotProven].
func (t Trust) Check(data []byte, entry Hash) error {
	if err := t.check(data, entry); err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	return nil
}

func (t Trust) check(data []byte, entry Hash) error {
	if len(data) > MaxProof {
		return fmt.Errorf("it is larger than %d bytes", MaxProof)
	}
	var p proof.TLogProof
	if err := p.Unmarshal(data); err != nil {
		return err
	}
	c, err := t.checkpoint(p.Checkpoint)
	if err != nil {
		return err
	}
	if t.Policy != nil && !t.Policy.Satisfied(p.Checkpoint) {
		return errors.New("its checkpoint lacks cosignatures that the policy wants")
	}
	if p.Index >= uint64(c.Size) {
		return fmt.Errorf("it is about entry %d, and its checkpoint is of size %d", p.Index, c.Size)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		path[i] = h
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, int64(p.Index), tlog.RecordHash(entry[:])); err != nil {
		return errors.New("its hashes do not lead from this signature to its checkpoint")
	}
	return nil
}

// checkpoint reads one that any of the trusted logs signed.
func (t Trust) checkpoint(signed []byte) (Checkpoint, error) {
	err := errors.New("no log is trusted")
	for _, key := range t.Logs {
		var c Checkpoint
		if c, err = ParseCheckpoint(signed, key); err == nil {
			return c, nil
		}
	}
	return Checkpoint{}, err
}
