package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// panicPause is the time from one panic that is logged to the next: a request
// that causes one can be sent again and again.
const panicPause = time.Minute

// reportPanics has a handler that panics logged, as net/http would where nobody
// looks, and the connection cut. [http.ErrAbortHandler] is no defect.
func (s *Server) reportPanics(next http.Handler) http.Handler {
	var last atomic.Pointer[time.Time]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			now, before := time.Now(), last.Load()
			if value != http.ErrAbortHandler && (before == nil || now.Sub(*before) >= panicPause) && last.CompareAndSwap(before, &now) {
				s.options.Logger.Error("a request made the service panic: this is a defect, please report it; more of them within a minute are not logged",
					"panic", value, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// webLog takes what net/http logs. What it says of the listener, such as that no
// file descriptor is left, is for the operator; it then waits by itself. The rest
// is of clients, who could fill the log.
type webLog struct{ *slog.Logger }

// Write logs one message.
func (l webLog) Write(message []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.HasPrefix(message, []byte("http: Accept error")) {
		level = slog.LevelError
	}
	l.Log(context.Background(), level, string(bytes.TrimSpace(message)))
	return len(message), nil
}
