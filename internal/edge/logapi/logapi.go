// Package logapi is the transparency log on the wire: checkpoint, tiles and entry
// bundles as https://c2sp.org/tlog-tiles has them, and proofs as
// https://c2sp.org/tlog-proof.
//
// Everybody may read it: that is what a transparency log is for. An entry is a
// hash that tells nothing to who has not the signature, and a proof is found by the
// name of a job, which only those know who have its signature.
package logapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/translog"
)

// Prefix is where the log is mounted.
const Prefix = "/log/"

// Log is what is served.
type Log interface {
	Key() string
	Checkpoint(ctx context.Context) (string, error)
	Tile(ctx context.Context, id translog.TileID, width int) ([]byte, error)
	Bundle(ctx context.Context, n int64, width int) ([]byte, error)
	Prove(ctx context.Context, account arn.AccountID, job string) ([]byte, error)
}

// Options are what a handler is made from.
type Options struct {
	Log    Log
	Logger *slog.Logger
	// Note is told what a request turned out to be.
	Note func(w http.ResponseWriter, operation, account string)
}

// New returns the handler of all paths below [Prefix].
func New(o Options) http.Handler { return handler{o} }

type handler struct{ o Options }

// answer is what is there to be read.
type answer struct {
	operation string
	text      bool // else bytes
	forGood   bool // it never changes
	read      func(ctx context.Context) ([]byte, error)
}

// ServeHTTP answers GET and HEAD.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	a, ok := h.route(strings.TrimPrefix(r.URL.Path, Prefix))
	if !ok {
		http.Error(w, "the transparency log has checkpoint, key, tile/LEVEL/N, tile/entries/N and proof/ACCOUNT/JOB", http.StatusNotFound)
		return
	}
	h.o.Note(w, a.operation, "")
	body, err := a.read(r.Context())
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if a.text {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.Header().Set("Cache-Control", "no-cache")
	if a.forGood {
		w.Header().Set("Cache-Control", "public, max-age=604800, immutable")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

func (h handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if fault.KindOf(err) == fault.NotFound {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if r.Context().Err() == nil {
		h.o.Logger.Error("reading the transparency log", "path", r.URL.Path, "error", fault.Whole(err))
	}
	http.Error(w, "the transparency log cannot be read at the moment: try again later", http.StatusServiceUnavailable)
}

// route finds what a path below the prefix names.
func (h handler) route(path string) (answer, bool) {
	switch kind, rest, _ := strings.Cut(path, "/"); {
	case path == "checkpoint":
		return answer{"getLogCheckpoint", true, false, func(ctx context.Context) ([]byte, error) {
			signed, err := h.o.Log.Checkpoint(ctx)
			return []byte(signed), err
		}}, true
	case path == "key":
		return answer{"getLogKey", true, false, func(context.Context) ([]byte, error) {
			return []byte(h.o.Log.Key() + "\n"), nil
		}}, true
	case kind == "proof":
		return h.proof(rest)
	case kind == "tile":
		return h.tile(rest)
	}
	return answer{}, false
}

func (h handler) proof(path string) (answer, bool) {
	account, job, ok := strings.Cut(path, "/")
	id, err := arn.ParseAccountID(account)
	if !ok || err != nil || job == "" || len(job) > maxJob || strings.Contains(job, "/") {
		return answer{}, false
	}
	return answer{"getLogProof", true, false, func(ctx context.Context) ([]byte, error) {
		return h.o.Log.Prove(ctx, id, job)
	}}, true
}

// maxJob bounds the name of a job.
const maxJob = 64

// tile reads LEVEL/N[.p/W] and entries/N[.p/W]. The spelling is that of
// golang.org/x/mod, but for the height, which is always eight.
func (h handler) tile(path string) (answer, bool) {
	entries := strings.HasPrefix(path, "entries/")
	if entries {
		path = "data/" + strings.TrimPrefix(path, "entries/")
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", translog.TileHeight, path))
	if err != nil || !entries && t.L < 0 {
		return answer{}, false
	}
	if entries {
		return answer{"getLogEntries", false, true, func(ctx context.Context) ([]byte, error) {
			return h.o.Log.Bundle(ctx, t.N, t.W)
		}}, true
	}
	return answer{"getLogTile", false, true, func(ctx context.Context) ([]byte, error) {
		return h.o.Log.Tile(ctx, translog.TileID{Level: t.L, N: t.N}, t.W)
	}}, true
}
