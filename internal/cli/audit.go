package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

// auditSource is where events are searched: the service, the records, or files.
type auditSource interface {
	// page returns the newest events that f chooses, the newest first, at most
	// f.Limit, and where to go on; the zero Cursor is the end.
	page(ctx context.Context, f journal.Filter) ([]audit.Record, journal.Cursor, error)
}

// auditSearch is what the command line asks for.
type auditSearch struct {
	filter             journal.Filter
	start, end         string
	outcome, principal string
	output             string
	most               int
	follow             bool
	files, account     string
}

func (a *app) auditCommand() *cobra.Command {
	s := &auditSearch{}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Search what happened, and who was refused",
		Long: `Search the journal for changes, signatures, refused calls and reads, the newest
first. Without --data or --file the running service is asked, for the account of
the credentials, which need the permission cloudtrail:LookupEvents; with --data
the records are read, beside a running service or without one; with --file the
files that audit-file wrote, or those of a copied directory.`,
		Args: cobra.NoArgs,
	}
	open := a.dataFlags(cmd)
	s.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.complete(time.Now()); err != nil {
			return err
		}
		if s.files != "" {
			return s.run(cmd.Context(), a.Out, auditFiles{s.files, s.account})
		}
		if !cmd.Flags().Changed("data") && !cmd.Flags().Changed("database") {
			return s.runOnService(cmd.Context(), a.Out)
		}
		dir, settings, err := open()
		if err != nil {
			return err
		}
		records, err := openRecords(cmd.Context(), dir, settings)
		if err != nil {
			return err
		}
		account, err := s.accountOf(cmd.Context(), records.Access())
		if err == nil {
			s.filter.Account = account
			err = s.run(cmd.Context(), a.Out, auditRecords{records.Search()})
		}
		return errors.Join(err, records.Close())
	}
	return cmd
}

func (s *auditSearch) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.start, "start", "", "events from this `time` on: RFC 3339, or how long ago, such as 24h")
	f.StringVar(&s.end, "end", "", "events until this `time`, likewise")
	f.StringVar(&s.filter.Name, "event-name", "", "of this operation, such as SignPayload")
	f.StringVar(&s.filter.Source, "event-source", "", "of this service, such as signer.amazonaws.com")
	f.StringVar(&s.principal, "principal", "", "by this caller: an `ARN`, a user's name, or root")
	f.StringVar(&s.filter.AccessKey, "access-key-id", "", "with this access key")
	f.StringVar(&s.filter.Resource, "resource", "", "about the resource with this `ARN`")
	f.StringVar(&s.filter.RequestID, "request-id", "", "of the request that was answered with this ID")
	f.StringVar(&s.filter.ID, "event-id", "", "with this ID")
	f.StringVar(&s.filter.ErrorCode, "error-code", "", "refused with this error, such as AccessDeniedException")
	f.StringVar(&s.outcome, "outcome", "", "success or failure")
	f.StringVar(&s.account, "account", "", "of this account, or none for the installation's own (with --data or --file; default: the first with --data, all with --file)")
	f.StringVar(&s.files, "file", "", "search the audit files in this `directory`")
	f.StringVar(&s.output, "output", "table", "table, or json for a line of JSON each")
	f.IntVar(&s.most, "max-items", 100, "events at most; 0 for all")
	f.BoolVar(&s.follow, "follow", false, "go on with what happens, the oldest first")
}

// noAccount asks for the events that belong to no account, such as those of the
// certificate authority.
const noAccount = "none"

// accountOf is whose events are searched in the records: those of the
// installation's first account, unless another is asked for.
func (s *auditSearch) accountOf(ctx context.Context, accounts access.Store) (arn.AccountID, error) {
	switch s.account {
	case noAccount:
		return "", nil
	case "":
		first, err := accounts.Account(ctx, "")
		return first.ID, err
	}
	return arn.ParseAccountID(s.account)
}

