package authority_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestRandomCeremonies does random ceremonies, most of them disturbed, and looks
// after each whether all is as it must be. SEALWRIGHT_CEREMONIES is how many, under
// new seeds; if it is not set, fewer than two hundred under the same seeds each time.
func TestRandomCeremonies(t *testing.T) {
	open := func(t testing.TB) *sqlstore.DB {
		db, err := sqlstore.OpenSQLite(context.Background(), t.TempDir()+"/records.db")
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	t.Run("sqlite", func(t *testing.T) { randomCeremonies(t, 150, open) })
	t.Run("postgres", func(t *testing.T) {
		randomCeremonies(t, 30, func(t testing.TB) *sqlstore.DB {
			db, err := sqlstore.OpenPostgres(context.Background(), pgtest.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			return db
		})
	})
}

// stepsOfSeed is how many ceremonies one installation goes through.
const stepsOfSeed = 50

func randomCeremonies(t *testing.T, steps int, open func(testing.TB) *sqlstore.DB) {
	first := uint64(1)
	if s := os.Getenv("SEALWRIGHT_CEREMONIES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		steps, first = n, uint64(time.Now().UnixNano())
	}
	if s := os.Getenv("SEALWRIGHT_CEREMONIES_SEED"); s != "" { // one that failed
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		steps, first = stepsOfSeed, n
	}
	for seed := first; steps > 0; seed, steps = seed+1, steps-stepsOfSeed {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			m := newInstallation(t, seed, open)
			for range min(steps, stepsOfSeed) {
				m.step()
				if t.Failed() {
					t.Fatalf("SEALWRIGHT_CEREMONIES_SEED=%d; it was done:\n%s", seed, strings.Join(m.done, "\n"))
				}
			}
		})
	}
}

// installation is what the ceremonies are done to, and what must stay true of it.
type installation struct {
	*world
	t        *testing.T
	random   *rand.Rand
	open     func(testing.TB) *sqlstore.DB
	replica  *authority.Authority // runs all the while
	wrapping *seal.Sealer
	outside  *outside
	facts
	backups []saved
	raced   bool // two ceremonies at once, of which one may have been refused
	done    []string
}

// facts are what cannot be undone.
type facts struct {
	retired map[string]bool                 // by ID
	revoked map[string]authority.Revocation // by ID
	signed  map[string]bool                 // IDs of roots that leaves were issued under
}

// ceremony is one whose choices are made, so that it can be done again. What do
// returns is the same each time, unless something else was done in between.
type ceremony struct {
	name string
	do   func(ctx context.Context, a *authority.Authority, i *interrupted) (string, error)
	most int // CAs that may come of it
}

func newInstallation(t *testing.T, seed uint64, open func(testing.TB) *sqlstore.DB) *installation {
	m := &installation{t: t, random: rand.New(rand.NewPCG(seed, 0)), open: open, wrapping: newSealer(t)}
	m.facts = facts{map[string]bool{}, map[string]authority.Revocation{}, map[string]bool{}}
	m.move(newClock())
	m.outside = newOutside(t, m.random, m.clock)
	m.restart()
	m.check()
	return m
}

// move goes to an empty store.
func (m *installation) move(c *clock) {
	m.world = worldOf(m.t, m.open(m.t))
	m.clock = c
	m.unlock(m.wrapping)
}

func (m *installation) unlock(with seal.Wrapper) {
	m.t.Helper()
	unlocked, err := seal.Unlock(m.t.Context(), m.sealed(m.db.Slots()), with)
	if err != nil {
		m.t.Fatal(err)
	}
	m.sealer = unlocked.Sealer
}

func (m *installation) sealed(slots seal.Slots) seal.Options {
	return seal.Options{Slots: slots, Region: "us-east-1", Now: m.clock.now}
}

func (m *installation) restart() { m.replica = m.started(m.t) }

func (m *installation) undisturbed() *interrupted {
	return &interrupted{Store: m.store, Keys: m.keys(), slots: m.db.Slots()}
}

func (m *installation) perform(c ceremony, i *interrupted) (string, error) {
	return c.do(m.t.Context(), operate(m.t, m.world, i), i)
}

