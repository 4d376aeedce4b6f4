package sqlstore_test

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecordJob measures durable signing jobs, by how many are under way.
// cpu-µs/op is of this process: all of it for SQLite, the client's for PostgreSQL.
func BenchmarkRecordJob(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *sqlstore.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		for _, callers := range []int{1, 64} {
			b.Run(name+"/callers="+map[int]string{1: "1", 64: "64"}[callers], func(b *testing.B) {
				benchmarkRecord(b, newSigner(b, open(b)), callers)
			})
		}
	}
}

func benchmarkRecord(b *testing.B, s *signer, callers int) {
	before := cpu()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, callers)
	for range callers {
		go func() {
			for left.Add(-1) >= 0 {
				if _, err := s.record(context.Background()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	reportCPU(b, before)
}

// BenchmarkRevocationFacts measures what GetRevocationStatus asks.
func BenchmarkRevocationFacts(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *sqlstore.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		b.Run(name, func(b *testing.B) {
			s := newSigner(b, open(b))
			id, err := s.record(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			hashes := []string{s.leaf.Hash, strings.Repeat("b", 192), strings.Repeat("a", 192)}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.db.Jobs().RevocationFacts(context.Background(), s.key, "0123456789", signing.JobKey{Account: account, ID: id}, hashes); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
