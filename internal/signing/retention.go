package signing

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/leader"
)

// Retained is how long a job outlives its signature, and an ended profile the
// last signature it can have made.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/retention.html
var Retained = ValidityPeriod{6, Months}

// clockGrace is by how much the clocks of replicas, and of who checks the
// transparency log, may differ: nothing goes before that has passed, too.
const clockGrace = 24 * time.Hour

// GoneBefore is when signatures had ended whose jobs may be gone by now. A month
// that is too short ends on its last day, so a job may stay up to three days
// longer than [Retained]; never shorter.
func GoneBefore(now time.Time) time.Time { return addMonths(now.UTC(), -Retained.Value) }

// due reports whether a version has ended and all it may have signed is over, for
// so long that it may go.
func (p Profile) due(now time.Time) bool {
	return p.Status != Active && !p.EndedAt.IsZero() && p.Validity.From(p.EndedAt).Before(GoneBefore(now.Add(-clockGrace)))
}

// VersionKey names a version of a profile.
type VersionKey struct {
	ProfileKey
	Version string
}

// KeptProfile is a version that is on record.
type KeptProfile struct {
	Profile
	Newest bool // of its name
}

// RetentionStore forgets. All methods are safe for concurrent use; each removal is
// one transaction with its event.
type RetentionStore interface {
	// Now is the time by the records' own clock, which may be another machine's; zero
	// if they have none.
	Now(ctx context.Context) (time.Time, error)
	// KeptProfiles lists all versions of all accounts' profiles, by account, name and
	// version, at most limit that come after a key.
	KeptProfiles(ctx context.Context, after VersionKey, limit int) ([]KeptProfile, error)
	// RemoveJobs removes the jobs of a version whose signatures ended before a time,
	// those that ended first, at most limit. It returns how many went; event is
	// called with that, unless none did.
	RemoveJobs(ctx context.Context, key VersionKey, before time.Time, limit int, event func(removed int) journal.Event) (removed int, err error)
	// RemoveProfile removes a profile, all its versions, tags and permissions, if it
	// has no job and due says so of its versions, while it holds the profile as
	// [ProfileStore].ChangeProfile does. due must be pure.
	RemoveProfile(ctx context.Context, key ProfileKey, due func(versions []Profile) bool, e journal.Event) (removed bool, err error)
}

// RetentionOptions are what a [Retention] is made from. Store is required.
type RetentionOptions struct {
	Store   RetentionStore
	Leaders leader.Store                     // nil when no other process shares the store
	Now     func() time.Time                 // nil means time.Now
	Told    func(removed Removed, err error) // hears of each round that did something; nil for nobody
}

// Removed counts what went.
type Removed struct{ Jobs, Profiles int }

// Retention removes jobs and profiles whose time is over. Of several processes one
// does it at a time; if two do, they find less to remove.
type Retention struct {
	o      RetentionOptions
	leader *leader.Leader
	due    time.Time // of the next round
}

const (
	retentionInterval = time.Hour
	retentionJobs     = 200 // removed in one transaction
	retentionPage     = 100 // versions read at once
	retentionPause    = 20 * time.Millisecond
)

// NewRetention checks the options.
func NewRetention(o RetentionOptions) (*Retention, error) {
	if o.Store == nil {
		return nil, errors.New("signing: retention needs a store")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(Removed, error) {}
	}
	return &Retention{o: o, leader: leader.New(o.Leaders, "signing retention", o.Now)}, nil
}

