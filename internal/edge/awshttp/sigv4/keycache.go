package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// cacheGeneration is how many derived keys a generation of the cache holds.
const cacheGeneration = 1024

// keyCache remembers derived signing keys: four of the five HMACs of a
// signature. It keeps two generations, so it is bounded and what is in use
// stays. The zero value is ready.
type keyCache struct {
	mu           sync.Mutex
	young, old   map[cacheKey]derivedKey
	hits, misses uint64
}

type cacheKey struct{ keyID, date, region, service string }

// derivedKey carries the secret it was derived from: an entry is good for that
// secret only.
type derivedKey struct {
	secret string
	key    [sha256.Size]byte
}

// get returns the signing key of a signature's scope for a secret.
func (c *keyCache) get(s *Signature, secret string) [sha256.Size]byte {
	k := cacheKey{s.KeyID, s.date, s.region, s.service}
	c.mu.Lock()
	defer c.mu.Unlock()
	d, young := c.young[k]
	if !young {
		d = c.old[k]
	}
	if subtle.ConstantTimeCompare([]byte(d.secret), []byte(secret)) != 1 || secret == "" {
		d, young = derivedKey{secret, signingKey(s, secret)}, false
		c.misses++
	} else {
		c.hits++
	}
	if !young {
		c.put(k, d)
	}
	return d.key
}

func (c *keyCache) counts() (hits, misses uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses
}

func (c *keyCache) put(k cacheKey, d derivedKey) {
	if len(c.young) >= cacheGeneration || c.young == nil {
		c.young, c.old = make(map[cacheKey]derivedKey), c.young
	}
	c.young[k] = d
}
