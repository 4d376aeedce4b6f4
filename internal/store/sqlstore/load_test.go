package sqlstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Load is many signing jobs, as years of signing leave them, put into the tables
// without signing anything.
type Load struct {
	Account, Profile, Version, Certificate string
	Jobs                                   int
	From, To                               time.Time // of the jobs, evenly
	Validity                               time.Duration
	Journal                                bool // a row of the journal for each, too
}

// loadBatch is how many rows a statement has: PostgreSQL takes 65,535 parameters,
// and SQLite's driver looks for each among all.
func (db *DB) loadBatch() int {
	if _, lite := db.engine.(*sqliteEngine); lite {
		return 5
	}
	return 500
}

// Load fills the tables. One job in a thousand is revoked, one in a thousand is
// invoked by another account, and a hundred roles take turns to ask.
func (db *DB) Load(t testing.TB, l Load) {
	t.Helper()
	step := l.To.Sub(l.From) / time.Duration(max(l.Jobs, 1))
	const transaction = 10_000
	batch := db.loadBatch()
	for from := 0; from < l.Jobs; from += transaction {
		err := db.write(context.Background(), func(tx querier) error {
			for i := from; i < min(from+transaction, l.Jobs); i += batch {
				if err := l.insert(tx, i, min(batch, l.Jobs-i), step); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	db.analyze(t)
}

// analyze has PostgreSQL know its tables, as it does by itself in time.
func (db *DB) analyze(t testing.TB) {
	t.Helper()
	if _, lite := db.engine.(*sqliteEngine); lite {
		return
	}
	if err := db.write(context.Background(), func(tx querier) error {
		_, err := tx.exec(`ANALYZE`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (l Load) insert(tx querier, first, n int, step time.Duration) error {
	jobs, entries := &where{}, &where{}
	for i := first; i < first+n; i++ {
		at := l.From.Add(time.Duration(i) * step)
		id := idAt(at, i)
		invoker, by, revoked := l.Account, fmt.Sprintf("arn:aws:sts::%s:assumed-role/ci-%02d/session", l.Account, i%100), int64(0)
		if i%1000 == 500 {
			invoker = "444455556666"
		}
		if i%1000 == 999 {
			revoked = micros(at)
		}
		jobs.and(`(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, l.Account, id, "us-east-1", invoker, by, l.Profile, l.Version,
			"Notation-OCI-SHA384-ECDSA", l.Certificate, l.Certificate, micros(at), micros(at.Add(l.Validity)), micros(at), revoked, "", "")
		entries.and(`(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, micros(at), l.Account, "us-east-1", "signer.amazonaws.com", "SignPayload",
			"arn:aws:signer:us-east-1:"+l.Account+":/signing-profiles/"+l.Profile, by, "AKIAIOSFODNN7EXAMPLE", "192.0.2.1", "aws-sdk-go-v2/1.39.0", id, `{"jobId":"`+id+`"}`)
	}
	_, err := tx.exec(`INSERT INTO jobs (account, id, region, invoker, requested_by, profile_name, profile_version, platform, certificate,
		payload_digest, signed_at, expires_at, created_at, revoked_at, revoked_by, revocation_reason) VALUES `+strings.Join(jobs.text, ", "), jobs.args...)
	if err != nil || !l.Journal {
		return err
	}
	_, err = tx.exec(`INSERT INTO journal (id, time, account, region, source, name, resource, principal, access_key_id, source_ip, user_agent, request_id, detail)
		VALUES `+strings.Join(entries.text, ", "), entries.args...)
	return err
}

// idAt is a UUIDv7 of a time; i tells those of one millisecond apart, in order.
func idAt(at time.Time, i int) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16)
	id[6], id[8] = 0x70, 0x80
	binary.BigEndian.PutUint32(id[12:], uint32(i))
	return id.String()
}
