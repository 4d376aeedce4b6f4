package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Journal is the contract of [journal.Reader] and of what writes for it.
func Journal(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"nothing yet", journalNothing},
		{"every field", journalFields},
		{"pages", journalPages},
		{"append", journalAppend},
		{"follow while others write", journalFollow},
	})
}

func journalNothing(d *desk) {
	for _, after := range []journal.Position{0, 5} {
		entries, err := d.Journal.Read(ctx, after, 10)
		d.must(err)
		equal(d, len(entries), 0)
	}
}

// write makes the journal's rows; what is changed with them does not matter.
func (d *desk) write(e journal.Event) error {
	p := d.newProfile(testAccount, "journal")
	_, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
		if current == nil {
			return &p, e, nil
		}
		return current, e, nil
	})
	return err
}

func journalFields(d *desk) {
	full := journal.Event{
		ID: "0197f3a4-0000-7000-8000-000000000001", Time: d.tick(), Account: testAccount, Region: testRegion, Source: journal.SourceSigner,
		Name: "Everything", Resource: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/x",
		Actor:   journal.Actor{Principal: "arn:aws:iam::111122223333:root", AccessKeyID: "AKIA1", SourceIP: "::1", UserAgent: "ü \"agent\"/1", RequestID: "r-1"},
		Outcome: journal.Outcome{ErrorCode: "AccessDenied", ErrorMessage: "no", Reason: "because", ReadOnly: true},
		Detail:  json.RawMessage(`{"a": [1, 2.0, "é"],  "b":{}}`),
	}
	bare := journal.Event{ID: "0197f3a4-0000-7000-8000-000000000002", Time: d.tick(), Account: testAccount, Region: testRegion, Source: journal.SourceSealwright, Name: "Nothing"}
	d.must(d.write(full))
	d.must(d.write(bare))
	entries, err := d.Journal.Read(ctx, 0, 10)
	d.must(err)
	equal(d, len(entries), 2)
	equal(d, entries[0].Event, full)
	equal(d, entries[1].Event, bare)
	gist, err := d.Gist.Read(ctx, 0, 10)
	d.must(err)
	equal(d, gist[0], journal.Entry{Position: entries[0].Position, Event: journal.Event{Account: full.Account, Region: full.Region, Source: full.Source,
		Name: full.Name, Resource: full.Resource, Detail: full.Detail, Outcome: journal.Outcome{ErrorCode: full.Outcome.ErrorCode}}})
	equal(d, gist[1].Event, journal.Event{Account: bare.Account, Region: bare.Region, Source: bare.Source, Name: bare.Name})
}

func journalPages(d *desk) {
	for i := range 7 {
		d.must(d.write(event(fmt.Sprint("Event", i))))
		d.want(d.refuse(), errRefused) // leaves nothing
	}
	all := readJournal(d, d.Journal)
	equal(d, len(all), 7)
	for i, e := range all {
		equal(d, e.Name, fmt.Sprint("Event", i))
		page, err := d.Journal.Read(ctx, e.Position, 2)
		d.must(err)
		if len(page) > 2 || len(page) == 0 && i < 6 || len(page) > 0 && page[0].Position != all[i+1].Position {
			d.Fatalf("after %d: got %+v", e.Position, page)
		}
	}
}

// refuse starts a change and gives it up.
func (d *desk) refuse() error {
	_, err := d.Profiles.ChangeProfile(ctx, signing.ProfileKey{Account: testAccount, Name: "journal"}, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
		return current, event("Refused"), errRefused
	})
	return err
}

// journalFollow: who reads on from where he stopped sees every event once,
// however many write at the same time.
func journalFollow(d *desk) {
	const writers, each = 6, 30
	stop := make(chan struct{})
	followed := make(chan []journal.Position)
	go func() { followed <- d.follow(stop) }()
	errs := atOnce(writers, func(i int) error {
		key := signing.ProfileKey{Account: arn.AccountID(testAccount), Name: fmt.Sprint("writer", i)}
		for range each {
			p := signing.Profile{ProfileKey: key, Region: testRegion, Version: "0123456789", Platform: platform,
				Validity: signing.DefaultValidity, Status: signing.Active, CreatedAt: time.Unix(1, 0)}
			if err := d.put(p); err != nil {
				return err
			}
		}
		return nil
	})
	close(stop)
	got := <-followed
	d.must(errors.Join(errs...))
	var wanted []journal.Position
	for _, e := range readJournal(d, d.Journal) {
		wanted = append(wanted, e.Position)
	}
	equal(d, len(wanted), writers*each)
	equal(d, got, wanted)
}

// follow reads until there is nothing more after stop, or an error.
func (d *desk) follow(stop <-chan struct{}) (seen []journal.Position) {
	var after journal.Position
	for {
		stopped := false
		select {
		case <-stop:
			stopped = true
		default:
		}
		page, err := d.Journal.Read(ctx, after, 5)
		if err != nil {
			d.Error(err)
			return nil
		}
		for _, e := range page {
			after = e.Position
			seen = append(seen, after)
		}
		if stopped && len(page) == 0 {
			return seen
		}
	}
}

func journalAppend(d *desk) {
	refused := event("Refused")
	refused.Outcome = journal.Outcome{ErrorCode: "AccessDenied", ErrorMessage: "no"}
	batch := []journal.Event{event("One"), refused, event("Three")}
	d.must(d.Appender.Append(ctx, batch))
	bad := event("Bad")
	bad.Outcome.ErrorMessage = "\x00"
	d.wantFailure(d.Appender.Append(ctx, []journal.Event{event("WithBad"), bad}))
	entries, err := d.Journal.Read(ctx, 0, 10)
	d.must(err)
	equal(d, len(entries), 3)
	for i := range batch {
		equal(d, entries[i].Event, batch[i])
	}
}
