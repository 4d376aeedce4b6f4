package translog

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// Errors of a [Store].
var (
	// ErrNotLogged means that a job has no entry, at least not yet.
	ErrNotLogged = fault.New(fault.NotFound, "this signing job is not in the transparency log, at least not yet: try again in a few seconds")
	// ErrNoTile means that the log is not that large.
	ErrNoTile = fault.New(fault.NotFound, "the transparency log is not that large")
)

// HashSize is the size of an entry and of each hash, in bytes: SHA-256.
const HashSize = 32

// Hash is an entry, or the hash of a tree or of a part of it.
type Hash = [HashSize]byte

// Record is a signing job as it is entered: Entry is public, the rest is not.
type Record struct {
	Account   arn.AccountID // the job's owner
	Job       string        // its ID
	Region    string
	Entry     Hash
	ExpiresAt time.Time // the signature's; whole microseconds
}

// Identity is who a log is, for good.
type Identity struct {
	Origin string // its name; see https://c2sp.org/tlog-checkpoint
	KeyID  string // of its key in [Keys]
	Region string
}

// Head is where the log ends.
type Head struct {
	Identity
	Size       int64
	Root       Hash   // of the tree of that size; of the empty tree it is zero here
	Checkpoint string // published last: a signed note; "" before the first
	Published  int64  // the checkpoint's size
}

// TileID names a tile: 256 hashes at most, which stand side by side at a level
// that is a multiple of eight.
type TileID struct {
	Level int   // 0: the hashes of entries; 1: of whole tiles of level 0; …
	N     int64 // from the left
}

// Tile is a tile with the hashes it has so far.
type Tile struct {
	TileID
	Hashes []byte // 1 to 256, HashSize each
}

// Growth is what an append adds: tiles that are new or have more hashes now, and
// where the log ends then.
type Growth struct {
	Tiles []Tile
	Size  int64
	Root  Hash
}

// Store keeps a log. What a method wrote is durable when it returns.
type Store interface {
	// Begin makes id who the log is, unless it is somebody already, and returns who
	// it is.
	Begin(ctx context.Context, id Identity) (Identity, error)
	// Head returns where the log ends: the zero Head before Begin.
	Head(ctx context.Context) (Head, error)
	// Append gives the records whose job has no entry yet the next numbers, in their
	// order, and saves what grow makes of them, in one transaction that holds the
	// head. grow gets the log's size and its last tile of each level, if that is not
	// full; it is pure, and may be called again. Of a batch with nothing new, nothing
	// is written.
	Append(ctx context.Context, records []Record, grow func(size int64, edge []Tile, entries []Hash) (Growth, error)) error
	// Publish saves a checkpoint, unless one of that size or a larger one was saved.
	Publish(ctx context.Context, size int64, checkpoint string) error
	// Tiles returns the hashes of tiles, in the order asked for. ErrNoTile.
	Tiles(ctx context.Context, ids ...TileID) ([]Tile, error)
	// Records returns at most limit records from a number on, up to the first that is
	// missing.
	Records(ctx context.Context, from int64, limit int) ([]Record, error)
	// Number returns the number of a job's record. ErrNotLogged.
	Number(ctx context.Context, account arn.AccountID, job string) (int64, error)
}
