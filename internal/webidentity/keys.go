package webidentity

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/sealwright/sealwright/internal/fault"
)

// Issuer is who publishes keys.
type Issuer struct {
	URL         string
	Thumbprints []string // SHA-1, in hex, of certificates that may stand for unknown authorities
	Owner       string   // whose issuer it is: one owner's do not keep another's waiting
}

// Source is where the keys of issuers come from.
type Source interface {
	// KeySet returns an issuer's JSON Web Key Set, within the time and the size that
	// the source bounds. An error's message, if it has one, is for whoever holds the
	// token.
	KeySet(ctx context.Context, issuer Issuer) ([]byte, error)
}

// How long keys are remembered, and how often an issuer is asked.
const (
	keysFresh   = 15 * time.Minute // then they are asked for anew
	keysKept    = time.Hour        // what an issuer that cannot be reached last said is good for this long
	askInterval = 10 * time.Second // for unknown keys, and after failures
	askPatience = 15 * time.Second // for an answer
	asksAtOnce  = 64               // of all owners together
	asksOfOwner = 4                // at once
	maxIssuers  = 1000
	maxTries    = 4 // keys of one id that a token is tried with
)

// Verifier checks tokens with the keys of their issuers. It is safe for concurrent
// use.
type Verifier struct {
	source Source
	now    func() time.Time
	asks   singleflight.Group
	room   *semaphore.Weighted

	mu    sync.Mutex
	sets  map[string]keySet
	rooms map[string]*semaphore.Weighted // of owners
}

// keySet is what is known of an issuer's keys.
type keySet struct {
	keys    []jose.JSONWebKey
	fetched time.Time // when keys came
	asked   time.Time // when last asked, whatever came
	failure error     // of the last time
}

// New makes a verifier. now is the clock.
func New(source Source, now func() time.Time) *Verifier {
	return &Verifier{source: source, now: now, room: semaphore.NewWeighted(asksAtOnce), sets: map[string]keySet{}, rooms: map[string]*semaphore.Weighted{}}
}

// Verify checks that the issuer made the token, and that it is for one of the
// audiences now. ErrInvalid, ErrExpired, ErrRejected, ErrUnreachable.
func (v *Verifier) Verify(ctx context.Context, t Token, issuer Issuer, audiences []string) (Claims, error) {
	if t.issuer != issuer.URL {
		return Claims{}, fault.Becausef(ErrInvalid, "The token is of another issuer.")
	}
	keys, err := v.keys(ctx, issuer, t.header())
	if err != nil {
		return Claims{}, err
	}
	if err := t.verify(keys); err != nil {
		return Claims{}, err
	}
	return t.read(v.now(), audiences)
}

// keys returns the issuer's keys that fit a token's header. The issuer is asked
// when none does or they are old, but seldom: a token that names a key that does
// not exist costs its maker nothing.
func (v *Verifier) keys(ctx context.Context, issuer Issuer, h jose.Header) ([]jose.JSONWebKey, error) {
	now := v.now()
	set := v.known(issuer)
	found := set.fitting(h, now)
	if len(found) > 0 && now.Sub(set.fetched) < keysFresh {
		return found, nil
	}
	if now.Sub(set.asked) >= askInterval {
		var err error
		if set, err = v.ask(ctx, issuer); err != nil {
			return nil, err
		}
		found = set.fitting(h, now)
	}
	if len(found) == 0 && set.failure != nil {
		return nil, set.failure
	}
	return found, nil
}

func (s keySet) fitting(h jose.Header, now time.Time) (found []jose.JSONWebKey) {
	if now.Sub(s.fetched) >= keysKept {
		return nil
	}
	for _, k := range s.keys {
		if len(found) < maxTries && fits(k, h, len(s.keys) == 1) {
			found = append(found, k)
		}
	}
	return found
}

// name stands for an issuer in memory: what came under one's thumbprints is not
// for another's, and one owner's failure to ask is not another's.
func (i Issuer) name() string { return i.Owner + " " + i.URL + " " + strings.Join(i.Thumbprints, " ") }

func (v *Verifier) known(issuer Issuer) keySet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sets[issuer.name()]
}

// ask asks the issuer, once for all who wait. Who goes away does not end it.
func (v *Verifier) ask(ctx context.Context, issuer Issuer) (keySet, error) {
	answer := v.asks.DoChan(issuer.name(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
		defer cancel()
		return v.refresh(ctx, issuer), nil
	})
	select {
	case a := <-answer:
		return a.Val.(keySet), nil
	case <-ctx.Done():
		return keySet{}, fault.Hide(fault.Unavailable, ctx.Err(), "The request ended before the identity provider answered.")
	}
}

// refresh asks the issuer unless somebody just did, and remembers what came of it.
func (v *Verifier) refresh(ctx context.Context, issuer Issuer) keySet {
	set := v.known(issuer)
	if v.now().Sub(set.asked) < askInterval {
		return set
	}
	keys, err := v.fetch(ctx, issuer)
	set.asked, set.failure = v.now(), nil
	if err != nil {
		set.failure = unreachable(issuer, err)
	} else {
		set.keys, set.fetched = keys, set.asked
	}
	v.remember(issuer, set)
	return set
}

func (v *Verifier) fetch(ctx context.Context, issuer Issuer) ([]jose.JSONWebKey, error) {
	for _, room := range []*semaphore.Weighted{v.roomOf(issuer.Owner), v.room} {
		if err := room.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer room.Release(1)
	}
	document, err := v.source.KeySet(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return parseKeys(document)
}

func (v *Verifier) roomOf(owner string) *semaphore.Weighted {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rooms[owner] == nil {
		v.rooms[owner] = semaphore.NewWeighted(asksOfOwner)
	}
	return v.rooms[owner]
}

// unreachable says that an issuer's keys could not be had, and why as far as the
// source tells.
func unreachable(issuer Issuer, err error) error {
	why, told := fault.Message(err)
	if !told {
		why = "the service's log says why"
	}
	message := fmt.Sprintf("Couldn't retrieve verification key from your identity provider %.260s: %s. Please try again.", issuer.URL, why)
	return fault.Hide(fault.Unavailable, fmt.Errorf("%w: %w", ErrUnreachable, err), message)
}

// remember keeps a set; of too many, any may go.
func (v *Verifier) remember(issuer Issuer, set keySet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sets[issuer.name()] = set
	for other := range v.sets {
		if len(v.sets) <= maxIssuers {
			return
		}
		delete(v.sets, other)
	}
}
