package sqlstore_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// benchJobs is how many jobs a benchmark has: SEALWRIGHT_BENCH_JOBS, or as many as
// it takes by default.
func benchJobs(b *testing.B, byDefault int) int {
	text := os.Getenv("SEALWRIGHT_BENCH_JOBS")
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkAmongJobs does what a signing service does most, beside few jobs and
// beside many. What grows depends on what is stored. For lists see BenchmarkLists.
func BenchmarkAmongJobs(b *testing.B) {
	many := benchJobs(b, 10_000)
	for name, open := range map[string]func(testing.TB) *sqlstore.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		for _, jobs := range []int{100, many} {
			b.Run(fmt.Sprintf("%s/jobs=%d", name, jobs), func(b *testing.B) {
				s := newSigner(b, open(b))
				first, err := s.record(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if err := s.multiply(first, jobs-1); err != nil {
					b.Fatal(err)
				}
				b.Run("record", func(b *testing.B) { benchmarkRecord(b, s, 64) })
				b.Run("revocation", func(b *testing.B) { benchmarkFacts(b, s, jobs) })
			})
		}
	}
}

// benchmarkFacts asks of jobs all over the table.
func benchmarkFacts(b *testing.B, s *signer, jobs int) {
	hashes := []string{s.leaf.Hash, strings.Repeat("b", 192), strings.Repeat("a", 192)}
	n := 0
	defer reportCPU(b, cpu())
	for b.Loop() {
		n += 7919
		key := signing.JobKey{Account: account, ID: fmt.Sprintf(copyPrefix+"%012d", 1+n%(jobs-1))}
		facts, err := s.db.Jobs().RevocationFacts(b.Context(), s.key, "0123456789", key, hashes)
		if err != nil || facts.Job == nil {
			b.Fatal(key, facts.Job, err)
		}
	}
}

func reportCPU(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

const copyPrefix = "00000000-0000-7000-8000-"

// multiply makes copies of a job and of its journal row, with IDs and times of
// their own.
func (s *signer) multiply(first string, copies int) error {
	const step = 50_000
	for done := 0; done < copies; done += step {
		if err := s.db.Multiply(account, first, copyPrefix, done+1, min(done+step, copies)); err != nil {
			return err
		}
	}
	return s.db.Analyze()
}
