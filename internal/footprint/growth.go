// Package footprint decides how much memory the process takes: how much garbage lies
// about, and what is given back when a burst of work is over.
package footprint

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapGrowth is how much garbage may lie on the heap before it is collected, in
// percent of what a collection has to look through, which is what it costs. What has
// no pointers, such as answers that are kept ready, is not looked through: it is most
// of what lives where much does, and is no reason to let garbage lie.
const heapGrowth = 350

// leastHeap is what the heap may come to before garbage is collected, whatever lives,
// in bytes. While little lives collections are short, but many slow more requests
// than few.
const leastHeap = 40 << 20

// mostGrowth is as much in percent where next to nothing lives: for each 100 Go lets
// the heap come to 4 MiB.
const mostGrowth = leastHeap / (4 << 20) * 100

// heapRoom is how much memory the service takes, beside what it is told to keep
// ready, before garbage is collected more often than heapGrowth says: bodies and
// answers of which 128 MiB each may be alive at once would else take several times that.
// It refuses nothing: who needs more gets it, and spends more time on collections.
const heapRoom = 640 << 20

// Grow sets heapGrowth and heapRoom for the rest of the process's life, unless the
// environment says otherwise. readCache is what is kept ready, in bytes.
//
// Source: https://pkg.go.dev/runtime#hdr-Environment_Variables
func Grow(readCache int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
		afterCollection(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapRoom + readCache)
	}
}

// collected is garbage at once, so that what follows a collection can begin with its
// end. It has a block of memory to itself, as what is smaller than 16 bytes has not.
type collected [64]byte

// afterCollection has Go's percentage, which was set, follow each collection.
func afterCollection(set int) { runtime.AddCleanup(new(collected), followHeap, set) }

// followHeap sets Go's percentage anew if heapGrowth is another one by now. That
// stops everything for a moment, so that small differences are let be.
func followHeap(set int) {
	if percent := lastCollection().growth(); percent < set*15/16 || percent > set*17/16 {
		debug.SetGCPercent(percent)
		set = percent
	}
	afterCollection(set)
}

// found is what a collection has found, in bytes.
type found struct {
	live    uint64 // in objects
	scanned uint64 // of these in what may have pointers
	roots   uint64 // stacks and variables
}

func lastCollection() found {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}, {Name: "/gc/scan/total:bytes"}}
	metrics.Read(s)
	live, scanned, all := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()
	return found{live, scanned, all - scanned}
}

// growth is heapGrowth, or what leastHeap allows for, in percent of what Go counts by:
// all that lives.
//
// Source: https://go.dev/doc/gc-guide#GOGC
func (f found) growth() int {
	lives := f.live + f.roots
	garbage := max(heapGrowth*(f.scanned+f.roots)/100, leastHeap-min(lives, leastHeap))
	percent := 100 * garbage / max(1, lives)
	return int(min(max(1, percent), mostGrowth))
}
