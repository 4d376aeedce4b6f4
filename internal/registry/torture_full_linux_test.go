package registry_test

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/peertest"
)

// TestTortureOnAFullDisk is TestTorture with no fault made up: records and blobs lie
// on a small disk that is filled and emptied again and again, so that transactions,
// uploads and syncs fail where the kernel has them fail. One process has the disk
// alone, or two share it. Only root may mount one.
func TestTortureOnAFullDisk(t *testing.T) {
	t.Run("alone", func(t *testing.T) { tortureOnAFullDisk(t, true) })
	t.Run("shared", func(t *testing.T) { tortureOnAFullDisk(t, false) })
}

func tortureOnAFullDisk(t *testing.T, alone bool) {
	disk := peertest.SmallDisk(t, "32m")
	at := newSite(filepath.Join(disk, "records.db"), disk)
	at.alone = alone
	a := openPlace(t, at, never)
	places := []*place{a}
	if !alone {
		places = append(places, openPlace(t, at, never))
	}
	filler := filepath.Join(disk, "filler")
	list := torturers("client ", places, nil)
	var all sync.WaitGroup
	for i, c := range list {
		all.Go(func() {
			for n := range acts {
				switch {
				case i == 0 && n%20 == 10:
					fill(filler)
				case i == 0 && n%20 == 0:
					os.Remove(filler)
				}
				c.act(t.Context())
			}
		})
	}
	all.Wait()
	os.Remove(filler)
	held, full := 0, 0
	for _, c := range list {
		for _, m := range c.held {
			a.holds(m)
		}
		held, full = held+len(c.held), full+c.full
	}
	t.Logf("%d manifests held, %d acts refused for want of room", held, full)
	if held == 0 || full == 0 {
		t.Fatal("that is no test")
	}
	a.check(t)
	a.nothingLeaks()
}

// fill writes a file until the disk is full.
func fill(path string) {
	f, err := os.Create(path)
	if err != nil {
		return // it is full
	}
	defer f.Close()
	zeros, err := os.Open("/dev/zero")
	if err != nil {
		return
	}
	defer zeros.Close()
	io.Copy(f, zeros)
}
