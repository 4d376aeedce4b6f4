package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// slate is a journal that can be out of order.
type slate struct {
	got   []journal.Event
	fails error
}

func (s *slate) Append(_ context.Context, events []journal.Event) error {
	if s.fails == nil {
		s.got = append(s.got, events...)
	}
	return s.fails
}

func recorder(t *testing.T, s *slate, c *clock, o journal.RecorderOptions) *journal.Recorder {
	t.Helper()
	o.Journal, o.About, o.Now = s, journal.Subject{Account: "111122223333", Region: "us-east-1"}, c.now
	r, err := journal.NewRecorder(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refusal(name string) journal.Event {
	return journal.Event{Name: name, Actor: journal.Actor{Principal: "arn:aws:iam::111122223333:user/u"}, Outcome: journal.Outcome{ErrorCode: "AccessDenied"}}
}

func flush(t *testing.T, r *journal.Recorder) {
	t.Helper()
	if err := r.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRecorderWritesInOrder(t *testing.T) {
	s, c := &slate{}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{})
	for i := range 300 {
		r.Note(refusal(fmt.Sprint(i)))
	}
	flush(t, r)
	if len(s.got) != 300 || s.got[299].Name != "299" || s.got[0].Account != "111122223333" {
		t.Fatalf("%d events, the last %+v", len(s.got), s.got[len(s.got)-1])
	}
}

// TestStrangersKeepNobodyOut: however many calls bear a wrong signature, those of
// who is known are recorded.
func TestStrangersKeepNobodyOut(t *testing.T) {
	s, c := &slate{}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{Rate: 1})
	for range 100 {
		r.Note(journal.Event{Name: "stranger", Outcome: journal.Outcome{ErrorCode: "InvalidSignatureException"}})
	}
	r.Note(refusal("known"))
	flush(t, r)
	if n := len(s.got); n != 12 || s.got[10].Name != "known" || r.Lost() != (journal.Lost{Refusals: 90}) {
		t.Fatalf("%d events, lost %+v", n, r.Lost())
	}
}

// TestRecorderCountsWhatItLoses: what comes too fast is counted, by kind, and the
// journal tells how much it was.
func TestRecorderCountsWhatItLoses(t *testing.T) {
	s, c := &slate{}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{Rate: 2})
	for range 30 {
		r.Note(refusal("x"))
	}
	for range 25 {
		r.Note(journal.Event{Name: "read", Outcome: journal.Outcome{ReadOnly: true}})
	}
	if lost := r.Lost(); lost != (journal.Lost{Refusals: 10, Reads: 5}) {
		t.Fatalf("lost %+v", lost)
	}
	flush(t, r)
	last := s.got[len(s.got)-1]
	if len(s.got) != 41 || last.Name != "EventsLost" || string(last.Detail) != `{"refusals":10,"reads":5}` {
		t.Fatalf("%d events, the last %+v %s", len(s.got), last, last.Detail)
	}
	c.pass(time.Second)
	for range 5 {
		r.Note(refusal("y")) // two a second
	}
	flush(t, r)
	if len(s.got) != 43 {
		t.Fatalf("%d events", len(s.got))
	}
	c.pass(10 * time.Second)
	flush(t, r)
	var told journal.Lost
	if err := json.Unmarshal(s.got[len(s.got)-1].Detail, &told); err != nil || told != (journal.Lost{Refusals: 3}) {
		t.Fatalf("%+v %v", told, err)
	}
}

func TestRecorderTriesAgain(t *testing.T) {
	s, c := &slate{fails: fault.New(fault.Unavailable, "away")}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{Queue: 10})
	for range 12 {
		r.Note(refusal("x"))
	}
	for range 2 {
		if err := r.Flush(context.Background()); !errors.Is(err, s.fails) {
			t.Fatal(err)
		}
	}
	s.fails = nil
	flush(t, r)
	names := map[string]int{}
	for _, e := range s.got {
		names[e.Name]++
	}
	if names["x"] != 10 || names["EventsLost"] != 1 {
		t.Fatalf("wrote %v, lost %+v", names, r.Lost())
	}
}

// TestRecorderDropsPoison: a batch that the journal never takes does not keep the
// rest from it.
func TestRecorderDropsPoison(t *testing.T) {
	s, c := &slate{fails: errors.New("a mistake of ours")}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{})
	r.Note(refusal("x"))
	if err := r.Flush(context.Background()); !errors.Is(err, s.fails) {
		t.Fatal(err)
	}
	s.fails = nil
	r.Note(refusal("y"))
	flush(t, r)
	if len(s.got) != 2 || s.got[0].Name != "y" || r.Lost() != (journal.Lost{Refusals: 1}) {
		t.Fatalf("wrote %+v, lost %+v", s.got, r.Lost())
	}
}

func TestRecorderKeepsWhatCanBeStored(t *testing.T) {
	s, c := &slate{}, &clock{at: time.Unix(1, 0)}
	r := recorder(t, s, c, journal.RecorderOptions{})
	e := refusal("x")
	e.Outcome.ErrorMessage = "a\x00b\xff" + strings.Repeat("é", 1024)
	r.Note(e)
	flush(t, r)
	if got := s.got[0].Outcome.ErrorMessage; len(got) > 1024 || !strings.HasPrefix(got, "a?b?é") {
		t.Fatalf("kept %q", got)
	}
}
