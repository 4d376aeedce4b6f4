package translog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is that of https://c2sp.org/tlog-tiles: tiles of 256 hashes.
const TileHeight = 8

// TileWidth is how many hashes a full tile has, and entries a full bundle.
const TileWidth = 1 << TileHeight

// EdgeOf names the tiles that are begun and not full in a tree of a size: the ones
// that grow.
func EdgeOf(size int64) []TileID {
	var ids []TileID
	for level := 0; size>>(TileHeight*level) > 0; level++ {
		if hashes := size >> (TileHeight * level); hashes%TileWidth != 0 {
			ids = append(ids, TileID{level, hashes / TileWidth})
		}
	}
	return ids
}

// grow is the pure heart of [Store.Append].
func grow(size int64, edge []Tile, entries []Hash) (Growth, error) {
	stored := map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return readHashes(indexes, stored, edge)
	})
	for i, entry := range entries {
		n := size + int64(i)
		hashes, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(entry[:]), reader)
		if err != nil {
			return Growth{}, err
		}
		first := tlog.StoredHashIndex(0, n)
		for j, h := range hashes {
			stored[first+int64(j)] = h
		}
	}
	g := Growth{Size: size + int64(len(entries))}
	root, err := tlog.TreeHash(g.Size, reader)
	if err != nil {
		return Growth{}, err
	}
	g.Root = Hash(root)
	for _, t := range tlog.NewTiles(TileHeight, size, g.Size) {
		data, err := tlog.ReadTileData(t, reader)
		if err != nil {
			return Growth{}, err
		}
		g.Tiles = append(g.Tiles, Tile{TileID{t.L, t.N}, data})
	}
	return g, nil
}

// readHashes finds hashes among those just made, else in the edge.
func readHashes(indexes []int64, stored map[int64]tlog.Hash, edge []Tile) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := stored[index]; ok {
			found[i] = h
			continue
		}
		h, err := hashIn(edge, index)
		if err != nil {
			return nil, err
		}
		found[i] = h
	}
	return found, nil
}

// hashIn finds the hash of a place in the tree in the tile that has it.
func hashIn(tiles []Tile, index int64) (tlog.Hash, error) {
	want := tlog.TileForIndex(TileHeight, index)
	for _, t := range tiles {
		if t.Level == want.L && t.N == want.N && len(t.Hashes) >= want.W*HashSize {
			return tlog.HashFromTile(want, t.Hashes, index)
		}
	}
	return tlog.Hash{}, fmt.Errorf("tile %d of level %d, which the log needs, is not there or too short", want.N, want.L)
}

// hashes reads the tree in the store, for proofs.
func (l *Log) hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		ids := make([]TileID, 0, len(indexes))
		seen := map[TileID]bool{}
		for _, index := range indexes {
			t := tlog.TileForIndex(TileHeight, index)
			if id := (TileID{t.L, t.N}); !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		tiles, err := l.o.Store.Tiles(ctx, ids...)
		if err != nil {
			return nil, err
		}
		return readHashes(indexes, nil, tiles)
	})
}
