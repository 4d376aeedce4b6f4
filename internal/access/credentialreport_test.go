package access_test

import (
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
)

// TestAReportIsTheNewestForFourHours: then there is none, until one is made.
func TestAReportIsTheNewestForFourHours(t *testing.T) {
	w := newWorld(t)
	w.root(t)
	report := func() access.CredentialReport {
		t.Helper()
		if err := w.GenerateCredentialReport(t.Context(), account); err != nil {
			t.Fatal(err)
		}
		r, err := w.CredentialReport(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := w.CredentialReport(t.Context(), account); err != access.ErrNoReport {
		t.Errorf("before the first: %v", err)
	}
	first := report()
	if _, err := w.CreateIdentity(t.Context(), access.Identity{IdentityKey: access.IdentityKey{Account: account, Kind: access.User, Name: "alice"}}); err != nil {
		t.Fatal(err)
	}
	w.now = first.MadeAt.Add(4*time.Hour - time.Microsecond)
	if again := report(); again != first {
		t.Errorf("%v is younger than four hours, and another was made: %v", first, again)
	}
	w.now = first.MadeAt.Add(4 * time.Hour)
	if _, err := w.CredentialReport(t.Context(), account); err != access.ErrReportExpired {
		t.Errorf("after four hours: %v", err)
	}
	if second := report(); !second.MadeAt.Equal(w.now) || second.Content == first.Content {
		t.Errorf("after four hours: %v", second)
	}
	w.now = first.MadeAt.Add(4*time.Hour - time.Minute) // by the clock of another replica
	if _, err := w.CredentialReport(t.Context(), account); err != nil {
		t.Errorf("a minute from ahead: %v", err)
	}
	w.now = first.MadeAt // a clock that was wrong
	if third := report(); !third.MadeAt.Equal(w.now) {
		t.Errorf("a report of tomorrow stays until tomorrow: %v", third)
	}
}
