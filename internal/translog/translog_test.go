package translog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/translog"
)

const account = arn.AccountID("111122223333")

var ctx = context.Background()

// shelf is a store in memory, which a test may tamper with.
type shelf struct {
	head    translog.Head
	records []translog.Record
	known   map[string]bool
	tiles   map[translog.TileID][]byte
}

func (s *shelf) Begin(_ context.Context, id translog.Identity) (translog.Identity, error) {
	if s.head.Origin == "" {
		s.head.Identity, s.tiles, s.known = id, map[translog.TileID][]byte{}, map[string]bool{}
	}
	return s.head.Identity, nil
}

func (s *shelf) Head(context.Context) (translog.Head, error) { return s.head, nil }

func (s *shelf) Append(_ context.Context, records []translog.Record, grow func(int64, []translog.Tile, []translog.Hash) (translog.Growth, error)) error {
	edge, err := s.Tiles(ctx, translog.EdgeOf(s.head.Size)...)
	if err != nil {
		return err
	}
	var entries []translog.Hash
	for _, r := range records {
		if s.known[r.Job] {
			continue
		}
		s.known[r.Job] = true
		s.records = append(s.records, r)
		entries = append(entries, r.Entry)
	}
	g, err := grow(s.head.Size, edge, entries)
	for _, t := range g.Tiles {
		s.tiles[t.TileID] = t.Hashes
	}
	s.head.Size, s.head.Root = g.Size, g.Root
	return err
}

func (s *shelf) Publish(_ context.Context, size int64, checkpoint string) error {
	s.head.Checkpoint, s.head.Published = checkpoint, size
	return nil
}

func (s *shelf) Tiles(_ context.Context, ids ...translog.TileID) (tiles []translog.Tile, err error) {
	for _, id := range ids {
		if _, ok := s.tiles[id]; !ok {
			return nil, translog.ErrNoTile
		}
		tiles = append(tiles, translog.Tile{TileID: id, Hashes: s.tiles[id]})
	}
	return tiles, nil
}

func (s *shelf) Records(_ context.Context, from int64, limit int) ([]translog.Record, error) {
	rest := s.records[min(int(from), len(s.records)):]
	return rest[:min(limit, len(rest))], nil
}

func (s *shelf) Number(_ context.Context, account arn.AccountID, job string) (int64, error) {
	n := slices.IndexFunc(s.records, func(r translog.Record) bool { return r.Account == account && r.Job == job })
	if n < 0 {
		return 0, translog.ErrNotLogged
	}
	return int64(n), nil
}

// purse keeps one key.
type purse struct{ key ed25519.PrivateKey }

func (p *purse) GenerateLogKey(context.Context) (id string, err error) {
	_, p.key, err = ed25519.GenerateKey(rand.Reader)
	return "0123456789abcdef0123", err
}

func (p *purse) LogPublicKey(context.Context, string) ([]byte, error) {
	return p.key.Public().(ed25519.PublicKey), nil
}

func (p *purse) SignLog(_ context.Context, _ string, message []byte) ([]byte, error) {
	return ed25519.Sign(p.key, message), nil
}

func record(n int) translog.Record {
	s := translog.Statement{JobARN: fmt.Sprint("job-", n)}
	return translog.Record{Account: account, Job: fmt.Sprint(n), Region: "us-east-1", Entry: s.Entry()}
}

// read takes the events named "sign" for signatures.
func read(e journal.Entry) (translog.Record, bool, error) {
	return record(int(e.Position)), e.Name == "sign", nil
}

func entries(from, to int) (all []journal.Entry) {
	for n := from; n < to; n++ {
		all = append(all, journal.Entry{Position: journal.Position(n), Event: journal.Event{Name: "sign"}})
	}
	return all
}

