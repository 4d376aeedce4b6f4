package signing

import (
	"sync"
	"sync/atomic"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/envelope"
)

// chainCache keeps the current leaf's chain ready to be written, so that the
// certificates are encoded once per leaf and not for every signature.
type chainCache struct {
	last atomic.Pointer[readyChain]
}

type readyChain struct {
	leafID string
	chain  *envelope.Chain
}

func (c *chainCache) of(leaf *authority.Signer) (*envelope.Chain, error) {
	if ready := c.last.Load(); ready != nil && ready.leafID == leaf.ID {
		return ready.chain, nil
	}
	chain, err := envelope.NewChain(leaf.Chain())
	if err != nil {
		return nil, err
	}
	c.last.Store(&readyChain{leaf.ID, chain})
	return chain, nil
}

// ProfileCache counts the signatures whose profile was remembered, and those for
// which it had to be read.
func (s *Service) ProfileCache() (hits, misses uint64) {
	return s.known.hits.Load(), s.known.misses.Load()
}

// maxKnown bounds the profiles a process remembers.
const maxKnown = 1024

// profileCache remembers profiles that were Active and the newest of their name
// when last seen. That may be over, by another replica's doing: what is made
// from it must be checked in the store before it counts, as RecordJob does. It
// saves signing one read.
type profileCache struct {
	mu           sync.RWMutex
	known        map[ProfileKey]Profile
	hits, misses atomic.Uint64
}

func (c *profileCache) get(key ProfileKey) (Profile, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p, ok := c.known[key]
	if ok {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
	return p, ok
}

func (c *profileCache) put(p Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxKnown {
		c.known = make(map[ProfileKey]Profile) // simpler than choosing whom to forget, and as rare
	}
	c.known[p.ProfileKey] = p
}

func (c *profileCache) forget(key ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, key)
}
