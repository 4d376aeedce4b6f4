package server

import (
	"log/slog"
	"net/http"
	"time"
)

// maxLoggedPath is how much of a path the access log shows.
const maxLoggedPath = 1024

// accessLog writes a line for each request.
type accessLog struct {
	logger   *slog.Logger
	which    string // as the setting access-log has it
	sourceIP func(*http.Request) string
}

// write tells of a request that has been answered. It tells nothing that lets
// somebody in: no header, and of the URL the path alone, since queries of AWS
// clients may carry signatures.
func (l *accessLog) write(x *exchange, r *http.Request, aborted bool, took time.Duration) {
	if !l.wants(x, aborted) {
		return
	}
	path := r.URL.Path
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath] + "…"
	}
	attributes := [...]slog.Attr{
		slog.String("operation", x.operation), slog.String("principal", x.principal), slog.String("sourceIp", l.sourceIP(r)),
		slog.String("method", r.Method), slog.String("path", path), slog.Int("status", x.status),
		slog.Int64("received", x.body.read), slog.Int64("sent", x.sent), slog.Float64("seconds", took.Round(time.Microsecond).Seconds()),
		slog.String("requestId", x.Header().Get("X-Amzn-Requestid")), slog.Bool("aborted", aborted),
	}
	shown := attributes[:]
	if !aborted {
		shown = shown[:len(shown)-1]
	}
	l.logger.LogAttrs(r.Context(), slog.LevelInfo, "request", shown...)
}

// wants reports whether the exchange is one to write of.
func (l *accessLog) wants(x *exchange, aborted bool) bool {
	failed := aborted || x.status >= http.StatusBadRequest
	switch l.which {
	case "all":
		return failed || x.operation != healthz && x.operation != readyz
	case "errors":
		return failed
	}
	return false
}