func open(t testing.TB, s *shelf, edit func(*translog.Options)) (*translog.Log, note.Verifier) {
	t.Helper()
	o := translog.Options{Store: s, Keys: &purse{}, Region: "us-east-1", Read: read}
	if edit != nil {
		edit(&o)
	}
	l, err := translog.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(l.Key())
	if err != nil {
		t.Fatal(err)
	}
	return l, v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTreeIsRFC6962s grows trees in steps of all kinds and holds each root against
// one that golang.org/x/mod computes from all entries at once.
func TestTreeIsRFC6962s(t *testing.T) {
	s := &shelf{}
	l, key := open(t, s, nil)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, i := range indexes {
			found = append(found, stored[i])
		}
		return found, nil
	})
	at := 0
	for _, step := range []int{1, 1, 2, 3, 248, 1, 1, 255, 256, 257, 1000, 5, 63_000, 700, 256} {
		must(t, l.Deliver(ctx, entries(at, at+step)))
		for n := at; n < at+step; n++ {
			entry := record(n).Entry
			hashes, err := tlog.StoredHashes(int64(n), entry[:], reader)
			must(t, err)
			stored = append(stored, hashes...)
		}
		at += step
		root, err := tlog.TreeHash(int64(at), reader)
		must(t, err)
		must(t, l.Publish(ctx))
		c, err := translog.ParseCheckpoint([]byte(s.head.Checkpoint), key)
		must(t, err)
		if c.Size != int64(at) || c.Root != translog.Hash(root) {
			t.Fatalf("after %d entries the checkpoint says %d, %x; want %x", at, c.Size, c.Root, root)
		}
		must(t, translog.Check(ctx, s, []translog.Checkpoint{c}, nil))
	}
}

func TestEntriesComeOnce(t *testing.T) {
	s := &shelf{}
	l, _ := open(t, s, nil)
	must(t, l.Deliver(ctx, entries(0, 10)))
	must(t, l.Deliver(ctx, entries(5, 12)))
	must(t, l.Deliver(ctx, []journal.Entry{{Position: 99, Event: journal.Event{Name: "other"}}}))
	if s.head.Size != 12 || len(s.records) != 12 {
		t.Errorf("size %d, %d records", s.head.Size, len(s.records))
	}
}

func TestProofs(t *testing.T) {
	s := &shelf{}
	l, key := open(t, s, nil)
	trust := translog.Trust{Logs: []note.Verifier{key}}
	if _, err := l.Checkpoint(ctx); !errors.Is(err, translog.ErrNoCheckpoint) {
		t.Errorf("an empty log has a checkpoint: %v", err)
	}
	must(t, l.Deliver(ctx, entries(0, 700)))
	if _, err := l.Prove(ctx, account, "3"); !errors.Is(err, translog.ErrNotLogged) {
		t.Errorf("proven before it was published: %v", err)
	}
	must(t, l.Publish(ctx))
	must(t, l.Deliver(ctx, entries(700, 1000))) // not published
	for _, n := range []int{0, 1, 255, 256, 511, 512, 698, 699} {
		p, err := l.Prove(ctx, account, fmt.Sprint(n))
		must(t, err)
		must(t, trust.Check(p, record(n).Entry))
		if err := trust.Check(p, record(n+1).Entry); !errors.Is(err, translog.ErrNotProven) {
			t.Errorf("entry %d's proof proves another: %v", n, err)
		}
	}
	if _, err := l.Prove(ctx, account, "700"); !errors.Is(err, translog.ErrNotLogged) {
		t.Errorf("proven by a checkpoint that does not cover it: %v", err)
	}
}

