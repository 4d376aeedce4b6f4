package sqlstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
)

// BenchmarkDeleteManifest deletes an image with 50,000 signatures, without tags
// and with one each, one with 25,000 that are signed themselves, and one that 50,000
// artifacts were told to refer to; and then sweeps
// their rows in steps. It reports what the deletion takes, the longest step, and how
// many rows a second go.
func BenchmarkDeleteManifest(b *testing.B) {
	b.Run("untagged", func(b *testing.B) {
		deleteMany(b, 50_001, func(n *bench) { n.putMany(50_000, 64) })
	})
	b.Run("tagged", func(b *testing.B) {
		deleteMany(b, 50_001, func(n *bench) {
			n.tagged = true
			n.putMany(50_000, 64)
		})
	})
	b.Run("signed", func(b *testing.B) {
		deleteMany(b, 50_001, func(n *bench) { n.chainMany(25_000) })
	})
	b.Run("told", func(b *testing.B) {
		deleteMany(b, 1, func(n *bench) { n.tellMany(50_000) })
	})
}

// chainMany saves signatures of the image, and one of each of these.
func (n *bench) chainMany(count int) {
	for range count / 1000 {
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { n.put(n.put(n.subject)) })
		}
		wg.Wait()
	}
}

// tellMany saves artifacts without a subject, and says that they refer to it.
func (n *bench) tellMany(count int) {
	for range count / 1000 {
		list := make([]ociref.Digest, 1000)
		var wg sync.WaitGroup
		for i := range list {
			wg.Go(func() { list[i] = n.put("") })
		}
		wg.Wait()
		n.must(n.db.Manifests().PutReferrals(context.Background(), n.key, n.subject, list, n.event()))
	}
}

func deleteMany(b *testing.B, goes int, put func(n *bench)) {
	onEachB(b, func(n *bench) {
		put(n)
		begun := time.Now()
		gone, err := n.db.Manifests().DeleteManifest(context.Background(), n.key, n.subject, n.event())
		n.must(err)
		n.ReportMetric(float64(time.Since(begun).Microseconds())/1000, "ms/delete")
		if len(gone) != goes {
			n.Fatal(len(gone))
		}
		longest, swept := time.Duration(0), time.Now()
		for {
			begun := time.Now()
			rows, err := n.db.Manifests().Sweep(context.Background(), 500)
			n.must(err)
			if longest = max(longest, time.Since(begun)); rows == 0 {
				break
			}
		}
		n.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest-step")
		n.ReportMetric(50_000/time.Since(swept).Seconds(), "swept/s")
	})
}
