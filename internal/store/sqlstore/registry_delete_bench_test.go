package sqlstore_test

import (
	"context"
	"testing"
	"time"
)

// BenchmarkDeleteManifest deletes an image with 50,000 signatures, without tags
// and with one each, and then sweeps their rows in steps. It reports what the
// deletion takes, the longest step, and how many signatures a second go.
func BenchmarkDeleteManifest(b *testing.B) {
	b.Run("untagged", func(b *testing.B) { deleteMany(b, false) })
	b.Run("tagged", func(b *testing.B) { deleteMany(b, true) })
}

func deleteMany(b *testing.B, tagged bool) {
	onEachB(b, func(n *bench) {
		n.tagged = tagged
		n.putMany(50_000, 64)
		begun := time.Now()
		gone, err := n.db.Manifests().DeleteManifest(context.Background(), n.key, n.subject, n.event())
		n.must(err)
		n.ReportMetric(float64(time.Since(begun).Microseconds())/1000, "ms/delete")
		if len(gone) != 50_001 {
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
