package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/fault"
)

// Witness cosigns checkpoints of a log after it has seen that the log only grew:
// https://c2sp.org/tlog-witness.
type Witness interface {
	// Verifier is the witness's key.
	Verifier() note.Verifier
	// AddCheckpoint offers a checkpoint, with the proof that its tree begins with the
	// one of size old. It returns the cosignature's lines as they stand in a note.
	// A *[KnownSizeError] says which size the witness saw last.
	AddCheckpoint(ctx context.Context, old int64, proof []Hash, checkpoint []byte) ([]byte, error)
}

// KnownSizeError means that a witness saw the log last at another size than it was
// offered a proof from.
type KnownSizeError struct{ Size int64 }

func (e *KnownSizeError) Error() string {
	return fmt.Sprintf("the witness saw the log at size %d last", e.Size)
}

// witness asks all witnesses for their cosignatures and returns the checkpoint
// with those they gave.
func (l *Log) witness(ctx context.Context, head Head, signed []byte) []byte {
	for _, w := range l.o.Witnesses {
		lines, err := l.cosign(ctx, w, head, signed)
		if err != nil {
			l.o.Logger.Warn("a witness did not cosign the transparency log", "witness", w.Verifier().Name(), "size", head.Size, "error", fault.Whole(err))
			continue
		}
		signed = append(bytes.Clone(signed), lines...)
	}
	return signed
}

// cosign asks one witness, first from the size it cosigned last as far as is
// known, then from the size that it says.
func (l *Log) cosign(ctx context.Context, w Witness, head Head, signed []byte) ([]byte, error) {
	old := lastSeenBy(w, head)
	for range 2 {
		proof, err := l.growth(ctx, old, head.Size)
		if err != nil {
			return nil, err
		}
		lines, err := w.AddCheckpoint(ctx, old, proof, signed)
		var other *KnownSizeError
		if errors.As(err, &other) && other.Size >= 0 && other.Size <= head.Size && other.Size != old {
			old = other.Size
			continue
		}
		if err != nil {
			return nil, err
		}
		return checkCosigned(signed, lines, w.Verifier())
	}
	return nil, errors.New("the witness says another size each time")
}

// lastSeenBy is the size of the published checkpoint if w cosigned that, else 0.
func lastSeenBy(w Witness, head Head) int64 {
	if _, err := note.Open([]byte(head.Checkpoint), note.VerifierList(w.Verifier())); err != nil {
		return 0
	}
	return head.Published
}

// growth proves that the tree of one size begins with that of another.
func (l *Log) growth(ctx context.Context, from, to int64) ([]Hash, error) {
	if from == 0 || from == to {
		return nil, nil
	}
	path, err := tlog.ProveTree(to, from, l.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("translog: prove growth from %d to %d: %w", from, to, err)
	}
	hashes := make([]Hash, len(path))
	for i, h := range path {
		hashes[i] = h
	}
	return hashes, nil
}

// checkCosigned returns the lines if they are a signature of this witness on the
// checkpoint. What else a witness may answer stays out of what we publish.
func checkCosigned(signed, lines []byte, w note.Verifier) ([]byte, error) {
	opened, err := note.Open(append(bytes.Clone(signed), lines...), note.VerifierList(w))
	if err != nil {
		return nil, fmt.Errorf("its answer is no cosignature of %s: %w", w.Name(), err)
	}
	s := opened.Sigs[0]
	return fmt.Appendf(nil, "— %s %s\n", s.Name, s.Base64), nil
}
