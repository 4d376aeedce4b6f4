// Package storetest holds implementations of the domain's ports against the
// contracts written on them. One suite per port runs on every implementation;
// each test has a database of its own and ends with a check of what must always
// hold.
package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/translog"
)

// Stores are the implementations under test, over one empty database.
type Stores struct {
	Access    access.Store
	Authority authority.Store
	Keys      authority.KeyRecords
	Slots     seal.Slots
	Profiles  signing.ProfileStore
	Jobs      signing.JobStore
	Retention signing.RetentionStore
	Journal   journal.Reader
	Gist      journal.Reader
	Tailers   journal.Stands
	Appender  journal.Appender
	Search    journal.Searcher
	Trimmer   journal.Trimmer
	Translog  translog.Store
	Logged    translog.Jobs
}

// scenario is a named test of a suite.
type scenario struct {
	name string
	run  func(*desk)
}

// suite runs scenarios, each on stores of its own, and checks them afterwards.
func suite(t *testing.T, open func(t *testing.T) Stores, scenarios []scenario) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			d := &desk{T: t, Stores: open(t), now: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}
			s.run(d)
			Check(t, d.Stores, testAccount, otherAccount)
		})
	}
}

// desk is one test's stores, with the steps tests are written in. Steps that
// fail end the test, so those that may run beside others return their error.
type desk struct {
	*testing.T
	Stores
	now    time.Time
	serial int
}

// tick is a later time at each call.
func (d *desk) tick() time.Time {
	d.now = d.now.Add(time.Second)
	return d.now
}

// must ends the test on an error.
func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// want ends the test unless err is the wanted one.
func (d *desk) want(err, wanted error) {
	d.Helper()
	if !errors.Is(err, wanted) {
		d.Fatalf("got error %v, want %v", err, wanted)
	}
}

// wantFailure ends the test unless err is an error, and not one that says that
// something is missing.
func (d *desk) wantFailure(err error) {
	d.Helper()
	if err == nil {
		d.Fatal("got no error")
	}
}

// equal ends the test unless got is wanted.
func equal[T any](t testing.TB, got, wanted T) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Fatalf("got  %+v\nwant %+v", got, wanted)
	}
}

// events are the names of all events, in order.
func (d *desk) events() []string {
	d.Helper()
	var names []string
	for _, e := range readJournal(d, d.Journal) {
		names = append(names, e.Name)
	}
	return names
}

// readJournal reads all of the journal.
func readJournal(t testing.TB, r journal.Reader) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	var after journal.Position
	for {
		page, err := r.Read(ctx, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = all[len(all)-1].Position
	}
}

// atOnce runs n functions beside each other and returns their errors.
func atOnce(n int, run func(i int) error) []error {
	errs := make([]error, n)
	done := make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			errs[i] = run(i)
		}()
	}
	for range n {
		<-done
	}
	return errs
}
