package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/translog"
)

// tailLease is how long a replica that runs a tailer may not be heard of before
// another takes over.
const tailLease = 10 * time.Second

// logPause is how long the log's tailer waits after a batch, so that the next is
// larger, if not as long as any other: the log publishes once a second at most, and
// each batch costs two commits.
const logPause = time.Second / 2

// logBatch is how many entries the log's tailer delivers at once, and logYield how
// long it lets others go on before the next. While entries enter the log, nobody else
// can write on SQLite, and one processor of few is busy: a thousand took 3 ms and 20.
// Where more come in a second than that leaves room for, less than ten thousand, it
// catches up without yielding: signing would stop if it fell behind.
const (
	logBatch = 200
	logYield = 20 * time.Millisecond
)

// openAudit makes the recorder of what changes nothing, and a tailer for each
// place that the journal goes to.
func (s *Server) openAudit(ctx context.Context) (err error) {
	about := journal.Subject{Account: arn.AccountID(s.config.Account), Region: s.config.Region}
	s.recorder, err = journal.NewRecorder(journal.RecorderOptions{
		Journal: s.records.Appender(), About: about, Rate: int(s.config.AuditRate), Now: s.options.Now, Told: s.tellRecorder,
		Reads: s.config.AuditReads != "none", Data: s.config.AuditReads == "all",
	})
	if err != nil {
		return err
	}
	s.onClose(s.flushRecorder) // what was refused last is told, too
	s.measureRecorder()
	sinks, err := s.sinks()
	if err != nil {
		return err
	}
	for _, k := range sinks {
		if err := s.tail(k); err != nil {
			return err
		}
	}
	if err := s.prune(); err != nil || len(sinks) == 0 {
		return err
	}
	return s.watchTailers(ctx)
}

// prune has the journal forget what it need not keep.
func (s *Server) prune() error {
	p, err := journal.NewPruner(journal.PrunerOptions{
		Journal: s.records.Trimmer(), Stands: s.records.Tailers(), Tailers: s.tailed, Newest: s.records.NewestEntry,
		Keep: s.config.JournalKeep, KeepPassing: s.config.JournalKeepReads, Now: s.options.Now, Told: s.toldOfPruning,
	})
	if err == nil {
		s.work = append(s.work, p.Run)
	}
	return err
}

func (s *Server) toldOfPruning(removed int, err error) {
	if err != nil {
		s.options.Logger.Error("the journal cannot be pruned", "error", fault.Whole(err))
		return
	}
	s.options.Logger.Info("the journal was pruned", "rows", removed)
}

// namedSink is a place that the journal goes to.
type namedSink struct {
	name   string // of its tailer
	sink   journal.Sink
	reader journal.Reader // of what it needs to know
}

// sinks are those that the settings name.
func (s *Server) sinks() (sinks []namedSink, err error) {
	c, all := s.config, s.records.Journal()
	if s.log != nil {
		sinks = append(sinks, namedSink{translog.Tailer, s.log, s.records.Gist()})
	}
	if c.AuditFile != "" {
		files, err := audit.NewFiles(audit.FileOptions{Directory: c.AuditFile, Size: c.AuditFileSize, Age: c.AuditFileAge, Keep: c.AuditFileKeep, Now: s.options.Now})
		if err != nil {
			return nil, fmt.Errorf("audit-file: %w", err)
		}
		s.onClose(files.Close)
		sinks = append(sinks, namedSink{"file", files, all})
	}
	if c.AuditSyslog != "" {
		trusted, err := roots(c.AuditSyslogCAFile)
		if err != nil {
			return nil, fmt.Errorf("audit-syslog-ca-file: %w", err)
		}
		syslog, err := audit.NewSyslog(c.AuditSyslog, trusted)
		if err != nil {
			return nil, fmt.Errorf("audit-syslog: %w", err)
		}
		s.onClose(syslog.Close)
		sinks = append(sinks, namedSink{"syslog", syslog, all})
	}
	if c.AuditStdout {
		sinks = append(sinks, namedSink{"stdout", audit.NewStream(s.stdout()), all})
	}
	return sinks, nil
}

func (s *Server) stdout() io.Writer {
	if s.options.Stdout != nil {
		return s.options.Stdout
	}
	return os.Stdout
}

