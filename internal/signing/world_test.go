package signing_test

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

const account = "111122223333"

var (
	caller = signing.Caller{Account: account, ARN: "arn:aws:iam::111122223333:root"}
	image  = signing.ProfileKey{Account: account, Name: "image"}
)

// world is a service over a real store and a real authority.
type world struct {
	*signing.Service
	db        *sqlstore.DB
	path      string
	sealer    *seal.Sealer
	authority *authority.Authority
	clock     *clock
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAt(t, time.Date(2026, 11, 21, 20, 42, 13, 700_000_000, time.UTC))
}

func newWorldAt(t testing.TB, start time.Time) *world {
	t.Helper()
	w := &world{clock: &clock{}}
	w.clock.at.Store(start.UnixNano())
	var err error
	w.path = filepath.Join(t.TempDir(), "records.db")
	if w.db, err = sqlstore.OpenSQLite(t.Context(), w.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	if w.sealer, err = seal.New(seal.NewKey()); err != nil {
		t.Fatal(err)
	}
	w.authority = w.replicaAuthority(t)
	w.Service = w.replica(t, signing.Options{})
	return w
}

// replicaAuthority is an authority of its own on the same store.
func (w *world) replicaAuthority(t testing.TB) *authority.Authority {
	t.Helper()
	a, err := authority.New(authority.Options{
		Store: w.db.Authority(), Keys: authority.NewSealedKeys(w.db.AuthorityKeys(), w.sealer, "us-east-1", w.clock.now), Region: "us-east-1", Replica: "one", Now: w.clock.now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// replica is a service on the same store; what o leaves open is the world's.
func (w *world) replica(t testing.TB, o signing.Options) *signing.Service {
	t.Helper()
	o.Profiles, o.Region, o.Now = w.db.Profiles(), "us-east-1", w.clock.now
	who, err := access.New(access.Options{Store: w.db.Access(), Sealer: w.sealer})
	if err != nil {
		t.Fatal(err)
	}
	o.Principals = who
	if o.Jobs == nil {
		o.Jobs = w.db.Jobs()
	}
	if o.Leaves == nil {
		o.Leaves = w.authority
	}
	s, err := signing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) put(t testing.TB, key signing.ProfileKey) signing.Profile {
	t.Helper()
	p, err := w.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: key, Platform: signing.NotationPlatform})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const payload = `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":942}}`

func request(key signing.ProfileKey) signing.SignRequest {
	return signing.SignRequest{Caller: caller, Profile: key, Payload: []byte(payload), Format: envelope.PayloadMediaType}
}

func (w *world) sign(t testing.TB, key signing.ProfileKey) signing.Signature {
	t.Helper()
	signature, err := w.Sign(t.Context(), request(key))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func open(t testing.TB, s signing.Signature) *envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(s.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// last is the newest entry of the journal.
func (w *world) last(t testing.TB) journal.Entry {
	t.Helper()
	entries := w.journal(t)
	return entries[len(entries)-1]
}

func (w *world) journal(t testing.TB) []journal.Entry {
	t.Helper()
	entries, err := w.db.Journal().Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func detail(t testing.TB, e journal.Entry) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(e.Detail, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
