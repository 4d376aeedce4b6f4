// Package translog is the transparency log: each signing job has an entry in an
// append-only Merkle tree, whose checkpoints anybody can keep and hold against
// what the log says later. Nobody, the operator included, can then take a
// signature's entry away, change it, or put one between others, unseen.
//
// It is fed by a tailer of the journal, never in a caller's way. Entries, tree
// and where the tree ends are one transaction of the store, so the log is whole
// after any crash, and an entry that is delivered twice is in it once.
//
// Formats: https://c2sp.org/tlog-tiles (tiles and entry bundles),
// https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-proof,
// https://c2sp.org/tlog-cosignature and https://c2sp.org/tlog-witness.
package translog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sealwright/sealwright/internal/journal"
)

// Tailer is the name of the journal's tailer that feeds the log.
const Tailer = "log"

// Options are what a [Log] is made from. Store, Keys, Region and Read are
// required.
type Options struct {
	Store  Store
	Keys   Keys
	Region string
	// Read returns the record of a journal entry, and false if it tells of no
	// signature.
	Read      func(journal.Entry) (Record, bool, error)
	Witnesses []Witness     // who is asked to cosign checkpoints
	Policy    Policy        // which cosignatures a checkpoint needs before it is published; nil means none
	Interval  time.Duration // between checkpoints, at least; 0 means one second
	Logger    *slog.Logger  // nil means silence
}

// Keys keeps the log's private key.
type Keys interface {
	// GenerateLogKey makes an Ed25519 key that is there for good when it returns.
	GenerateLogKey(ctx context.Context) (id string, err error)
	// LogPublicKey returns the public half.
	LogPublicKey(ctx context.Context, id string) ([]byte, error)
	// SignLog signs a message with the key.
	SignLog(ctx context.Context, id string, message []byte) ([]byte, error)
}

// Log is one installation's log. It is a [journal.Sink]. All methods are safe for
// concurrent use.
type Log struct {
	o        Options
	identity Identity
	key      string // note verifier key
	verifier note.Verifier
	grown    chan struct{} // has a value when there may be more to publish
}

// Open finds the store's log, or begins one with a new key.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Store == nil || o.Keys == nil || o.Read == nil || o.Region == "" {
		return nil, errors.New("translog: a log needs a store, keys, a region and a reader")
	}
	o.Interval = cmp.Or(o.Interval, time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	identity, err := identify(ctx, o)
	if err != nil {
		return nil, err
	}
	public, err := o.Keys.LogPublicKey(ctx, identity.KeyID)
	if err != nil {
		return nil, fmt.Errorf("translog: open the log's key: %w", err)
	}
	key, err := note.NewEd25519VerifierKey(identity.Origin, public)
	if err != nil {
		return nil, fmt.Errorf("translog: the log's key: %w", err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("translog: the log's key: %w", err)
	}
	l := &Log{o: o, identity: identity, key: key, verifier: verifier, grown: make(chan struct{}, 1)}
	l.ring()
	return l, nil
}

// identify returns who the log is. Of several replicas that begin it at once, one
// gives it its name and key.
func identify(ctx context.Context, o Options) (Identity, error) {
	head, err := o.Store.Head(ctx)
	if err != nil || head.Origin != "" {
		return head.Identity, err
	}
	id, err := o.Keys.GenerateLogKey(ctx)
	if err != nil {
		return Identity{}, fmt.Errorf("translog: make the log's key: %w", err)
	}
	return o.Store.Begin(ctx, Identity{Origin: "sealwright/" + o.Region + "/" + id[:16], KeyID: id, Region: o.Region})
}

// Key is the log's verifier key as https://c2sp.org/signed-note has it. Its name is
// the log's origin.
func (l *Log) Key() string { return l.key }

// Deliver implements [journal.Sink]: it appends the signatures that the entries
// tell of, those that are not there yet.
func (l *Log) Deliver(ctx context.Context, entries []journal.Entry) error {
	var records []Record
	for _, e := range entries {
		record, ok, err := l.o.Read(e)
		if err != nil {
			return fmt.Errorf("translog: journal entry %d: %w", e.Position, err)
		}
		if ok {
			records = append(records, record)
		}
	}
	if len(records) == 0 {
		return nil
	}
	if err := l.o.Store.Append(ctx, records, grow); err != nil {
		return fmt.Errorf("translog: append: %w", err)
	}
	l.ring()
	return nil
}

// ring tells Run that there may be more to publish.
func (l *Log) ring() {
	select {
	case l.grown <- struct{}{}:
	default:
	}
}
