package logapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/logapi"
	"github.com/sealwright/sealwright/internal/translog"
)

// echo answers with what it was asked for.
type echo struct{ fails error }

func (e echo) Key() string                                { return "key" }
func (e echo) Checkpoint(context.Context) (string, error) { return "checkpoint", e.fails }

func (e echo) Tile(_ context.Context, id translog.TileID, width int) ([]byte, error) {
	return fmt.Append(nil, "tile ", id.Level, " ", id.N, " ", width), e.fails
}

func (e echo) Bundle(_ context.Context, n int64, width int) ([]byte, error) {
	return fmt.Append(nil, "bundle ", n, " ", width), e.fails
}

func (e echo) Prove(_ context.Context, account arn.AccountID, job string) ([]byte, error) {
	return fmt.Append(nil, "proof ", account, " ", job), e.fails
}

func ask(l logapi.Log, method, path string) *httptest.ResponseRecorder {
	h := logapi.New(logapi.Options{Log: l, Logger: slog.New(slog.DiscardHandler), Note: func(http.ResponseWriter, string, string) {}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// TestPaths are those of https://c2sp.org/tlog-tiles, in their one spelling.
func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/log/checkpoint":                   "checkpoint",
		"/log/key":                          "key\n",
		"/log/tile/0/000":                   "tile 0 0 256",
		"/log/tile/0/x001/x234/067":         "tile 0 1234067 256",
		"/log/tile/5/003.p/7":               "tile 5 3 7",
		"/log/tile/entries/x001/000.p/255":  "bundle 1000 255",
		"/log/tile/entries/002":             "bundle 2 256",
		"/log/proof/111122223333/01a2-3b4c": "proof 111122223333 01a2-3b4c",
		"/log/":                             "",
		"/log/checkpoint/":                  "",
		"/log/tile/0/0":                     "",
		"/log/tile/0/001/002":               "",
		"/log/tile/00/001":                  "",
		"/log/tile/-1/000":                  "",
		"/log/tile/data/000":                "",
		"/log/tile/0/000.p/0":               "",
		"/log/tile/0/000.p/256":             "",
		"/log/tile/0/000.p/01":              "",
		"/log/tile/8/0/000":                 "",
		"/log/tile/0/x999/x999/x999/x999/x999/x999/x999/999": "",
		"/log/proof/1/job":                                   "",
		"/log/proof/111122223333":                            "",
		"/log/proof/111122223333/a/b":                        "",
		"/log/proof/111122223333/" + strings.Repeat("a", 65): "",
	} {
		w := ask(echo{}, "GET", path)
		if got := w.Body.String(); want != "" && (w.Code != 200 || got != want) {
			t.Errorf("%s: %d %q, want %q", path, w.Code, got, want)
		}
		if want == "" && w.Code != 404 {
			t.Errorf("%s: %d %q, want 404", path, w.Code, w.Body)
		}
	}
}

func TestHeaders(t *testing.T) {
	if got := ask(echo{}, "GET", "/log/tile/0/000").Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("a tile may be kept: %q", got)
	}
	if got := ask(echo{}, "GET", "/log/checkpoint").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("a checkpoint may not: %q", got)
	}
	if w := ask(echo{}, "HEAD", "/log/checkpoint"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "10" {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
	if w := ask(echo{}, "POST", "/log/checkpoint"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestErrors(t *testing.T) {
	if w := ask(echo{translog.ErrNoTile}, "GET", "/log/tile/0/000"); w.Code != 404 || w.Header().Get("Cache-Control") != "" {
		t.Errorf("no tile: %d", w.Code)
	}
	if w := ask(echo{translog.ErrNotLogged}, "GET", "/log/proof/111122223333/a"); w.Code != 404 {
		t.Errorf("not logged: %d", w.Code)
	}
	if w := ask(echo{errors.New("secret")}, "GET", "/log/checkpoint"); w.Code != 503 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("records away: %d %q", w.Code, w.Body)
	}
}
