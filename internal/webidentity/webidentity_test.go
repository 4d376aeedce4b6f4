package webidentity_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwright/sealwright/internal/discovery/issuertest"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/webidentity"
)

// desk is a verifier of the tokens of one issuer, whose answers it counts.
type desk struct {
	*testing.T
	issuer *issuertest.Issuer
	clock  time.Time
	asked  atomic.Int64
	err    error
	*webidentity.Verifier
}

func open(t *testing.T) *desk {
	d := &desk{T: t, issuer: issuertest.New(t), clock: time.Unix(1_800_000_000, 0)}
	d.Verifier = webidentity.New(d, func() time.Time { return d.clock })
	return d
}

// KeySet implements [webidentity.Source].
func (d *desk) KeySet(context.Context, webidentity.Issuer) ([]byte, error) {
	d.asked.Add(1)
	return d.issuer.KeySet(), d.err
}

func (d *desk) token() string {
	return d.issuer.Token(d.clock, map[string]any{"sub": "robot", "aud": "app"})
}

func (d *desk) check(token string) error {
	d.Helper()
	t, err := webidentity.Parse(token)
	if err != nil {
		return err
	}
	_, err = d.Verify(d.Context(), t, webidentity.Issuer{URL: d.issuer.URL}, []string{"app"})
	return err
}

func (d *desk) want(err error, wanted error, asked int64) {
	d.Helper()
	if !errors.Is(err, wanted) || d.asked.Load() != asked {
		d.Fatalf("%v after %d questions, want %v after %d", err, d.asked.Load(), wanted, asked)
	}
}

// TestAnIssuerIsAskedSeldom: once for many tokens, anew for a key that is new, and
// not at the pace of those who make keys up.
func TestAnIssuerIsAskedSeldom(t *testing.T) {
	d := open(t)
	for range 5 {
		d.want(d.check(d.token()), nil, 1)
	}
	forged := func() string {
		return issuertest.Sign(t, jose.ES256, d.issuer.Private(), "made-up", `{"iss":"`+d.issuer.URL+`"}`)
	}
	for range 5 {
		d.want(d.check(forged()), webidentity.ErrInvalid, 1) // asked just now
	}
	d.clock = d.clock.Add(10 * time.Second)
	for range 5 {
		d.want(d.check(forged()), webidentity.ErrInvalid, 2)
		d.want(d.check(d.token()), nil, 2)
	}
	d.clock = d.clock.Add(10 * time.Second)
	old := d.token()
	d.issuer.Rotate(jose.ES384)
	d.want(d.check(d.token()), nil, 3)
	d.want(d.check(old), webidentity.ErrInvalid, 3) // its key is withdrawn
}

// TestKeysAgeOut: they are asked for anew after a quarter of an hour, and are good
// for an hour without an answer.
func TestKeysAgeOut(t *testing.T) {
	d := open(t)
	d.want(d.check(d.token()), nil, 1)
	d.clock = d.clock.Add(15 * time.Minute)
	d.want(d.check(d.token()), nil, 2)
	d.err = fault.Errorf(fault.Unavailable, "it sleeps")
	d.clock = d.clock.Add(30 * time.Minute)
	d.want(d.check(d.token()), nil, 3)
	d.want(d.check(d.token()), nil, 3)
	d.clock = d.clock.Add(30 * time.Minute)
	err := d.check(d.token())
	d.want(err, webidentity.ErrUnreachable, 4)
	if message, _ := fault.Message(err); !strings.Contains(message, "it sleeps") || fault.KindOf(err) != fault.Unavailable {
		t.Error(message)
	}
	d.want(d.check(d.token()), webidentity.ErrUnreachable, 4) // remembered
	d.err = nil
	d.clock = d.clock.Add(10 * time.Second)
	d.want(d.check(d.token()), nil, 5)
}

