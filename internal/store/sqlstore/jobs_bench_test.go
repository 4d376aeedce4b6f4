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

// manyJobs is how many jobs there are at most: SEALWRIGHT_BENCH_JOBS, or what can
// be made in a moment.
func manyJobs(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("SEALWRIGHT_BENCH_JOBS"))
	if err != nil && os.Getenv("SEALWRIGHT_BENCH_JOBS") != "" {
		b.Fatal(err)
	}
	return max(n, 10_000)
}

// BenchmarkAmongJobs does what a signing service does most, beside few jobs and
// beside many. What grows depends on what is stored.
func BenchmarkAmongJobs(b *testing.B) {
	many := manyJobs(b)
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
				for list, f := range map[string]signing.JobFilter{
					"newest": {}, "requestedBy": {RequestedBy: "arn:aws:iam::111122223333:root"}, "nobody": {RequestedBy: "arn:aws:iam::111122223333:user/nobody"},
				} {
					f.Account, f.Limit = account, 26
					b.Run("list-"+list, func(b *testing.B) {
						defer reportCPU(b, cpu())
						for b.Loop() {
							if _, _, err := s.db.Jobs().Jobs(b.Context(), f); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
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
