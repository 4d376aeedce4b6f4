package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/sealwright/sealwright/internal/leader"
)

// testBeats: a beat is replaced by who knows it.
func testBeats(s *shop) {
	beat := func(task string) leader.Beat {
		b, err := s.Beat(ctx, task)
		s.must(err)
		return b
	}
	swap := func(was, next leader.Beat) bool {
		swapped, err := s.SwapBeat(ctx, "task", was, next)
		s.must(err)
		return swapped
	}
	const most = leader.Beat(1<<63 - 1)
	same(s, beat("task"), 0)
	same(s, swap(1, 2), false)
	same(s, beat("task"), 0)
	same(s, swap(0, most), true)
	same(s, swap(0, 3), false)
	same(s, swap(2, 3), false)
	same(s, beat("task"), most)
	same(s, beat("other"), 0)
	same(s, swap(most, 0), true)
	same(s, beat("task"), 0)
	same(s, swap(0, 4), true)
}

// raceLeaders: of those who replace the same beat, one does.
func raceLeaders(s *shop) {
	for was := range leader.Beat(20) {
		var swapped atomic.Int32
		s.must(errors.Join(atOnce(4, func(int) error {
			yes, err := s.SwapBeat(ctx, "task", was, was+1)
			if yes {
				swapped.Add(1)
			}
			return err
		})...))
		same(s, swapped.Load(), 1)
	}
}
