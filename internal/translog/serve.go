package translog

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/sealwright/sealwright/internal/fault"
)

// Tile returns the first width hashes of a tile, 1 to [TileWidth]. ErrNoTile.
func (l *Log) Tile(ctx context.Context, id TileID, width int) ([]byte, error) {
	tiles, err := l.o.Store.Tiles(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(tiles[0].Hashes) < width*HashSize {
		return nil, ErrNoTile
	}
	return tiles[0].Hashes[:width*HashSize], nil
}

// entrySize is that of an entry in a bundle: its length in two bytes, and itself.
const entrySize = 2 + HashSize

// Bundle returns the first width entries of those from n*[TileWidth] on, as
// https://c2sp.org/tlog-tiles has them. ErrNoTile.
func (l *Log) Bundle(ctx context.Context, n int64, width int) ([]byte, error) {
	records, err := l.o.Store.Records(ctx, n*TileWidth, width)
	if err != nil {
		return nil, err
	}
	if len(records) < width {
		return nil, ErrNoTile
	}
	bundle := make([]byte, 0, width*entrySize)
	for _, r := range records {
		bundle = binary.BigEndian.AppendUint16(bundle, HashSize)
		bundle = append(bundle, r.Entry[:]...)
	}
	return bundle, nil
}

// ParseBundle reads the entries of a bundle.
func ParseBundle(bundle []byte) ([]Hash, error) {
	if len(bundle)%entrySize != 0 || len(bundle) > TileWidth*entrySize {
		return nil, fault.New(fault.Invalid, "not an entry bundle of this log: it has another length")
	}
	entries := make([]Hash, 0, len(bundle)/entrySize)
	for rest := bundle; len(rest) > 0; rest = rest[entrySize:] {
		if binary.BigEndian.Uint16(rest) != HashSize {
			return nil, fmt.Errorf("entry %d of the bundle has %d bytes, and entries of this log have %d", len(entries), binary.BigEndian.Uint16(rest), HashSize)
		}
		entries = append(entries, Hash(rest[2:entrySize]))
	}
	return entries, nil
}