// TestManyWaitForOneAnswer: a hundred tokens at once ask once, and who goes away
// takes the answer from nobody.
func TestManyWaitForOneAnswer(t *testing.T) {
	issuer := issuertest.New(t)
	set := issuer.KeySet()
	clock := time.Unix(1_800_000_000, 0)
	token := issuer.Token(clock, map[string]any{"sub": "robot", "aud": "app"})
	synctest.Test(t, func(t *testing.T) {
		s := &slow{set: set, answer: make(chan struct{})}
		v := webidentity.New(s, func() time.Time { return clock })
		results := make(chan error, 100)
		gone, leave := context.WithCancel(t.Context())
		for n := range 100 {
			ctx := t.Context()
			if n == 0 {
				ctx = gone
			}
			go func() {
				parsed, err := webidentity.Parse(token)
				if err == nil {
					_, err = v.Verify(ctx, parsed, webidentity.Issuer{URL: issuer.URL}, []string{"app"})
				}
				results <- err
			}()
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		if err := <-results; fault.KindOf(err) != fault.Unavailable {
			t.Errorf("who left: %v", err)
		}
		close(s.answer)
		for range 99 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n := s.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestOneAccountsIssuersWaitForThemselves: however many issuers of an account do not
// answer, another's is asked at once.
func TestOneAccountsIssuersWaitForThemselves(t *testing.T) {
	issuer := issuertest.New(t)
	clock := time.Unix(1_800_000_000, 0)
	token := func(url string) webidentity.Token {
		issuer.URL = url
		parsed, err := webidentity.Parse(issuer.Token(clock, map[string]any{"sub": "robot", "aud": "app"}))
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	set, own, theirs := issuer.KeySet(), token("https://own.example"), []webidentity.Token{}
	for n := range 100 {
		theirs = append(theirs, token("https://slow.example/"+strconv.Itoa(n)))
	}
	synctest.Test(t, func(t *testing.T) {
		s := &slow{set: set, answer: make(chan struct{}), quick: "https://own.example"}
		v := webidentity.New(s, func() time.Time { return clock })
		for _, token := range theirs {
			go v.Verify(t.Context(), token, webidentity.Issuer{URL: token.Issuer(), Owner: "theirs"}, []string{"app"})
		}
		synctest.Wait()
		if n := s.asked.Load(); n != 4 {
			t.Errorf("%d questions at once", n)
		}
		begun := time.Now()
		_, err := v.Verify(t.Context(), own, webidentity.Issuer{URL: own.Issuer(), Owner: "ours"}, []string{"app"})
		if err != nil || time.Since(begun) != 0 {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		close(s.answer)
		synctest.Wait()
	})
}

type slow struct {
	quick  string // an issuer that answers at once
	set    []byte
	answer chan struct{}
	asked  atomic.Int64
}

func (s *slow) KeySet(_ context.Context, issuer webidentity.Issuer) ([]byte, error) {
	s.asked.Add(1)
	if issuer.URL != s.quick {
		<-s.answer
	}
	return s.set, nil
}

// sets is a source of one document.
type sets string

func (s sets) KeySet(context.Context, webidentity.Issuer) ([]byte, error) { return []byte(s), nil }

// TestKeysThatDoNotCount: symmetric ones, weak ones, those for encryption, private
// ones, and those of another algorithm, whatever their ids.
func TestKeysThatDoNotCount(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	issuer := issuertest.New(t)
	issuer.Rotate(jose.RS256)
	stranger := issuertest.New(t)
	stranger.Rotate(jose.RS256)
	payload := issuer.Token(now, map[string]any{"sub": "robot", "aud": "app"})
	public := func(change func(*jose.JSONWebKey)) string {
		k := jose.JSONWebKey{Key: issuer.Private().Public(), KeyID: issuer.KeyID()}
		change(&k)
		text, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, test := range map[string]struct {
		set  string
		good bool
	}{
		"the key":        {`{"keys":[` + public(func(*jose.JSONWebKey) {}) + `]}`, true},
		"among others":   {`{"keys":[{"kty":"new"},{},` + public(func(*jose.JSONWebKey) {}) + `]}`, true},
		"for encryption": {`{"keys":[` + public(func(k *jose.JSONWebKey) { k.Use = "enc" }) + `]}`, false},
		"another alg":    {`{"keys":[` + public(func(k *jose.JSONWebKey) { k.Algorithm = "RS512" }) + `]}`, false},
		"another id":     {`{"keys":[` + public(func(k *jose.JSONWebKey) { k.KeyID = "x" }) + `]}`, false},
		"a private key":  {`{"keys":[` + public(func(k *jose.JSONWebKey) { k.Key = issuer.Private() }) + `]}`, false},
		"a secret":       {`{"keys":[{"kty":"oct","kid":"` + issuer.KeyID() + `","k":"AAAA"}]}`, false},
		"a small key":    {`{"keys":[{"kty":"RSA","kid":"` + issuer.KeyID() + `","e":"AQAB","n":"` + strings.Repeat("_", 171) + `"}]}`, false},
		"the last of 4":  {`{"keys":[` + strings.Repeat(public(func(k *jose.JSONWebKey) { k.Key = stranger.Private().Public() })+",", 3) + public(func(*jose.JSONWebKey) {}) + `]}`, true},
		"one of many":    {`{"keys":[` + strings.Repeat(public(func(k *jose.JSONWebKey) { k.Key = stranger.Private().Public() })+",", 4) + public(func(*jose.JSONWebKey) {}) + `]}`, false},
		"among 1000":     {`{"keys":[` + strings.Repeat("{},", 999) + public(func(*jose.JSONWebKey) {}) + `]}`, true},
		"among too many": {`{"keys":[` + strings.Repeat("{},", 1000) + public(func(*jose.JSONWebKey) {}) + `]}`, false},
		"none":           {`{"keys":[]}`, false},
		"nothing":        {`{}`, false},
	} {
		v := webidentity.New(sets(test.set), func() time.Time { return now })
		parsed, err := webidentity.Parse(payload)
		if err == nil {
			_, err = v.Verify(t.Context(), parsed, webidentity.Issuer{URL: issuer.URL}, []string{"app"})
		}
		if (err == nil) != test.good || err != nil && !errors.Is(err, webidentity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEdgesOfTime: to the second, with five minutes for an issuer whose clock is
// ahead.
func TestEdgesOfTime(t *testing.T) {
	d := open(t)
	at := func(claims map[string]any) error {
		claims["sub"], claims["aud"] = "robot", "app"
		return d.check(d.issuer.Token(d.clock, claims))
	}
	now := d.clock.Unix()
	for name, test := range map[string]struct {
		claims map[string]any
		err    error
	}{
		"ends now":         {map[string]any{"exp": now}, webidentity.ErrExpired},
		"ends in a second": {map[string]any{"exp": now + 1}, nil},
		"ahead":            {map[string]any{"iat": now + 300, "nbf": now + 300, "exp": now + 400}, nil},
		"too far ahead":    {map[string]any{"iat": now + 301, "exp": now + 400}, webidentity.ErrInvalid},
		"not before":       {map[string]any{"nbf": now + 301}, webidentity.ErrInvalid},
		"no nbf":           {map[string]any{"nbf": nil}, nil},
		"a bad nbf":        {map[string]any{"nbf": "now"}, webidentity.ErrInvalid},
		"a fraction":       {map[string]any{"exp": float64(now) + 0.5}, webidentity.ErrInvalid},
	} {
		if err := at(test.claims); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", name, err, test.err)
		}
	}
}

// FuzzToken: no bytes make a reader fail, and none but the issuer's begin anything.
func FuzzToken(f *testing.F) {
	issuer := issuertest.New(f)
	now := time.Unix(1_800_000_000, 0)
	good := issuer.Token(now, issuertest.GitHub("app", "octo-org/app", "refs/heads/main"))
	header, _, _ := strings.Cut(good, ".")
	for _, seed := range []string{good, header + "..", "..", "a.b.c", strings.Replace(good, ".", "..", 1), good + "\n", "{}"} {
		f.Add(seed)
	}
	v := webidentity.New(sets(issuer.KeySet()), func() time.Time { return now })
	parts := func(token string) string { return token[:strings.LastIndexByte(token, '.')] }
	f.Fuzz(func(t *testing.T, token string) {
		parsed, err := webidentity.Parse(token)
		if err != nil {
			if !errors.Is(err, webidentity.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if _, err = v.Verify(t.Context(), parsed, webidentity.Issuer{URL: issuer.URL}, []string{"app"}); err == nil {
			if clean := strings.NewReplacer("\n", "", "\r", "").Replace(token); parts(clean) != parts(good) {
				t.Fatalf("%q was believed", token)
			}
		}
	})
}
