package sigv4

import (
	"fmt"
	"strings"
	"testing"
)

// TestKeyCache shows that the cache stays bounded, that an entry is good for its
// secret only, and that no secret is in it.
func TestKeyCache(t *testing.T) {
	var c keyCache
	s := &Signature{KeyID: "AKIA", date: "20260301", region: "us-east-1", service: "signer"}
	first := c.get(s, "secret one")
	if c.get(s, "secret two") == first || c.get(s, "secret one") != first || first != signingKey(s, "secret one") {
		t.Error("the cache mixes secrets up")
	}
	if hits, misses := c.counts(); hits != 1 || misses != 2 {
		t.Errorf("%d hits and %d misses, want 1 and 2", hits, misses)
	}
	if strings.Contains(fmt.Sprintf("%s", c.young), "secret one") {
		t.Error("the cache holds a secret")
	}
	for i := range 5 * cacheGeneration {
		c.get(&Signature{KeyID: string(rune(i)), date: "20260301"}, "secret")
	}
	if n := len(c.young) + len(c.old); n > 2*cacheGeneration {
		t.Errorf("the cache holds %d keys", n)
	}
}

// TestKeyCacheForgetsDays: the keys of a day are gone when the day after the next
// begins, and a late request of an old day changes nothing.
func TestKeyCacheForgetsDays(t *testing.T) {
	var c keyCache
	of := func(day string) *Signature { return &Signature{KeyID: "AKIA", date: day} }
	held := func(day string) (n int) {
		for k := range c.young {
			n += strings.Count(k.date, day)
		}
		for k := range c.old {
			n += strings.Count(k.date, day)
		}
		return n
	}
	c.get(of("20260301"), "secret")
	c.get(of("20260302"), "secret")
	if held("20260301") != 1 {
		t.Error("yesterday's key is gone, though requests of the last minutes may need it")
	}
	c.get(of("20260301"), "secret")
	c.get(of("20260303"), "secret")
	c.get(of("20260304"), "secret")
	if held("20260301") != 0 || held("20260302") != 0 || held("20260304") != 1 {
		t.Errorf("held: %v %v", c.young, c.old)
	}
}
