package authority

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Options are what an [Authority] is made from.
type Options struct {
	Store        Store
	Keys         Keys
	Region       string           // named in the issuing CA and in every record
	Replica      string           // names this process in the records of its leaves
	Now          func() time.Time // nil: time.Now
	LeafValidity time.Duration    // 0: DefaultLeafValidity; from an hour to 90 days
	Logger       *slog.Logger     // nil: slog.Default()
}

// Bounds of Options.LeafValidity. Below an hour a replica would do little but
// replace leaves; above 90 days they are no longer short-lived.
const (
	minLeafValidity = time.Hour
	maxLeafValidity = 90 * 24 * time.Hour
)

// Authority issues leaves and knows the current one. It is safe for concurrent
// use once [Authority.Bootstrap] has returned.
type Authority struct {
	o      Options
	chain  atomic.Pointer[chain] // of the active CA; set by Bootstrap
	leaf   atomic.Pointer[Signer]
	change sync.Mutex // held while the leaf is being replaced
	crls   crls
}

// New checks the options. Call [Authority.Bootstrap] before anything else.
func New(o Options) (*Authority, error) {
	if o.Store == nil || o.Keys == nil || o.Region == "" || o.Replica == "" {
		return nil, errors.New("authority: a store, a store of keys, a region and the name of this replica are required")
	}
	if o.LeafValidity == 0 {
		o.LeafValidity = DefaultLeafValidity
	}
	if o.LeafValidity < minLeafValidity || o.LeafValidity > maxLeafValidity {
		return nil, fmt.Errorf("authority: leaf certificates must be valid for %v to %v, not %v", minLeafValidity, maxLeafValidity, o.LeafValidity)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Authority{o: o}, nil
}

// Bootstrap makes the root and the issuing CA if the store has none, and opens
// those that stand. When replicas race, one makes them and created is true for
// that one only. An error that is [seal.ErrOpen] means that the stored keys
// are not sealed under the key at hand.
func (a *Authority) Bootstrap(ctx context.Context) (created bool, err error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return false, err
	}
	if now.Active == "" {
		if now, created, err = a.create(ctx, now); errors.Is(err, ErrNoKey) {
			now, err = a.overtaken(ctx, err)
		}
		if err != nil {
			return false, err
		}
	}
	_, err = a.follow(ctx, now)
	return created, err
}

// create makes the first root and issuing CA. Whoever comes second in a race
// throws its own away.
func (a *Authority) create(ctx context.Context, now Authorities) (Authorities, bool, error) {
	if err := a.mayCreate(ctx, now); err != nil {
		return now, false, err
	}
	made, err := a.newHierarchy(ctx, now)
	if err != nil {
		return now, false, err
	}
	stands, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		if now.Active != "" {
			return nil, nil
		}
		add, err := now.admit(made...)
		return &Change{Add: add, Activate: made[1].ID, Event: a.created(ctx, made)}, err
	})
	if err != nil {
		return now, false, fmt.Errorf("authority: save the certificate authority: %w", err)
	}
	if stands.Active == made[1].ID {
		return stands, true, nil
	}
	return stands, false, a.forget(ctx, stands, made)
}

// overtaken is what stands when a key has gone that was worked with: it was another's,
// who came second in a race and threw it away.
func (a *Authority) overtaken(ctx context.Context, gone error) (Authorities, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err == nil && now.Active == "" {
		err = gone
	}
	return now, err
}

// mayCreate says whether nobody has begun to bring in a CA: one made here would take
// its place.
func (a *Authority) mayCreate(ctx context.Context, now Authorities) error {
	if _, found, err := a.findPending(ctx, forRequest, now); found || err != nil {
		return errors.Join(err, errRequested)
	}
	if _, found, err := a.findPending(ctx, imported, now); found || err != nil {
		return errors.Join(err, errBegun)
	}
	return nil
}

// forget deletes the keys of certificates that were not recorded, but those that
// whoever came first took up as well.
func (a *Authority) forget(ctx context.Context, stands Authorities, made []Certificate) error {
	for _, c := range made {
		if stands.uses(c.KeyID) {
			continue
		}
		if err := a.o.Keys.Delete(ctx, c.KeyID); err != nil {
			return err
		}
	}
	return nil
}

// newHierarchy makes the keys and certificates of a root and an issuing CA, with
// the keys that an interrupted try has left, if any.
func (a *Authority) newHierarchy(ctx context.Context, now Authorities) ([]Certificate, error) {
	rootKey, err := a.pending(ctx, forRoot, now)
	if err != nil {
		return nil, err
	}
	root, err := a.certifyRoot(ctx, rootKey, now.generation(Root))
	if err != nil {
		return nil, err
	}
	above, err := Authorities{CAs: []Certificate{root}}.chainOf(root.ID)
	if err != nil {
		return nil, err
	}
	issuingKey, err := a.pending(ctx, forIssuing, now)
	if err != nil {
		return nil, err
	}
	issuing, err := a.certifyIssuing(ctx, issuingKey, above, now.generation(Issuing))
	return []Certificate{root, issuing}, err
}

// created is the event of a root and the issuing CA below it.
func (a *Authority) created(ctx context.Context, made []Certificate) journal.Event {
	root, issuing := made[0], made[1]
	return a.event(ctx, a.o.Now(), "CreateCertificateAuthority", map[string]any{
		"rootCertificateId":    root.ID,
		"rootNotAfter":         root.NotAfter,
		"issuingCertificateId": issuing.ID,
		"issuingNotAfter":      issuing.NotAfter,
	})
}

// event is an act of the installation itself: it belongs to no account.
func (a *Authority) event(ctx context.Context, now time.Time, name string, detail map[string]any) journal.Event {
	return journal.New(ctx, now, journal.SourceSealwright, name, journal.Subject{Region: a.o.Region}, detail)
}

// RootFingerprint is the lower-case hex SHA-256 of the active CA's root, the
// same that `openssl x509 -fingerprint -sha256` prints. "" before Bootstrap.
func (a *Authority) RootFingerprint() string {
	c := a.chain.Load()
	if c == nil {
		return ""
	}
	return fingerprint(c.root().Raw)
}

// errNotReady is a mistake in the order of starting.
var errNotReady = fault.Hide(fault.Unavailable, errors.New("authority: Bootstrap was not called"), "the certificate authority is not ready yet")

// Why a CA is not made by itself.
var (
	errBegun = fault.New(fault.Conflict, "\"sealwright ca import\" or \"sealwright ca restore\" was interrupted here: do it again. "+
		"To have a CA made here instead, begin with an empty data directory")
	errRequested = fault.New(fault.Conflict, "an issuing CA under a root of your own was requested and is not there yet: "+
		"have the request signed (\"sealwright ca csr\" prints it) and install the chain with \"sealwright ca install\". To have a CA made here instead, begin with an empty data directory")
)
