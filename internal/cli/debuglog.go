package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// debugLog writes what notation-go and our own client log, for -d. It is a
// notation-go log.Logger; the library prints nothing without one.
type debugLog struct {
	mu sync.Mutex
	w  io.Writer
}

func newDebugLog(w io.Writer) *debugLog { return &debugLog{w: w} }

func (l *debugLog) write(level, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "%s %-5s %s\n", time.Now().UTC().Format("2006-01-02 15:04:05.000000Z"), level, strings.TrimRight(message, "\n"))
}

// The methods notation-go asks for: a level each, in print, format and line
// form.
func (l *debugLog) Debug(args ...any)                 { l.write("DEBUG", fmt.Sprint(args...)) }
func (l *debugLog) Debugf(format string, args ...any) { l.write("DEBUG", fmt.Sprintf(format, args...)) }
func (l *debugLog) Debugln(args ...any)               { l.write("DEBUG", fmt.Sprintln(args...)) }
func (l *debugLog) Info(args ...any)                  { l.write("INFO", fmt.Sprint(args...)) }
func (l *debugLog) Infof(format string, args ...any)  { l.write("INFO", fmt.Sprintf(format, args...)) }
func (l *debugLog) Infoln(args ...any)                { l.write("INFO", fmt.Sprintln(args...)) }
func (l *debugLog) Warn(args ...any)                  { l.write("WARN", fmt.Sprint(args...)) }
func (l *debugLog) Warnf(format string, args ...any)  { l.write("WARN", fmt.Sprintf(format, args...)) }
func (l *debugLog) Warnln(args ...any)                { l.write("WARN", fmt.Sprintln(args...)) }
func (l *debugLog) Error(args ...any)                 { l.write("ERROR", fmt.Sprint(args...)) }
func (l *debugLog) Errorf(format string, args ...any) { l.write("ERROR", fmt.Sprintf(format, args...)) }
func (l *debugLog) Errorln(args ...any)               { l.write("ERROR", fmt.Sprintln(args...)) }