// complete checks what was asked for.
func (s *auditSearch) complete(now time.Time) (err error) {
	if s.filter.From, err = parseMoment("start", s.start, now); err != nil {
		return err
	}
	if s.filter.To, err = parseMoment("end", s.end, now); err != nil {
		return err
	}
	switch {
	case !slices.Contains([]string{"", "success", "failure"}, s.outcome):
		return fmt.Errorf("--outcome is success or failure, not %q", s.outcome)
	case !slices.Contains([]string{"table", "json"}, s.output):
		return fmt.Errorf("--output is table or json, not %q", s.output)
	case s.most < 0:
		return errors.New("--max-items is a number, or 0 for all")
	case s.follow && s.end != "":
		return errors.New("--follow has no --end")
	}
	if s.outcome != "" {
		failed := s.outcome == "failure"
		s.filter.Failed = &failed
	}
	s.filter.Principal = s.principal
	return s.filter.Check()
}

// parseMoment reads a time, or how long before now it was.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--%s %q is neither a time such as 2026-11-25T10:00:00Z nor how long ago, such as 24h", flag, text)
	}
	return at, nil
}

// auditPage is how many events are asked for at once: LookupEvents has no more.
const auditPage = 50

// run prints what source has.
func (s *auditSearch) run(ctx context.Context, out io.Writer, source auditSource) error {
	if s.follow {
		return s.runFollowing(ctx, out, source)
	}
	f, left := s.filter, s.most
	for {
		f.Limit = auditPage
		if s.most > 0 {
			f.Limit = min(f.Limit, left)
		}
		page, next, err := source.page(ctx, f)
		if err != nil {
			return err
		}
		if err := s.print(out, page, f.Before == journal.Cursor{}); err != nil {
			return err
		}
		left -= len(page)
		if next == (journal.Cursor{}) || s.most > 0 && left <= 0 {
			return nil
		}
		f.Before = next
	}
}

// Followed events may be committed a little after others that are dated later.
const (
	followPause = time.Second
	followSlack = 10 * time.Second
)

// runFollowing prints what there is, and then what is new, until ctx ends.
func (s *auditSearch) runFollowing(ctx context.Context, out io.Writer, source auditSource) error {
	f := s.filter
	f.Limit = auditPage
	if s.most > 0 {
		f.Limit = min(f.Limit, s.most)
	}
	page, _, err := source.page(ctx, f)
	seen := map[string]time.Time{}
	for first := true; err == nil; first = false {
		slices.Reverse(page)
		page = slices.DeleteFunc(page, func(r audit.Record) bool { _, known := seen[r.EventID]; return known })
		for _, r := range page {
			seen[r.EventID] = r.EventTime
			f.From = latestOf(f.From, r.EventTime.Add(-followSlack))
		}
		if err := s.print(out, page, first); err != nil {
			return err
		}
		for id, at := range seen {
			if at.Before(f.From) {
				delete(seen, id)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPause):
		}
		page, err = everythingSince(ctx, source, f)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// everythingSince is all that f chooses, the newest first.
func everythingSince(ctx context.Context, source auditSource, f journal.Filter) (all []audit.Record, err error) {
	for {
		f.Limit = auditPage
		page, next, err := source.page(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == (journal.Cursor{}) {
			return all, nil
		}
		f.Before = next
	}
}

// print writes records as lines or as rows under a head.
func (s *auditSearch) print(out io.Writer, records []audit.Record, head bool) error {
	if s.output == "json" {
		for _, r := range records {
			if _, err := out.Write(r.Line()); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if head {
		fmt.Fprintln(table, "TIME\tEVENT\tBY\tFROM\tON\tOUTCOME")
	}
	for _, r := range records {
		resource := ""
		if len(r.Resources) > 0 {
			resource = r.Resources[0].ARN
		}
		row := []string{r.EventTime.Format("2006-01-02T15:04:05.000Z"), r.EventName, whoOf(r), r.SourceIPAddress, resource, outcomeOf(r)}
		for i := range row {
			row[i] = firstOf(printable(row[i]), "-")
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func whoOf(r audit.Record) string {
	id := r.UserIdentity
	if r.UserIdentity.AccountID == "ANONYMOUS_PRINCIPAL" {
		return journal.Anonymous
	}
	return firstOf(id.ARN, id.PrincipalID, id.InvokedBy, id.AccessKeyID)
}

func outcomeOf(r audit.Record) string {
	if r.ErrorCode == "" {
		return "success"
	}
	return r.ErrorCode
}
