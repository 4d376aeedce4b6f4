package signing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

const day = 24 * time.Hour

// retention is one process's part in forgetting.
func (w *world) retention(t *testing.T) *signing.Retention {
	t.Helper()
	r, err := signing.NewRetention(signing.RetentionOptions{Store: w.db.Retention(), Leaders: w.db.Leaders(), Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// removes wants a round to remove so much.
func removes(t *testing.T, r *signing.Retention, want signing.Removed) {
	t.Helper()
	if removed, err := r.Lead(t.Context()); err != nil || removed != want {
		t.Errorf("removed %+v, %v; want %+v", removed, err, want)
	}
}

func (w *world) putFor(t *testing.T, name string, days int) signing.ProfileKey {
	t.Helper()
	key := signing.ProfileKey{Account: account, Name: name}
	_, err := w.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: key, Platform: signing.NotationPlatform, Validity: signing.ValidityPeriod{Value: days, Unit: signing.Days}})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestJobsGoSixMonthsAfterTheirSignatures: not before, and those of other profiles
// stay. What is gone is no longer vouched for.
func TestJobsGoSixMonthsAfterTheirSignatures(t *testing.T) {
	w := newWorldAt(t, time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC))
	short := w.putFor(t, "short", 1)
	w.put(t, image)
	gone, stays := w.sign(t, short), w.sign(t, image)
	r := w.retention(t)
	removes(t, r, signing.Removed{})
	w.clock.at.Store(time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC).UnixNano()) // six months after 31 March end on 30 September, and a day for clocks
	removes(t, r, signing.Removed{})
	if _, err := w.Job(t.Context(), gone.Job.JobKey); err != nil {
		t.Fatal(err)
	}
	w.mustStatus(t, w.query(t, gone))
	w.clock.advance(day + time.Second)
	removes(t, r, signing.Removed{Jobs: 1})
	if _, err := w.Job(t.Context(), gone.Job.JobKey); !errors.Is(err, signing.ErrJobNotFound) {
		t.Errorf("got %v", err)
	}
	q := w.query(t, gone)
	w.mustStatus(t, q, q.JobARN)
	w.mustStatus(t, w.query(t, stays))
	e := w.last(t)
	d := detail(t, e)
	if e.Name != "ExpireSigningJobs" || e.Resource != w.ProfileARN(short).String() || d["jobs"] != 1.0 || d["profileVersion"] != gone.Job.ProfileVersion {
		t.Errorf("journal: %+v %v", e, d)
	}
	if p, err := w.Profile(t.Context(), short); err != nil || p.Status != signing.Active { // it has not ended
		t.Errorf("%+v, %v", p, err)
	}
}

// TestEndedProfilesGo: validity and six months after they were canceled or
// revoked, with their jobs, and only then may the name be used again.
func TestEndedProfilesGo(t *testing.T) {
	ends := map[string]func(w *world, key signing.ProfileKey) error{
		"canceled": func(w *world, key signing.ProfileKey) error { return w.CancelProfile(t.Context(), key) },
		"revoked": func(w *world, key signing.ProfileKey) error {
			p, err := w.Profile(t.Context(), key)
			if err != nil {
				return err
			}
			return w.RevokeProfile(t.Context(), signing.RevokeProfileRequest{Caller: caller, Profile: key, Version: p.Version, Reason: "x", EffectiveTime: w.clock.now()})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := newWorldAt(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			key, r := w.putFor(t, "short", 10), w.retention(t)
			w.sign(t, key)
			w.clock.advance(100 * day)
			late := w.sign(t, key)
			if err := end(w, key); err != nil {
				t.Fatal(err)
			}
			w.clock.at.Store(time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC).UnixNano()) // 11 April, 10 days, 6 months, 1 day
			removes(t, r, signing.Removed{Jobs: 1})                                    // the early one
			if _, err := w.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: key, Platform: signing.NotationPlatform}); !errors.Is(err, signing.ErrProfileNotActive) {
				t.Errorf("the name is free too soon: %v", err)
			}
			w.clock.advance(time.Hour)
			removes(t, r, signing.Removed{Jobs: 1, Profiles: 1})
			if _, err := w.Profile(t.Context(), key); !errors.Is(err, signing.ErrProfileNotFound) {
				t.Errorf("got %v", err)
			}
			if e := w.last(t); e.Name != "ExpireSigningProfile" || e.Resource != w.ProfileARN(key).String() {
				t.Errorf("journal: %+v", e)
			}
			q := w.query(t, late)
			w.mustStatus(t, q, q.JobARN)
			fresh := w.put(t, key)
			if fresh.Version == late.Job.ProfileVersion {
				t.Error("the old version is back")
			}
			w.sign(t, key)
			w.clock.advance(time.Hour)
			removes(t, r, signing.Removed{})
		})
	}
}

// TestEndedProfilesGoInARound: whichever version is looked at first.
func TestEndedProfilesGoInARound(t *testing.T) {
	w := newWorldAt(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	w.Service = w.replica(t, signing.Options{AllowReuseOfEndedNames: true})
	const names = 10 // versions are random: of some the newest comes first
	for i := range names {
		for range 2 {
			key := w.putFor(t, fmt.Sprintf("short_%d", i), 1)
			w.sign(t, key)
			if err := w.CancelProfile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.clock.advance(250 * day)
	removes(t, w.retention(t), signing.Removed{Jobs: 2 * names, Profiles: names})
}

// otherClock is a store whose records have a clock of their own.
type otherClock struct {
	signing.RetentionStore
	at time.Time
}

func (o otherClock) Now(context.Context) (time.Time, error) { return o.at, nil }

// TestNothingGoesEarly: what is over by one clock alone stays, whether that is the
// process's or the records'.
func TestNothingGoesEarly(t *testing.T) {
	w := newWorldAt(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	began := w.clock.now()
	w.sign(t, w.putFor(t, "short", 1))
	for _, tt := range []struct{ ours, theirs, jobs int }{{1000, 0, 0}, {0, 1000, 0}, {1000, 300, 1}} {
		w.clock.at.Store(began.Add(time.Duration(tt.ours) * day).UnixNano())
		records := otherClock{w.db.Retention(), began.Add(time.Duration(tt.theirs) * day)}
		r, err := signing.NewRetention(signing.RetentionOptions{Store: records, Now: w.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		removes(t, r, signing.Removed{Jobs: tt.jobs})
	}
}

// TestOneForgets: of two processes one makes rounds, each hour; when it is gone,
// the other does.
func TestOneForgets(t *testing.T) {
	w := newWorldAt(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	key := w.putFor(t, "short", 1)
	a, b := w.retention(t), w.retention(t)
	removes(t, a, signing.Removed{})
	for range 3 {
		w.sign(t, key)
		w.clock.advance(15 * time.Minute)
	}
	w.clock.at.Store(time.Date(2026, 7, 3, 0, 0, 1, 0, time.UTC).UnixNano()) // the first is over
	removes(t, b, signing.Removed{})                                         // a leads, as far as b knows
	removes(t, a, signing.Removed{Jobs: 1})
	w.clock.advance(20 * time.Minute)
	removes(t, a, signing.Removed{}) // the hour is not over
	for range 3 {
		removes(t, b, signing.Removed{})
		w.clock.advance(20 * time.Second)
	}
	removes(t, b, signing.Removed{Jobs: 1})
}
