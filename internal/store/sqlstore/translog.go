package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/translog"
)

// Translog returns the transparency log's store.
func (db *DB) Translog() translog.Store { return logStore{db} }

type logStore struct{ db *DB }

const selectHead = `SELECT region, origin, key_id, size, root, checkpoint, published FROM log `

// Begin implements [translog.Store].
func (s logStore) Begin(ctx context.Context, id translog.Identity) (translog.Identity, error) {
	var head translog.Head
	err := s.db.write(ctx, func(tx querier) error {
		_, err := tx.exec(`INSERT INTO log (id, region, origin, key_id, size, root, checkpoint, published)
			VALUES ('log', $1, $2, $3, 0, $4, '', 0) ON CONFLICT DO NOTHING`, id.Region, id.Origin, id.KeyID, make([]byte, translog.HashSize))
		if err != nil {
			return err
		}
		head, err = scanHead(tx.row(selectHead))
		return err
	})
	return head.Identity, err
}

// Head implements [translog.Store].
func (s logStore) Head(ctx context.Context) (head translog.Head, err error) {
	err = s.db.read(ctx, func(q querier) error {
		head, err = scanHead(q.row(selectHead))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return translog.Head{}, nil
	}
	return head, err
}

func scanHead(row scanner) (h translog.Head, err error) {
	err = row.Scan(&h.Region, &h.Origin, &h.KeyID, &h.Size, hashColumn{&h.Root}, &h.Checkpoint, &h.Published)
	return h, err
}

// hashColumn scans a hash.
type hashColumn struct{ to *translog.Hash }

// Scan implements [sql.Scanner].
func (c hashColumn) Scan(src any) error {
	bytes, ok := src.([]byte)
	if !ok || len(bytes) != translog.HashSize {
		return fmt.Errorf("a hash column holds %T of length %d", src, len(bytes))
	}
	*c.to = translog.Hash(bytes)
	return nil
}

// Append implements [translog.Store].
func (s logStore) Append(ctx context.Context, records []translog.Record, grow func(size int64, edge []translog.Tile, entries []translog.Hash) (translog.Growth, error)) error {
	return s.db.write(ctx, func(tx querier) error {
		head, err := scanHead(tx.row(selectHead + `FOR UPDATE`))
		if err != nil {
			return err
		}
		fresh, err := unlogged(tx, records)
		if err != nil || len(fresh) == 0 {
			return err
		}
		edge, err := readTiles(tx, translog.EdgeOf(head.Size))
		if err != nil {
			return err
		}
		entries := make([]translog.Hash, len(fresh))
		for i, r := range fresh {
			entries[i] = r.Entry
		}
		g, err := grow(head.Size, edge, entries)
		if err != nil {
			return err
		}
		if err := insertRecords(tx, head.Size, fresh); err != nil {
			return err
		}
		return saveGrowth(tx, g)
	})
}

// jobKey is what a record is found by.
type jobKey struct{ account, job string }

func keyOf(r translog.Record) jobKey { return jobKey{string(r.Account), r.Job} }

// selectLogged finds those of some jobs that have a record.
var selectLogged = func() map[int]string {
	texts := map[int]string{}
	for _, size := range chunkSizes {
		texts[size] = "SELECT account, job FROM log_records WHERE (account, job) IN (VALUES " + placeholders(size, 2, "") + ")"
	}
	return texts
}()

// unlogged returns the records whose job has none yet, each job once.
func unlogged(tx querier, records []translog.Record) (fresh []translog.Record, err error) {
	known := make(map[jobKey]bool, len(records))
	for _, chunk := range chunks(records, 1) {
		keys := make([]any, 0, 2*len(chunk))
		for _, r := range chunk {
			keys = append(keys, string(r.Account), r.Job)
		}
		found, err := collect(tx, scanJobKey, selectLogged[len(chunk)], keys...)
		if err != nil {
			return nil, err
		}
		for _, key := range found {
			known[key] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(records), func(r translog.Record) bool {
		was := known[keyOf(r)]
		known[keyOf(r)] = true
		return was
	}), nil
}

func scanJobKey(row scanner) (k jobKey, err error) {
	err = row.Scan(&k.account, &k.job)
	return k, err
}

var insertLogged = insertInto("log_records", "number", "account", "job", "region", "entry", "expires_at")

func insertRecords(tx querier, number int64, records []translog.Record) error {
	rows := make([]any, 0, len(records)*insertLogged.columns)
	for i, r := range records {
		rows = append(rows, number+int64(i), string(r.Account), r.Job, r.Region, r.Entry[:], micros(r.ExpiresAt))
	}
	return insertLogged.rows(tx, rows)
}

func saveGrowth(tx querier, g translog.Growth) error {
	for _, t := range g.Tiles {
		_, err := tx.exec(`INSERT INTO log_tiles (level, n, hashes) VALUES ($1, $2, $3) ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`,
			t.Level, t.N, t.Hashes)
		if err != nil {
			return err
		}
	}
	_, err := tx.exec(`UPDATE log SET size = $1, root = $2`, g.Size, g.Root[:])
	return err
}

// Publish implements [translog.Store].
func (s logStore) Publish(ctx context.Context, size int64, checkpoint string) error {
	return s.db.write(ctx, func(tx querier) error {
		_, err := tx.exec(`UPDATE log SET checkpoint = $1, published = $2 WHERE published < $3`, checkpoint, size, size)
		return err
	})
}

// Tiles implements [translog.Store].
func (s logStore) Tiles(ctx context.Context, ids ...translog.TileID) (tiles []translog.Tile, err error) {
	err = s.db.read(ctx, func(q querier) error {
		tiles, err = readTiles(q, ids)
		return err
	})
	return tiles, err
}

func readTiles(q querier, ids []translog.TileID) ([]translog.Tile, error) {
	tiles := make([]translog.Tile, len(ids))
	for i, id := range ids {
		tiles[i].TileID = id
		err := q.row(`SELECT hashes FROM log_tiles WHERE level = $1 AND n = $2`, id.Level, id.N).Scan(&tiles[i].Hashes)
		if err != nil {
			return nil, orElse(err, translog.ErrNoTile)
		}
	}
	return tiles, nil
}

// Records implements [translog.Store].
func (s logStore) Records(ctx context.Context, from int64, limit int) (records []translog.Record, err error) {
	var found []numbered
	err = s.db.read(ctx, func(q querier) error {
		found, err = collect(q, scanRecord, `SELECT number, account, job, region, entry, expires_at FROM log_records
			WHERE number >= $1 ORDER BY number LIMIT $2`, from, limit)
		return err
	})
	for i, r := range found {
		if r.number != from+int64(i) {
			break // a record is missing
		}
		records = append(records, r.Record)
	}
	return records, err
}

type numbered struct {
	number int64
	translog.Record
}

func scanRecord(row scanner) (r numbered, err error) {
	err = row.Scan(&r.number, &r.Account, &r.Job, &r.Region, hashColumn{&r.Entry}, timeColumn{&r.ExpiresAt})
	return r, err
}

// Number implements [translog.Store].
func (s logStore) Number(ctx context.Context, account arn.AccountID, job string) (n int64, err error) {
	err = s.db.read(ctx, func(q querier) error {
		return q.row(`SELECT number FROM log_records WHERE account = $1 AND job = $2`, string(account), job).Scan(&n)
	})
	return n, orElse(err, translog.ErrNotLogged)
}

// LoggedJobs returns the signing jobs, for the transparency log to be held
// against.
func (db *DB) LoggedJobs() translog.Jobs { return loggedJobs{db} }

type loggedJobs struct{ db *DB }

// Record implements [translog.Jobs].
func (s loggedJobs) Record(ctx context.Context, account arn.AccountID, job string) (translog.Record, bool, error) {
	j, err := s.db.Jobs().Job(ctx, signing.JobKey{Account: account, ID: job})
	if errors.Is(err, signing.ErrJobNotFound) {
		return translog.Record{}, false, nil
	}
	return j.LogRecord(), true, err
}

// Unlogged implements [translog.Jobs].
func (s loggedJobs) Unlogged(ctx context.Context, limit int) (records []translog.Record, err error) {
	err = s.db.read(ctx, func(q querier) error {
		records, err = collect(q, func(row scanner) (translog.Record, error) {
			j, err := scanJob(row)
			return j.LogRecord(), err
		}, selectJob+`WHERE NOT EXISTS (SELECT 1 FROM log_records r WHERE r.account = j.account AND r.job = j.id) ORDER BY j.account, j.id LIMIT $1`, limit)
		return err
	})
	return records, err
}
