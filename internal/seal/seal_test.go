package seal

import (
	"bytes"
	"errors"
	"testing"
)

func newSealer(t *testing.T) *Sealer {
	t.Helper()
	s, err := New(NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpensOnlyWhatItSealedUnderThatName(t *testing.T) {
	s, other := newSealer(t), newSealer(t)
	secret := []byte("a secret")
	sealed := s.Seal("access-key/A", secret)
	if bytes.Contains(sealed, secret) {
		t.Fatal("the sealed value shows the secret")
	}
	if got, err := s.Open("access-key/A", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := s.Open("access-key/B", sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("another name: %v", err)
	}
	if _, err := other.Open("access-key/A", sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("another key: %v", err)
	}
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		if _, err := s.Open("access-key/A", flipped); !errors.Is(err, ErrOpen) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := s.Open("access-key/A", sealed[:n]); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if bytes.Equal(sealed, s.Seal("access-key/A", secret)) {
		t.Error("sealing twice gives the same bytes: the nonce repeats")
	}
}

func TestKeysAreToldApart(t *testing.T) {
	key := NewKey()
	a, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(" " + key + "\n\n")
	if err != nil || a.ID() != b.ID() {
		t.Errorf("the same key with white space: %v", err)
	}
	if a.ID() == newSealer(t).ID() {
		t.Error("two keys with one ID")
	}
}

func TestNotAKey(t *testing.T) {
	for _, text := range []string{"", "x", keyPrefix, keyPrefix + "AAAA", keyPrefix + "!", NewKey()[1:], NewKey() + "x"} {
		if _, err := New(text); !errors.Is(err, ErrKey) {
			t.Errorf("New(%q): %v", text, err)
		}
	}
}