// tail has the journal delivered to a sink while the server runs.
func (s *Server) tail(k namedSink) error {
	lease := time.Duration(0) // SQLite's directory is locked: there is no other replica
	if s.config.Database != "" {
		lease = tailLease
	}
	holder, err := s.holder()
	if err != nil {
		return err
	}
	series := s.metrics.Tailer(k.name, func() (int64, float64) { return s.lag(k.name) })
	wake := make(chan struct{}, 1)
	s.records.Wake(wake)
	o := journal.TailerOptions{
		Name: k.name, Reader: k.reader, Stands: s.records.Tailers(), Sink: k.sink, Holder: holder, Lease: lease, Wake: wake, Now: s.options.Now,
		Told: func(n int, err error) {
			series.Step(n, err)
			s.toldOfTailer(k.name, n, err)
		},
	}
	if k.name == translog.Tailer {
		o.Pause, o.Batch, o.Yield = logPause, logBatch, logYield
	}
	t, err := journal.NewTailer(o)
	if err != nil {
		return err
	}
	s.tailed = append(s.tailed, k.name)
	s.work = append(s.work, t.Run)
	return nil
}

// holder names this replica to the others: the same after a restart, so that it
// goes on at once with what it did. If two have the same name, which takes the
// same host name and directory on two machines, the other still gives way.
func (s *Server) holder() (string, error) {
	path, err := filepath.Abs(s.dir.Path)
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	return host + ":" + path, err
}

// toldOfTailer logs that a tailer has begun to fail, and that it works again.
func (s *Server) toldOfTailer(name string, delivered int, err error) {
	_, failing := s.failing.Load(name)
	switch {
	case err != nil && !failing:
		s.failing.Store(name, true)
		s.options.Logger.Error("the journal cannot be delivered", "tailer", name, "error", fault.Whole(err))
	case err == nil && failing && delivered > 0:
		s.failing.Delete(name)
		s.options.Logger.Info("the journal is delivered again", "tailer", name)
	}
	if delivered > 0 {
		s.watch.Wake()
	}
}

// watchTailers has signing stop when one of them does not keep up.
func (s *Server) watchTailers(ctx context.Context) (err error) {
	s.watch, err = journal.NewWatch(journal.WatchOptions{
		Names: s.tailed, Reader: s.records.Journal(), Stands: s.records.Tailers(), Newest: s.records.NewestEntry,
		MaxEntries: s.config.AuditMaxEntries, MaxAge: s.config.AuditMaxLag, Now: s.options.Now,
		Told: func(err error) {
			s.options.Logger.Error("looking whether the journal is delivered", "error", fault.Whole(err))
		},
	})
	if err != nil {
		return err
	}
	s.work = append(s.work, s.watch.Run)
	return s.watch.Look(ctx) // or the first signatures would be refused: nobody knew yet
}

// maySign is nil while what is signed is seen where it should be; its error is one
// that callers may read.
func (s *Server) maySign() error {
	if s.watch == nil || s.watch.Check() == nil {
		return nil
	}
	return journal.ErrBehind
}

// auditKeepsUp is a check of readiness: its error says who is behind.
func (s *Server) auditKeepsUp(context.Context) error {
	if s.watch == nil {
		return nil
	}
	return s.watch.Check()
}

// lag is how far a tailer is behind, for the metrics.
func (s *Server) lag(name string) (entries int64, seconds float64) {
	if s.watch == nil {
		return 0, 0
	}
	for _, l := range s.watch.Lags() {
		if l.Name == name {
			return l.Entries, l.Age.Seconds()
		}
	}
	return 0, 0
}

// tellRecorder logs what the journal has not been told.
func (s *Server) tellRecorder(lost journal.Lost, err error) {
	if err != nil {
		s.options.Logger.Error("refused calls and reads cannot be recorded", "error", fault.Whole(err))
		return
	}
	s.options.Logger.Warn("refused calls and reads came faster than they are recorded", "lostRefusals", lost.Refusals, "lostReads", lost.Reads)
}

// flushWithin is how long the last events may take to be recorded.
const flushWithin = 5 * time.Second

func (s *Server) flushRecorder() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	if err := s.recorder.Flush(ctx); err != nil {
		return errors.Join(errors.New("refused calls and reads of the last moment were not recorded"), err)
	}
	return nil
}

func (s *Server) measureRecorder() {
	s.metrics.Count("audit_lost_refusals_total", "Refused calls that came faster than they are recorded.", func() uint64 { return s.recorder.Lost().Refusals })
	s.metrics.Count("audit_lost_reads_total", "Reads that came faster than they are recorded.", func() uint64 { return s.recorder.Lost().Reads })
}
