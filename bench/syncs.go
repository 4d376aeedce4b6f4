package main

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sealwright/sealwright/bench/internal/stat"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// addSyncs adds the tail of synced writes to the disk that has the service's data.
func (b *bench) addSyncs() error {
	took, err := syncedWrites(b.dir, b.duration/2)
	if err != nil {
		return err
	}
	b.table.Add(table.Measurement{
		Work: "a synced write of 4 KiB: p99", Unit: table.Seconds, Value: stat.Quantile(took, 0.99).Seconds(),
		Beside: "its p50", Limit: stat.Quantile(took, 0.5).Seconds(),
	})
	return nil
}

// syncPause is from the end of one synced write to the next.
const syncPause = 500 * time.Microsecond

// syncedWrites writes 4 KiB to one place of a file in dir and syncs it, again and
// again, and returns how long each took, in ascending order. It is what the disk
// takes to make anything durable, and cannot be answered before.
func syncedWrites(dir string, d time.Duration) (took []time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "synced"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(syncPause) {
		begin := time.Now()
		if _, err := f.WriteAt(make([]byte, 4<<10), 0); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took, nil
}
