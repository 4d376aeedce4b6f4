package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealwright/sealwright/internal/signing"
)

// maxHashes is how many certificate hashes one question holds: a list of fixed
// length is one statement.
const maxHashes = 16

const revokedHashes = `SELECT DISTINCT hash FROM certificates
	WHERE revoked_at <> 0 AND hash IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
	ORDER BY hash`

// factsKey is a question about a signature.
type factsKey struct {
	profile signing.ProfileKey
	version string
	job     signing.JobKey
	hashes  string // one a line
}

// RevocationFacts implements [signing.JobStore]. Of few signatures it is asked often:
// of those of the images that run.
func (s jobStore) RevocationFacts(ctx context.Context, profile signing.ProfileKey, version string, job signing.JobKey, hashes []string) (signing.RevocationFacts, error) {
	if len(hashes) > maxHashes {
		return signing.RevocationFacts{}, fmt.Errorf("%d certificate hashes are more than %d", len(hashes), maxHashes)
	}
	key := factsKey{profile, version, job, strings.Join(hashes, "\n")}
	return ask(s.db, question[factsKey, signing.RevocationFacts]{
		memory: s.db.memories.facts, key: key,
		read: func() (signing.RevocationFacts, error) { return s.readFacts(ctx, profile, version, job, hashes) },
		size: func(f signing.RevocationFacts) int64 { return int64(len(key.hashes)+len(key.job.ID)) + sizeOfFacts(f) },
	})
}

// recordsSize is about what a profile and a job take without what people wrote.
const recordsSize = 2 << 10

// sizeOfFacts counts what people wrote by itself: 50 tags may be 77 KB.
func sizeOfFacts(f signing.RevocationFacts) (n int64) {
	n = recordsSize
	if p := f.Profile; p != nil {
		n += int64(len(p.StatusReason)) + sizeOfMap(p.Tags) + sizeOfMap(p.Parameters)
		if p.Revocation != nil {
			n += int64(len(p.Revocation.Reason))
		}
	}
	if f.Job != nil && f.Job.Revocation != nil {
		n += int64(len(f.Job.Revocation.Reason))
	}
	return n
}

func sizeOfMap(m map[string]string) (n int64) {
	for name, value := range m {
		n += int64(len(name)+len(value)) + placeInMap
	}
	return n
}

// placeInMap is about what an entry takes beside its bytes.
const placeInMap = 128

func (s jobStore) readFacts(ctx context.Context, profile signing.ProfileKey, version string, job signing.JobKey, hashes []string) (facts signing.RevocationFacts, err error) {
	err = s.db.snapshot(ctx, func(tx querier) (err error) {
		if facts.Profile, err = profileOrNil(tx, profile, version); err != nil {
			return err
		}
		if facts.Job, err = jobOrNil(tx, job); err != nil {
			return err
		}
		facts.Revoked, err = revokedAmong(tx, hashes)
		return err
	})
	return facts, err
}

func jobOrNil(tx querier, key signing.JobKey) (*signing.Job, error) {
	j, err := scanJob(tx.row(jobByKey, string(key.Account), key.ID))
	if errors.Is(err, signing.ErrJobNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &j, nil
}

func revokedAmong(tx querier, hashes []string) ([]string, error) {
	var asked [maxHashes]any
	for i := range asked {
		asked[i] = ""
		if i < len(hashes) {
			asked[i] = strings.ToLower(hashes[i])
		}
	}
	return collect(tx, func(row scanner) (hash string, err error) {
		return hash, row.Scan(&hash)
	}, revokedHashes, asked[:]...)
}