func TestBadProofs(t *testing.T) {
	s, other := &shelf{}, &shelf{}
	l, key := open(t, s, nil)
	stranger, strangersKey := open(t, other, nil)
	for _, l := range []*translog.Log{l, stranger} {
		must(t, l.Deliver(ctx, entries(0, 300)))
		must(t, l.Publish(ctx))
	}
	good, err := l.Prove(ctx, account, "7")
	must(t, err)
	foreign, err := stranger.Prove(ctx, account, "7")
	must(t, err)
	entry := record(7).Entry
	trust := translog.Trust{Logs: []note.Verifier{key}}
	must(t, trust.Check(good, entry))
	must(t, translog.Trust{Logs: []note.Verifier{strangersKey, key}}.Check(good, entry))
	for name, bad := range map[string][]byte{
		"empty":            nil,
		"another log's":    foreign,
		"another index":    bytes.Replace(good, []byte("index 7\n"), []byte("index 8\n"), 1),
		"beyond the end":   bytes.Replace(good, []byte("index 7\n"), []byte("index 300\n"), 1),
		"huge index":       bytes.Replace(good, []byte("index 7\n"), []byte("index 18446744073709551615\n"), 1),
		"a hash less":      slices.Concat(good[:bytes.Index(good, []byte("\n\n"))-44], good[bytes.Index(good, []byte("\n\n")):]),
		"another size":     bytes.Replace(good, []byte("\n300\n"), []byte("\n301\n"), 1),
		"no signature":     good[:bytes.LastIndex(good, []byte("\n— "))+1],
		"truncated":        good[:len(good)/2],
		"larger than ever": append(bytes.Clone(good), make([]byte, translog.MaxProof)...),
	} {
		if err := trust.Check(bad, entry); !errors.Is(err, translog.ErrNotProven) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (translog.Trust{}).Check(good, entry); !errors.Is(err, translog.ErrNotProven) {
		t.Errorf("no log trusted: %v", err)
	}
}

// TestTampering: whatever is done to the entries or the tiles is found, and the
// message says where.
func TestTampering(t *testing.T) {
	for name, tt := range map[string]struct {
		tamper func(s *shelf)
		says   string
	}{
		"removed at the end":             {func(s *shelf) { s.records = s.records[:len(s.records)-1] }, "entry 799 is missing"},
		"removed, and the rest moved up": {func(s *shelf) { s.records = slices.Delete(s.records, 300, 301) }, "entry 300 is not the one"},
		"changed":                        {func(s *shelf) { s.records[300].Entry[0] ^= 1 }, "entry 300 is not the one"},
		"swapped":                        {func(s *shelf) { s.records[10], s.records[700] = s.records[700], s.records[10] }, "entry 10 is not the one"},
		"added":                          {func(s *shelf) { s.records = slices.Insert(s.records, 256, record(5000)) }, "entry 256 is not the one"},
		"tile":                           {func(s *shelf) { s.tiles[translog.TileID{Level: 1}][40] ^= 1 }, "entries 256 to 511 are not those"},
		"no tile":                        {func(s *shelf) { delete(s.tiles, translog.TileID{N: 2}) }, "tile 2 of level 0 is missing"},
		"last":                           {func(s *shelf) { s.tiles[translog.TileID{N: 3}] = s.tiles[translog.TileID{N: 3}][:32] }, "tile 3 of level 0 is missing or too short"},
		"all anew":                       {func(s *shelf) { rebuild(s, func(r []translog.Record) { r[10], r[11] = r[11], r[10] }) }, "the first 20 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{}
			l, key := open(t, s, nil)
			must(t, l.Deliver(ctx, entries(0, 20)))
			must(t, l.Publish(ctx))
			kept, err := translog.ParseCheckpoint([]byte(s.head.Checkpoint), key)
			must(t, err)
			must(t, l.Deliver(ctx, entries(20, 800)))
			must(t, l.Publish(ctx))
			newest, err := translog.ParseCheckpoint([]byte(s.head.Checkpoint), key)
			must(t, err)
			tt.tamper(s)
			if name == "all anew" { // with the log's key, too: only what others kept tells
				newest = translog.Checkpoint{Size: s.head.Size, Root: s.head.Root}
				must(t, translog.Check(ctx, s, []translog.Checkpoint{newest}, nil))
			}
			err = translog.Check(ctx, s, []translog.Checkpoint{newest, kept}, nil)
			if !errors.Is(err, translog.ErrBroken) || !strings.Contains(strings.Replace(err.Error(), "its first", "the first", 1), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

// rebuild makes the whole log anew from edited records.
func rebuild(s *shelf, edit func([]translog.Record)) {
	records := slices.Clone(s.records)
	edit(records)
	fresh := &shelf{}
	l, err := translog.Open(ctx, translog.Options{Store: fresh, Keys: &purse{}, Region: "us-east-1", Read: func(e journal.Entry) (translog.Record, bool, error) {
		return records[e.Position], true, nil
	}})
	if err == nil {
		err = l.Deliver(ctx, entries(0, len(records)))
	}
	if err != nil {
		panic(err)
	}
	s.records, s.tiles, s.head.Size, s.head.Root = fresh.records, fresh.tiles, fresh.head.Size, fresh.head.Root
}

func FuzzProof(f *testing.F) {
	s := &shelf{}
	l, key := open(f, s, nil)
	must(f, l.Deliver(ctx, entries(0, 300)))
	must(f, l.Publish(ctx))
	good, err := l.Prove(ctx, account, "7")
	must(f, err)
	f.Add(good)
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"))
	trust := translog.Trust{Logs: []note.Verifier{key}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if trust.Check(data, record(8).Entry) == nil {
			t.Errorf("%q proves an entry that it is not about", data)
		}
	})
}
