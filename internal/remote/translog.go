package remote

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/translog"
)

// logPath is where a service has its transparency log.
const logPath = "/log/"

// logTimeout bounds one request to a log or a witness.
const logTimeout = 10 * time.Second

// maxLogAnswer bounds what a log or a witness may answer, in bytes.
const maxLogAnswer = translog.MaxProof

// Log reads the transparency log of a service. It is a [translog.Source].
type Log struct{ base *url.URL }

// NewLog reads the log of the service at endpoint.
func NewLog(endpoint *url.URL) *Log { return &Log{endpoint.JoinPath(logPath)} }

// Key returns the log's verifier key, as the service tells it: it is only worth
// what the connection is worth.
func (l *Log) Key(ctx context.Context) (string, error) {
	data, err := l.get(ctx, "key")
	return strings.TrimSpace(string(data)), err
}

// Checkpoint returns the newest checkpoint, unchecked.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) { return l.get(ctx, "checkpoint") }

// Proof returns the proof that a signing job is in the log, unchecked.
func (l *Log) Proof(ctx context.Context, account arn.AccountID, job string) ([]byte, error) {
	return l.get(ctx, "proof/"+string(account)+"/"+url.PathEscape(job))
}

// At returns the log as it was at a size, to be checked.
func (l *Log) At(size int64) translog.Source { return logAt{l, size} }

type logAt struct {
	log  *Log
	size int64
}

// Tiles implements [translog.Source].
func (l logAt) Tiles(ctx context.Context, ids ...translog.TileID) (tiles []translog.Tile, err error) {
	for _, id := range ids {
		width := min(translog.TileWidth, l.size>>(translog.TileHeight*id.Level)-id.N*translog.TileWidth)
		data, err := l.log.get(ctx, tilePath(strconv.Itoa(id.Level), id.N, int(width)))
		if err != nil {
			return nil, err
		}
		tiles = append(tiles, translog.Tile{TileID: id, Hashes: data})
	}
	return tiles, nil
}

// Records implements [translog.Source]; of the records it knows the entries only.
func (l logAt) Records(ctx context.Context, from int64, limit int) (records []translog.Record, err error) {
	for end := min(from+int64(limit), l.size); from < end; {
		n := from / translog.TileWidth
		data, err := l.log.get(ctx, tilePath("entries", n, int(min(translog.TileWidth, end-n*translog.TileWidth))))
		if errors.Is(err, translog.ErrNoTile) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		entries, err := translog.ParseBundle(data)
		if err != nil || len(entries) <= int(from%translog.TileWidth) {
			return records, err
		}
		for _, e := range entries[from%translog.TileWidth:] {
			records = append(records, translog.Record{Entry: e})
			from++
		}
	}
	return records, nil
}

// tilePath spells a path as https://c2sp.org/tlog-tiles has it.
func tilePath(kind string, n int64, width int) string {
	path := tlog.Tile{H: translog.TileHeight, L: 0, N: n, W: width}.Path()
	return "tile/" + kind + "/" + strings.TrimPrefix(path, fmt.Sprintf("tile/%d/0/", translog.TileHeight))
}

func (l *Log) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base.JoinPath(path).String(), nil)
	if err != nil {
		return nil, err
	}
	status, data, err := ask(req)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, fmt.Errorf("GET %s: %w: %s", req.URL.Redacted(), translog.ErrNoTile, firstLine(data))
	case status != http.StatusOK:
		return nil, fmt.Errorf("GET %s answered %d: %s", req.URL.Redacted(), status, firstLine(data))
	}
	return data, nil
}

// ask sends a request and reads the answer up to a bound. Redirects are not
// followed: what a log says is only worth what its own name is worth.
func ask(req *http.Request) (status int, data []byte, err error) {
	client := http.Client{Timeout: logTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxLogAnswer+1))
	if err == nil && len(data) > maxLogAnswer {
		err = fmt.Errorf("%s %s answered more than %d bytes", req.Method, req.URL.Redacted(), maxLogAnswer)
	}
	return resp.StatusCode, data, err
}

func firstLine(data []byte) string {
	line, _, _ := strings.Cut(string(data), "\n")
	return fmt.Sprintf("%.200q", line)
}

// Witness is a [translog.Witness] at a URL: https://c2sp.org/tlog-witness.
type Witness struct {
	url string
	key note.Verifier
}

// NewWitness is the witness with this key whose add-checkpoint is below base.
func NewWitness(base string, key note.Verifier) *Witness {
	return &Witness{strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/add-checkpoint") + "/add-checkpoint", key}
}

// Verifier implements [translog.Witness].
func (w *Witness) Verifier() note.Verifier { return w.key }

// AddCheckpoint implements [translog.Witness].
func (w *Witness) AddCheckpoint(ctx context.Context, old int64, proof []translog.Hash, checkpoint []byte) ([]byte, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		body.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	body.WriteString("\n")
	body.Write(checkpoint)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, &body)
	if err != nil {
		return nil, err
	}
	status, data, err := ask(req)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusConflict:
		size, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return nil, errors.New("the witness answered 409 without the size it saw last")
		}
		return nil, &translog.KnownSizeError{Size: size}
	case status != http.StatusOK:
		return nil, fmt.Errorf("POST %s answered %d: %s", req.URL.Redacted(), status, firstLine(data))
	}
	return data, nil
}