// step does one ceremony: perhaps interrupted, or with another in between; then
// undisturbed; then again, which changes nothing.
func (m *installation) step() {
	m.t.Helper()
	if m.random.IntN(6) == 0 {
		m.happen()
		m.check()
		return
	}
	c := m.chooseAlone()
	m.done = append(m.done, c.name)
	before := m.stands()
	most, others := m.disturb(c)
	got, err := m.perform(c, m.undisturbed())
	m.allowed(err)
	if err != nil {
		m.done[len(m.done)-1] += ": " + err.Error()
	}
	first := m.stands()
	if came := len(first.CAs) - len(before.CAs); came > c.most+most {
		m.t.Errorf("%d CAs came of it, and %d were asked for", came, c.most+most)
	}
	m.checkEvents(before, first, others)
	m.repeat(c, first, got, err)
	m.check()
}

// disturb does a ceremony so that it may fail, and says whether another was done
// meanwhile, and how many CAs may have come of that.
func (m *installation) disturb(c ceremony) (most int, others bool) {
	i := m.undisturbed()
	i.left = 1 + m.random.IntN(5)
	switch m.random.IntN(4) {
	case 0:
		return 0, false
	case 1:
		i.after = true
	case 2:
		other := m.choose()
		most = other.most
		i.meanwhile = func() {
			m.done = append(m.done, "  meanwhile "+other.name)
			_, err := m.perform(other, m.undisturbed())
			m.allowed(err)
		}
	}
	_, err := m.perform(c, i)
	m.raced = m.raced || i.fired && i.meanwhile != nil
	if i.fired && i.meanwhile == nil {
		m.done = append(m.done, fmt.Sprintf("  interrupted, the write done %v; again", i.after))
	}
	if !errors.Is(err, errInterrupted) {
		m.allowed(err)
	}
	return most, i.meanwhile != nil && i.fired
}

// repeat does again what was acknowledged, at once or a little later.
func (m *installation) repeat(c ceremony, first state, got string, err error) {
	m.t.Helper()
	if m.random.IntN(3) == 0 {
		m.clock.advance(time.Second)
	}
	again, errAgain := m.perform(c, m.undisturbed())
	if again != got || (err == nil) != (errAgain == nil) {
		m.t.Errorf("it was %q, %v, and again %q, %v", got, err, again, errAgain)
	}
	second := m.stands()
	if c.name == "back up" {
		second.events = first.events // each is an event
	}
	if !reflect.DeepEqual(first, second) {
		m.t.Errorf("done again, it changed something:\n%v%v", first, second)
	}
}

// allowed are the refusals of a ceremony; what fails otherwise is broken.
func (m *installation) allowed(err error) {
	m.t.Helper()
	replaced := errors.Is(err, seal.ErrOpen) // the wrapping key, meanwhile
	if err != nil && fault.KindOf(err) == fault.Internal && !replaced {
		m.t.Errorf("failed: %v", err)
	}
}

// state is what the records say.
type state struct {
	authority.Authorities
	keys   []authority.Key
	events int // in the journal, but those of leaves
}

func (s state) String() string {
	text := fmt.Sprintf("%d keys, %d events, active %.6s\n", len(s.keys), s.events, s.Active)
	for _, c := range s.CAs {
		text += fmt.Sprintf("  %.6s %-7s below %.6s, key %.6s, %v to %v, retired %v, revoked %v\n", c.ID, c.Role, c.IssuerID, c.KeyID,
			c.CreatedAt.Format(time.DateTime), c.NotAfter.Format(time.DateOnly), !c.RetiredAt.IsZero(), !c.RevokedAt.IsZero())
	}
	return text
}

func (m *installation) stands() (s state) {
	m.t.Helper()
	keys, err := m.keys().List(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return state{authorities(m.t, m.world), keys, len(m.events())}
}

// events are the names of what the journal has of ceremonies, oldest first.
func (m *installation) events() (names []string) {
	m.t.Helper()
	var after journal.Position
	for {
		entries, err := m.db.Journal().Read(m.t.Context(), after, 1000)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range entries {
			if after = e.Position; e.Name != "IssueCertificate" {
				names = append(names, e.Name)
			}
		}
		if len(entries) < 1000 {
			return names
		}
	}
}
