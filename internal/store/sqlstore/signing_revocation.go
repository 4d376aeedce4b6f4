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

// RevocationFacts implements [signing.JobStore].
func (s jobStore) RevocationFacts(ctx context.Context, profile signing.ProfileKey, version string, job signing.JobKey, hashes []string) (signing.RevocationFacts, error) {
	if len(hashes) > maxHashes {
		return signing.RevocationFacts{}, fmt.Errorf("%d certificate hashes are more than %d", len(hashes), maxHashes)
	}
	var facts signing.RevocationFacts
	err := s.db.snapshot(ctx, func(tx querier) (err error) {
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
