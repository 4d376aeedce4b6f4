// Package recall remembers answers for as long as the revision they were made
// at still stands.
//
// A revision is a number that is another one after any change of what the
// answer was made from. Whoever recalls reads the revision first, in the very
// request it answers; then the answer from memory is the one that would be made
// now. Whoever makes an answer reads the revision before it reads anything
// else: a change in between leaves the answer under a revision that will not
// come again.
package recall

import "sync"

// Memory holds answers up to a number of bytes, and lets go of any when there
// are more. It is safe for concurrent use. The zero Memory holds nothing.
type Memory[K comparable, V any] struct {
	limit int64

	mu      sync.Mutex
	answers map[K]answer[V]
	held    int64
	hits    uint64
	misses  uint64
}

type answer[V any] struct {
	value    V
	revision uint64
	size     int64
	lives    int8 // how many more times it may age
}

// overhead is what an answer takes beside what its maker counted: the places in
// the map, its key and headers, roughly.
const overhead = 512

// New makes a Memory of at most limit bytes.
func New[K comparable, V any](limit int64) *Memory[K, V] {
	return &Memory[K, V]{limit: limit, answers: map[K]answer[V]{}}
}

// Get returns the answer to key if it was made at this revision. It is shared:
// the caller must not change what it refers to.
func (m *Memory[K, V]) Get(key K, revision uint64) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.answers[key]; ok && a.revision == revision {
		if m.hits++; a.lives < lives {
			a.lives = lives
			m.answers[key] = a
		}
		return a.value, true
	}
	m.misses++
	var none V
	return none, false
}

// Put remembers the answer to key made at a revision; size is the bytes that
// key and value refer to. One that is larger than an eighth of what may be held
// is not remembered, since it would drive out too much.
func (m *Memory[K, V]) Put(key K, revision uint64, value V, size int64) {
	if size += overhead; size > m.limit/8 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held += size - m.answers[key].size
	m.answers[key] = answer[V]{value, revision, size, lives}
	for other, a := range m.answers { // in no order: any may go
		if m.held <= m.limit {
			return
		}
		delete(m.answers, other)
		m.held -= a.size
	}
}

// lives is how often an answer may age that nobody asks for.
const lives = 2

// Age lets go of all answers that were neither asked for nor made since the last
// Age but one, and returns how many bytes those were.
func (m *Memory[K, V]) Age() (bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, a := range m.answers {
		if a.lives--; a.lives >= 0 {
			m.answers[key] = a
			continue
		}
		delete(m.answers, key)
		bytes += a.size
	}
	m.held -= bytes
	return bytes
}

// Stats is what a Memory has done.
type Stats struct {
	Hits, Misses uint64 // of Get
	Held         int64  // bytes
}

// Stats returns what the memory has done.
func (m *Memory[K, V]) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stats{m.hits, m.misses, m.held}
}
