package sqlstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// bench is a repository with one image, to which signatures are put.
type bench struct {
	*testing.B
	db      *sqlstore.DB
	key     registry.Key
	blob    ociref.Digest
	subject ociref.Digest
	tagged  bool // put gives each a tag
	serial  atomic.Int64
}

func newBench(b *testing.B, db *sqlstore.DB) *bench {
	n := &bench{B: b, db: db, key: registry.Key{Account: "111122223333", Name: "team/app"}, blob: ociref.DigestOf(ociref.SHA256, []byte("{}"))}
	ctx := context.Background()
	n.must(db.Repositories().CreateRepository(ctx, registry.Repository{Key: n.key, Region: "us-east-1", Mutability: registry.Mutable, CreatedAt: time.Now()}, n.event()))
	n.must(db.Links().LinkBlob(ctx, n.key, registry.Blob{Digest: n.blob, Size: 2}, n.event()))
	n.subject = n.put("")
	return n
}

func (n *bench) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *bench) event() journal.Event {
	about := journal.Subject{Account: arn.AccountID(n.key.Account), Region: "us-east-1"}
	return journal.New(context.Background(), time.Now(), journal.SourceECR, "PutImage", about, nil)
}

// put saves an artifact about a subject, with one tag if it has none.
func (n *bench) put(subject ociref.Digest) ociref.Digest {
	content := fmt.Appendf(nil, `{"schemaVersion":2,"serial":%d,"padding":"%0600d"}`, n.serial.Add(1), 0)
	m := registry.Manifest{Key: n.key, Digest: ociref.DigestOf(ociref.SHA256, content), MediaType: registry.MediaTypeImage,
		ArtifactType: "application/vnd.cncf.notary.signature", Subject: subject, Content: content, ContentSize: int64(len(content)),
		Blobs: []ociref.Digest{n.blob}, PushedAt: time.Now(), Annotations: map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": `["0000000000000000000000000000000000000000000000000000000000000000"]`}}
	var tags []ociref.Tag
	if subject == "" {
		tags = []ociref.Tag{"latest"}
	} else if n.tagged {
		tags = []ociref.Tag{ociref.Tag("sig-" + m.Digest.Hex())}
	}
	if _, err := n.db.Manifests().PutManifest(context.Background(), m, tags, registry.Rules{MaxImages: 1 << 40}, n.event()); err != nil {
		n.Error(err)
	}
	return m.Digest
}

// putMany saves count signatures from so many goroutines.
func (n *bench) putMany(count, goroutines int) {
	var left atomic.Int64
	left.Store(int64(count))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				n.put(n.subject)
			}
		})
	}
	wg.Wait()
}

// onEachB runs a benchmark on SQLite and on PostgreSQL.
func onEachB(b *testing.B, run func(n *bench)) {
	b.Run("sqlite", func(b *testing.B) { run(newBench(b, openSQLite(b))) })
	b.Run("postgres", func(b *testing.B) { run(newBench(b, openPostgres(b))) })
}

// BenchmarkPutManifest is the push of a signature onto one image: manifest,
// blob reference and journal row, durable.
func BenchmarkPutManifest(b *testing.B) {
	for _, goroutines := range []int{1, 16} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			onEachB(b, func(n *bench) {
				n.ResetTimer()
				n.putMany(n.N, goroutines)
				n.ReportMetric(float64(n.N)/n.Elapsed().Seconds(), "puts/s")
			})
		})
	}
}

// BenchmarkReferrers is a page of a thousand, in a repository that holds a
// thousand and one that holds twenty thousand.
func BenchmarkReferrers(b *testing.B) {
	for _, held := range []int{1_000, 20_000} {
		b.Run(fmt.Sprint(held), func(b *testing.B) {
			onEachB(b, func(n *bench) {
				n.putMany(held, 64)
				for _, types := range [][]string{nil, {"application/vnd.cncf.notary.signature"}} {
					n.Run(fmt.Sprint(len(types), "types"), func(b *testing.B) {
						for b.Loop() {
							page, _, err := n.db.Manifests().Referrers(context.Background(), n.key, n.subject, registry.ReferrerFilter{ArtifactTypes: types, Limit: 1000})
							if err != nil || len(page) != 1000 {
								b.Fatal(len(page), err)
							}
						}
					})
				}
			})
		})
	}
}
