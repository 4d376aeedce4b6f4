package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (c Config) checkAudit() error {
	switch {
	case c.AuditSyslogCAFile != "" && !strings.HasPrefix(c.AuditSyslog, "tls://"):
		return fmt.Errorf("audit-syslog-ca-file: it is for an audit-syslog of tls://, and %q is none", c.AuditSyslog)
	case c.AuditFileSize < 64<<10:
		return fmt.Errorf("audit-file-size: want at least 65536 bytes")
	case c.AuditFileAge < time.Minute:
		return fmt.Errorf("audit-file-age: %s: want at least 1m", c.AuditFileAge)
	case c.AuditFileKeep < 0:
		return fmt.Errorf("audit-file-keep: %s: want a time, or 0 to keep all", c.AuditFileKeep)
	case c.AuditMaxEntries < 1:
		return fmt.Errorf("audit-max-entries: want a positive number")
	case c.AuditMaxLag < 5*time.Second:
		return fmt.Errorf("audit-max-lag: %s: want at least 5s", c.AuditMaxLag)
	case !slices.Contains([]string{"none", "api", "all"}, c.AuditReads):
		return fmt.Errorf("audit-reads: %q: want none, api or all", c.AuditReads)
	case c.AuditRate < 1:
		return fmt.Errorf("audit-rate: want a positive number")
	}
	return c.checkJournal()
}

// checkJournal bounds how soon the journal forgets: what is searched for after a
// bad night must be there in the morning.
func (c Config) checkJournal() error {
	for _, s := range []struct {
		name string
		keep time.Duration
	}{{"journal-keep", c.JournalKeep}, {"journal-keep-reads", c.JournalKeepReads}} {
		if s.keep != 0 && s.keep < 24*time.Hour {
			return fmt.Errorf("%s: %s: want at least 24h, or 0 to keep all", s.name, s.keep)
		}
	}
	if c.JournalKeep != 0 && (c.JournalKeepReads == 0 || c.JournalKeepReads > c.JournalKeep) {
		return fmt.Errorf("journal-keep-reads: reads are not kept longer than changes: want at most journal-keep, %s", c.JournalKeep)
	}
	return nil
}
