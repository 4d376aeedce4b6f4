package recall_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/recall"
)

func TestAnAnswerLastsAsLongAsItsRevision(t *testing.T) {
	m := recall.New[string, int](1 << 20)
	m.Put("a", 7, 1, 10)
	if v, ok := m.Get("a", 7); !ok || v != 1 {
		t.Errorf("at its revision: %d, %v", v, ok)
	}
	for _, revision := range []uint64{6, 8, 0} {
		if _, ok := m.Get("a", revision); ok {
			t.Errorf("at revision %d it is still there", revision)
		}
	}
	m.Put("a", 8, 2, 10)
	if v, ok := m.Get("a", 8); !ok || v != 2 {
		t.Errorf("at the next: %d, %v", v, ok)
	}
	if _, ok := m.Get("b", 8); ok {
		t.Error("what was never there was found")
	}
	if got := m.Stats(); got.Hits != 2 || got.Misses != 4 {
		t.Errorf("%+v, want 2 hits and 4 misses", got)
	}
}

func TestNoMoreIsHeldThanTheLimit(t *testing.T) {
	const limit = 100_000
	m := recall.New[int, int](limit)
	for i := range 10_000 {
		m.Put(i%3000, 1, i, int64(i%5000))
		if held := m.Stats().Held; held > limit || held < 0 {
			t.Fatalf("after %d: %d bytes are held", i, held)
		}
	}
	if m.Stats().Held < limit/2 {
		t.Errorf("%d bytes are held of %d", m.Stats().Held, limit)
	}
}

func TestAnAnswerThatWouldDriveOutTooMuchIsNotHeld(t *testing.T) {
	m := recall.New[string, int](1 << 20)
	m.Put("large", 1, 1, 1<<20)
	if _, ok := m.Get("large", 1); ok || m.Stats().Held != 0 {
		t.Errorf("found: %v, %d bytes held", ok, m.Stats().Held)
	}
	none := recall.Memory[string, int]{}
	none.Put("a", 1, 1, 0)
	if _, ok := none.Get("a", 1); ok {
		t.Error("the zero Memory holds something")
	}
}

func TestAgeLetsGoOfWhatNobodyAsksFor(t *testing.T) {
	m := recall.New[string, int](1 << 20)
	m.Put("asked", 1, 1, 100)
	m.Put("once", 1, 1, 1000)
	for range 2 {
		m.Get("asked", 1)
		m.Get("once", 2) // another answer
		if bytes := m.Age(); bytes != 0 {
			t.Errorf("%d bytes went of what is not old", bytes)
		}
	}
	m.Get("asked", 1)
	held := m.Stats().Held
	if bytes := m.Age(); bytes < 1000 || m.Stats().Held != held-bytes {
		t.Errorf("%d bytes went of %d, %d are left", bytes, held, m.Stats().Held)
	}
	if _, ok := m.Get("once", 1); ok {
		t.Error("what nobody asked for is there")
	}
	if _, ok := m.Get("asked", 1); !ok {
		t.Error("what was asked for is gone")
	}
	for range 3 {
		m.Age()
	}
	if held := m.Stats().Held; held != 0 {
		t.Errorf("%d bytes are held, and nobody asks", held)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := recall.New[string, string](64 << 10)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				key, revision := fmt.Sprint(i%97), uint64(i/100)
				want := fmt.Sprint(key, "@", revision)
				if v, ok := m.Get(key, revision); ok && v != want {
					t.Errorf("%d: %s, want %s", g, v, want)
				}
				m.Put(key, revision, want, int64(len(want)))
			}
		})
	}
	all.Wait()
}
