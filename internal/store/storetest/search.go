package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/journal"
)

// Search is the contract of [journal.Searcher].
func Search(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"each way to narrow", searchNarrows},
		{"pages", searchPages},
	})
}

// diary writes events that differ in everything, two of each kind, and returns
// them, the oldest first.
func (d *desk) diary() (events []journal.Event) {
	now := time.Now()
	for i := range 8 {
		n := fmt.Sprint(i / 2)
		e := journal.New(ctx, now, "source"+n, "Name"+n, journal.Subject{Account: testAccount, Region: testRegion, Resource: "arn:aws:x:::" + n}, nil)
		e.Time = e.Time.Add(time.Duration(i/2-4) * time.Second)
		e.Actor = journal.Actor{Principal: "arn:aws:iam::111122223333:user/u" + n, AccessKeyID: "AKIA" + n, RequestID: uuid.Must(uuid.NewV7()).String()}
		if i >= 4 {
			e.Outcome = journal.Outcome{ErrorCode: "Code" + n, ReadOnly: i >= 6}
		}
		events = append(events, e)
	}
	d.must(d.Appender.Append(ctx, events))
	other := event("Other")
	other.Account = otherAccount
	d.must(d.Appender.Append(ctx, []journal.Event{other}))
	return events
}

// found are the numbers of the events that a search finds, in its order.
func (d *desk) found(events []journal.Event, f journal.Filter) (numbers []int) {
	d.Helper()
	f.Account, f.Limit = testAccount, 100
	entries, err := d.Search.Search(ctx, f)
	d.must(err)
	for _, e := range entries {
		n := -1
		for i := range events {
			if events[i].ID == e.ID {
				n = i
				equal(d, e.Event, events[i])
			}
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func searchNarrows(d *desk) {
	events := d.diary()
	yes, no := true, false
	e := events[5]
	for name, tt := range map[string]struct {
		f    journal.Filter
		want []int
	}{
		"all":            {journal.Filter{}, []int{7, 6, 5, 4, 3, 2, 1, 0}},
		"from":           {journal.Filter{From: events[4].Time}, []int{7, 6, 5, 4}},
		"to":             {journal.Filter{To: events[3].Time}, []int{3, 2, 1, 0}},
		"between":        {journal.Filter{From: events[2].Time, To: events[5].Time}, []int{5, 4, 3, 2}},
		"id":             {journal.Filter{ID: e.ID}, []int{5}},
		"no id":          {journal.Filter{ID: "x"}, nil},
		"unknown id":     {journal.Filter{ID: uuid.NewString()}, nil},
		"no request":     {journal.Filter{RequestID: "r-1"}, nil},
		"request":        {journal.Filter{RequestID: e.Actor.RequestID}, []int{5}},
		"name":           {journal.Filter{Name: e.Name}, []int{5, 4}},
		"source":         {journal.Filter{Source: e.Source}, []int{5, 4}},
		"principal":      {journal.Filter{Principal: e.Actor.Principal}, []int{5, 4}},
		"access key":     {journal.Filter{AccessKey: e.Actor.AccessKeyID}, []int{5, 4}},
		"resource":       {journal.Filter{Resource: e.Resource}, []int{5, 4}},
		"error":          {journal.Filter{ErrorCode: e.Outcome.ErrorCode}, []int{5, 4}},
		"failed":         {journal.Filter{Failed: &yes}, []int{7, 6, 5, 4}},
		"done":           {journal.Filter{Failed: &no}, []int{3, 2, 1, 0}},
		"read":           {journal.Filter{ReadOnly: &yes}, []int{7, 6}},
		"failed changes": {journal.Filter{Failed: &yes, ReadOnly: &no}, []int{5, 4}},
		"name and more":  {journal.Filter{Name: e.Name, Principal: "arn:aws:iam::111122223333:user/u3"}, nil},
	} {
		if got := d.found(events, tt.f); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			d.Errorf("%s: found %v, want %v", name, got, tt.want)
		}
	}
}

func searchPages(d *desk) {
	events := d.diary() // two have each time
	f := journal.Filter{Account: testAccount, Limit: 3}
	var got []string
	for {
		page, err := d.Search.Search(ctx, f)
		d.must(err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, e.ID)
		}
		f.Before = page[len(page)-1].Place()
	}
	var want []string
	for i := range events {
		want = append(want, events[len(events)-1-i].ID)
	}
	equal(d, got, want)
}
