package authority

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
)

// Options are what an [Authority] is made from.
type Options struct {
	Store        Store
	Sealer       *seal.Sealer
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
	chain  *chain // set by Bootstrap
	leaf   atomic.Pointer[Signer]
	change sync.Mutex // held while the leaf is being replaced
}

// New checks the options. Call [Authority.Bootstrap] before anything else.
func New(o Options) (*Authority, error) {
	if o.Store == nil || o.Sealer == nil || o.Region == "" || o.Replica == "" {
		return nil, errors.New("authority: a store, a sealer, a region and the name of this replica are required")
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
// that one only. An error that is [seal.ErrOpen] means that the wrapping key is
// not the one the stored keys were sealed with.
func (a *Authority) Bootstrap(ctx context.Context) (created bool, err error) {
	h, err := a.o.Store.Hierarchy(ctx)
	if errors.Is(err, ErrNoHierarchy) {
		h, created, err = a.create(ctx)
	}
	if err != nil {
		return false, err
	}
	a.chain, err = openHierarchy(h, a.o.Sealer)
	return created, err
}

func (a *Authority) create(ctx context.Context) (Hierarchy, bool, error) {
	now := a.o.Now()
	ours, err := newHierarchy(a.o.Region, a.o.Sealer, now)
	if err != nil {
		return Hierarchy{}, false, err
	}
	e := a.event(ctx, now, "CreateCertificateAuthority", map[string]any{
		"rootCertificateId":    ours.Root.ID,
		"rootNotAfter":         ours.Root.NotAfter,
		"issuingCertificateId": ours.Issuing.ID,
		"issuingNotAfter":      ours.Issuing.NotAfter,
	})
	stands, err := a.o.Store.BootstrapHierarchy(ctx, ours, e)
	if err != nil {
		return Hierarchy{}, false, fmt.Errorf("authority: save the certificate authority: %w", err)
	}
	return stands, stands.Root.ID == ours.Root.ID, nil
}

// event is an act of the installation itself: it belongs to no account.
func (a *Authority) event(ctx context.Context, now time.Time, name string, detail map[string]any) journal.Event {
	return journal.New(ctx, now, journal.SourceSealwright, name, journal.Subject{Region: a.o.Region}, detail)
}

// RootPEM is the root certificate, for trust stores. Nil before Bootstrap.
func (a *Authority) RootPEM() []byte {
	if a.chain == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.chain.root.Raw})
}

// RootFingerprint is the lower-case hex SHA-256 of the root certificate, the
// same that `openssl x509 -fingerprint -sha256` prints. "" before Bootstrap.
func (a *Authority) RootFingerprint() string {
	if a.chain == nil {
		return ""
	}
	return fingerprint(a.chain.root.Raw)
}

// errNotReady is a mistake in the order of starting.
var errNotReady = fault.Hide(fault.Unavailable, errors.New("authority: Bootstrap was not called"), "the certificate authority is not ready yet")
