package sigv4

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// cacheGeneration is how many derived keys a generation of the cache holds.
const cacheGeneration = 1024

// keyCache remembers derived signing keys: four of the five HMACs of a
// signature. It keeps two generations, so it is bounded and what is in use
// stays. A new day begins a new generation too, so a derived key, which is good
// for its day only, is let go of with the day after. No secret is kept. The zero
// value is ready.
type keyCache struct {
	mu           sync.Mutex
	salt         [sha256.Size]byte // of this process, made when first used
	day          string            // the latest of the keys'
	young, old   map[cacheKey][sha256.Size]byte
	hits, misses uint64
}

// cacheKey has the secret in it, as a salted hash: a key that was derived from
// another secret is never found.
type cacheKey struct {
	keyID, date, region, service string
	secret                       [sha256.Size]byte
}

// get returns the signing key of a signature's scope for a secret.
func (c *keyCache) get(s *Signature, secret string) [sha256.Size]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := cacheKey{s.KeyID, s.date, s.region, s.service, c.hash(secret)}
	key, young := c.young[k]
	old := false
	if !young {
		key, old = c.old[k]
	}
	if young || old {
		c.hits++
	} else {
		key = signingKey(s, secret)
		c.misses++
	}
	if !young {
		c.put(k, key)
	}
	return key
}

// hash stands for a secret among the keys.
func (c *keyCache) hash(secret string) [sha256.Size]byte {
	if c.young == nil {
		rand.Read(c.salt[:]) // never fails (crypto/rand, Go 1.24)
	}
	return sha256.Sum256(append(c.salt[:len(c.salt):len(c.salt)], secret...))
}

func (c *keyCache) counts() (hits, misses uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.misses
}

func (c *keyCache) put(k cacheKey, key [sha256.Size]byte) {
	if c.young == nil || len(c.young) >= cacheGeneration || k.date > c.day {
		c.young, c.old, c.day = make(map[cacheKey][sha256.Size]byte), c.young, max(c.day, k.date)
	}
	c.young[k] = key
}
