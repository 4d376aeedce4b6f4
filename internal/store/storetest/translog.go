package storetest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/translog"
)

// TransparencyLog is the contract of [translog.Store] and [translog.Jobs].
func TransparencyLog(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"one begins it", logBegins},
		{"append", logAppends},
		{"appends race", logRaces},
		{"publish", logPublishes},
		{"a growth that fails adds nothing", logGrowthFails},
		{"jobs and log agree", logAgrees},
	})
}

// logKeys keep one key, made from what it is asked first.
type logKeys struct{ made atomic.Int32 }

func (k *logKeys) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) }

func (k *logKeys) GenerateLogKey(context.Context) (string, error) {
	return fmt.Sprintf("%064d", k.made.Add(1)), nil
}

func (k *logKeys) LogPublicKey(context.Context, string) ([]byte, error) {
	return k.key().Public().(ed25519.PublicKey), nil
}

func (k *logKeys) SignLog(_ context.Context, _ string, message []byte) ([]byte, error) {
	return ed25519.Sign(k.key(), message), nil
}

// numberedRecord reads the record of a test's event, whose detail is its number.
func numberedRecord(e journal.Entry) (translog.Record, bool, error) {
	return logRecord(testAccount, string(e.Detail)), true, nil
}

func logRecord(account arn.AccountID, job string) translog.Record {
	return translog.Record{Account: account, Job: job, Region: "us-east-1", Entry: sha256.Sum256([]byte(job)), ExpiresAt: time.UnixMicro(7).UTC()}
}

func logRecords(from, to int) (records []translog.Record) {
	for n := from; n < to; n++ {
		records = append(records, logRecord(testAccount, fmt.Sprint("job", n)))
	}
	return records
}

// openLog opens the log, whose signatures are told of by read.
func (d *desk) openLog(read func(journal.Entry) (translog.Record, bool, error)) *translog.Log {
	l, err := translog.Open(ctx, translog.Options{Store: d.Translog, Keys: &logKeys{}, Region: "us-east-1", Read: read})
	d.must(err)
	return l
}

func logBegins(d *desk) {
	head, err := d.Translog.Head(ctx)
	d.must(err)
	equal(d, head, translog.Head{})
	_, err = d.Translog.Number(ctx, testAccount, "job0")
	d.want(err, translog.ErrNotLogged)
	_, err = d.Translog.Tiles(ctx, translog.TileID{})
	d.want(err, translog.ErrNoTile)
	ids := make([]translog.Identity, 8)
	for _, err := range atOnce(len(ids), func(i int) (err error) {
		ids[i], err = d.Translog.Begin(ctx, translog.Identity{Origin: fmt.Sprint("origin", i), KeyID: fmt.Sprint("key", i), Region: "us-east-1"})
		return err
	}) {
		d.must(err)
	}
	head, err = d.Translog.Head(ctx)
	d.must(err)
	for _, id := range ids {
		equal(d, id, head.Identity)
	}
}

func logAppends(d *desk) {
	l := d.openLog(numberedRecord)
	at := 0
	for _, step := range []int{1, 63, 64, 65, 62, 1, 1, 300, 17} {
		d.deliver(l, max(0, at-3), at+step) // the last three come again
		at += step
	}
	d.wholeLog(l, at)
	for _, n := range []int{0, 255, 256, at - 1} {
		number, err := d.Translog.Number(ctx, testAccount, fmt.Sprint("job", n))
		d.must(err)
		equal(d, number, int64(n))
	}
	records, err := d.Translog.Records(ctx, 250, 10)
	d.must(err)
	equal(d, records, logRecords(250, 260))
	records, err = d.Translog.Records(ctx, int64(at-1), 10)
	d.must(err)
	equal(d, records, logRecords(at-1, at))
	_, err = d.Translog.Number(ctx, otherAccount, "job0")
	d.want(err, translog.ErrNotLogged)
}

// deliver has the log told of jobs.
func (d *desk) deliver(l *translog.Log, from, to int) {
	d.Helper()
	var entries []journal.Entry
	for n := from; n < to; n++ {
		entries = append(entries, journal.Entry{Event: journal.Event{Detail: fmt.Appendf(nil, "job%d", n)}})
	}
	d.must(l.Deliver(ctx, entries))
}

// wholeLog publishes, and checks a log of so many entries from end to end.
func (d *desk) wholeLog(l *translog.Log, size int) {
	d.Helper()
	d.must(l.Publish(ctx))
	signed, err := l.Checkpoint(ctx)
	d.must(err)
	key, err := note.NewVerifier(l.Key())
	d.must(err)
	c, err := translog.ParseCheckpoint([]byte(signed), key)
	d.must(err)
	equal(d, c.Size, int64(size))
	d.must(translog.Check(ctx, d.Translog, []translog.Checkpoint{c}, nil))
}

func logRaces(d *desk) {
	l := d.openLog(numberedRecord)
	for _, err := range atOnce(6, func(i int) error { // each batch overlaps its neighbours
		var entries []journal.Entry
		for n := 40 * i; n < 40*i+80; n++ {
			entries = append(entries, journal.Entry{Event: journal.Event{Detail: fmt.Appendf(nil, "job%d", n)}})
		}
		return l.Deliver(ctx, entries)
	}) {
		d.must(err)
	}
	d.wholeLog(l, 280)
}

func logPublishes(d *desk) {
	l := d.openLog(numberedRecord)
	d.deliver(l, 0, 5)
	d.must(d.Translog.Publish(ctx, 4, "four"))
	d.must(d.Translog.Publish(ctx, 3, "three"))
	d.must(d.Translog.Publish(ctx, 4, "four again"))
	head, err := d.Translog.Head(ctx)
	d.must(err)
	equal(d, head.Checkpoint, "four")
	equal(d, head.Published, int64(4))
	d.wantFailure(d.Translog.Publish(ctx, 6, "beyond the end"))
	d.wholeLog(l, 5)
}

func logGrowthFails(d *desk) {
	l := d.openLog(numberedRecord)
	d.deliver(l, 0, 5)
	before, err := d.Translog.Head(ctx)
	d.must(err)
	err = d.Translog.Append(ctx, logRecords(5, 9), func(int64, []translog.Tile, []translog.Hash) (translog.Growth, error) {
		return translog.Growth{}, errRefused
	})
	d.want(err, errRefused)
	after, err := d.Translog.Head(ctx)
	d.must(err)
	equal(d, after, before)
	_, err = d.Translog.Number(ctx, testAccount, "job5")
	d.want(err, translog.ErrNotLogged)
	d.deliver(l, 5, 9)
	d.wholeLog(l, 9)
}

func logAgrees(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	first, second := d.job(p, leaf), d.job(p, leaf)
	unlogged, err := d.Logged.Unlogged(ctx, 10)
	d.must(err)
	equal(d, len(unlogged), 2)
	record, ok, err := d.Logged.Record(ctx, first.Account, first.ID)
	d.must(err)
	equal(d, ok, true)
	equal(d, record, first.LogRecord())
	_, ok, err = d.Logged.Record(ctx, first.Account, "none")
	d.must(err)
	equal(d, ok, false)

	l := d.openLog(func(e journal.Entry) (translog.Record, bool, error) {
		return first.LogRecord(), string(e.Detail) == "job0", nil
	})
	d.deliver(l, 0, 2)
	unlogged, err = d.Logged.Unlogged(ctx, 10)
	d.must(err)
	equal(d, unlogged, []translog.Record{second.LogRecord()})
}