// Run makes a round every hour until ctx ends, while this process leads. It
// returns nil.
func (r *Retention) Run(ctx context.Context) error {
	tick := time.NewTicker(leader.BeatEvery)
	defer tick.Stop()
	defer r.leader.Part(ctx)
	for {
		if removed, err := r.Lead(ctx); ctx.Err() == nil && (removed != Removed{} || err != nil) {
			r.o.Told(removed, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Lead is a step of Run: it makes a round if this process leads and one is due.
func (r *Retention) Lead(ctx context.Context) (Removed, error) {
	led := r.leader.Leads()
	leads, err := r.leader.Keep(ctx)
	now := r.o.Now()
	if err != nil || !leads || led && now.Before(r.due) {
		return Removed{}, err
	}
	r.due = now.Add(retentionInterval)
	return r.round(ctx, now)
}

// round goes through all versions once, as long as this process leads. It may end
// anywhere, and the next one goes on.
func (r *Retention) round(ctx context.Context, now time.Time) (total Removed, err error) {
	if now, err = r.earlier(ctx, now); err != nil {
		return total, err
	}
	var newest KeptProfile // of the name whose versions have been gone through
	for p, err := range r.kept(ctx) {
		if err != nil {
			return total, err
		}
		if p.ProfileKey != newest.ProfileKey { // it has no job left that is over, of any version
			n, err := r.removeProfile(ctx, newest, now)
			if total.Profiles += n; err != nil {
				return total, err
			}
			newest = KeptProfile{}
		}
		if p.Newest {
			newest = p
		}
		n, err := r.removeJobs(ctx, p, GoneBefore(now.Add(-clockGrace)))
		if total.Jobs += n; errors.Is(err, errReplaced) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	n, err := r.removeProfile(ctx, newest, now)
	total.Profiles += n
	return total, err
}

// earlier is the time by this process's clock or by the records' own, whichever is
// behind: a clock that is far ahead must not void what was signed.
func (r *Retention) earlier(ctx context.Context, now time.Time) (time.Time, error) {
	theirs, err := r.o.Store.Now(ctx)
	if err == nil && !theirs.IsZero() && theirs.Before(now) {
		now = theirs
	}
	return now, err
}

// kept are all versions, page by page.
func (r *Retention) kept(ctx context.Context) iter.Seq2[KeptProfile, error] {
	return func(yield func(KeptProfile, error) bool) {
		var after VersionKey
		for {
			page, err := r.o.Store.KeptProfiles(ctx, after, retentionPage)
			if err != nil {
				yield(KeptProfile{}, err)
			}
			if err != nil || len(page) == 0 {
				return
			}
			for _, p := range page {
				if after = (VersionKey{p.ProfileKey, p.Version}); !yield(p, nil) {
					return
				}
			}
		}
	}
}

// errReplaced ends a round.
var errReplaced = errors.New("signing: another process has come to lead")

// removeJobs removes the jobs of a version whose time is over, in short steps.
func (r *Retention) removeJobs(ctx context.Context, p KeptProfile, before time.Time) (removed int, err error) {
	event := func(n int) journal.Event {
		return r.event(ctx, "ExpireSigningJobs", p, map[string]any{"profileVersion": p.Version, "jobs": n, "signaturesExpiredBefore": before})
	}
	for {
		if leads, err := r.leader.Keep(ctx); err != nil || !leads {
			return removed, cmp.Or(err, errReplaced)
		}
		n, err := r.o.Store.RemoveJobs(ctx, VersionKey{p.ProfileKey, p.Version}, before, retentionJobs, event)
		if removed += n; err != nil || n < retentionJobs {
			return removed, err
		}
		select {
		case <-time.After(retentionPause):
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
}

// removeProfile removes a profile if all its versions are due.
func (r *Retention) removeProfile(ctx context.Context, p KeptProfile, now time.Time) (removed int, err error) {
	if !p.Newest || !p.due(now) {
		return 0, nil
	}
	gone, err := r.o.Store.RemoveProfile(ctx, p.ProfileKey, allDue(now), r.event(ctx, "ExpireSigningProfile", p, map[string]any{"profileVersion": p.Version}))
	if gone {
		removed = 1
	}
	return removed, err
}

func (r *Retention) event(ctx context.Context, name string, p KeptProfile, detail any) journal.Event {
	subject := journal.Subject{Account: p.Account, Region: p.Region, Resource: p.ProfileARN().String()}
	return journal.New(ctx, r.o.Now().UTC().Truncate(time.Microsecond), journal.SourceSigner, name, subject, detail)
}

// allDue is what must be so of a profile's versions for it to go.
func allDue(now time.Time) func([]Profile) bool {
	return func(versions []Profile) bool {
		for _, v := range versions {
			if !v.due(now) {
				return false
			}
		}
		return len(versions) > 0
	}
}
