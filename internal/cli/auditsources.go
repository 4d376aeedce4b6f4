package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/cli/awsverbs"
	"github.com/sealwright/sealwright/internal/journal"
)

// auditService asks the running service.
type auditService struct {
	client *cloudtrail.Client
	token  *string // of the page after the last
}

func (s *auditSearch) runOnService(ctx context.Context, out io.Writer) error {
	cfg, err := awsverbs.Load(ctx)
	if err != nil {
		return err
	}
	if cfg.BaseEndpoint == nil && os.Getenv("AWS_ENDPOINT_URL") == "" && os.Getenv("AWS_ENDPOINT_URL_CLOUDTRAIL") == "" {
		return errors.New(`no service is named: run eval "$(sealwright env)", or search the records with --data or audit files with --file`)
	}
	if s.account != "" {
		return errors.New("the service tells of the account of the credentials: --account goes with --data or --file")
	}
	return s.run(ctx, out, &auditService{client: cloudtrail.NewFromConfig(cfg)})
}

// page implements [auditSource]. A place is known by the token that came with it:
// pages are asked for in order.
func (a *auditService) page(ctx context.Context, f journal.Filter) (page []audit.Record, next journal.Cursor, err error) {
	limit := int32(f.Limit)
	in := &cloudtrail.LookupEventsInput{MaxResults: &limit, LookupAttributes: attributes(f)}
	if !f.From.IsZero() {
		in.StartTime = &f.From
	}
	if !f.To.IsZero() {
		in.EndTime = &f.To
	}
	if f.Before != (journal.Cursor{}) {
		in.NextToken = a.token
	}
	out, err := a.client.LookupEvents(ctx, in)
	if err != nil {
		return nil, next, awsverbs.Explain("LookupEvents", err)
	}
	for _, e := range out.Events {
		if e.CloudTrailEvent == nil {
			continue
		}
		r, err := audit.ParseLine([]byte(*e.CloudTrailEvent))
		if err != nil {
			return nil, next, err
		}
		page = append(page, r)
	}
	if a.token = out.NextToken; a.token != nil && len(page) > 0 {
		next = placeOf(page[len(page)-1])
	}
	return page, next, nil
}

func placeOf(r audit.Record) journal.Cursor {
	return journal.Cursor{Time: r.EventTime, Position: r.JournalPosition}
}

// attributes are a filter's in LookupEvents' words, and in those of ours.
func attributes(f journal.Filter) (all []types.LookupAttribute) {
	add := func(key, value string) {
		if value != "" {
			all = append(all, types.LookupAttribute{AttributeKey: types.LookupAttributeKey(key), AttributeValue: &value})
		}
	}
	add("EventId", f.ID)
	add("EventName", f.Name)
	add("EventSource", f.Source)
	add("Username", f.Principal)
	add("AccessKeyId", f.AccessKey)
	add("ResourceName", f.Resource)
	add("RequestId", f.RequestID)
	add("ErrorCode", f.ErrorCode)
	if f.Failed != nil {
		add("Outcome", map[bool]string{true: "failure", false: "success"}[*f.Failed])
	}
	return all
}

// auditRecords reads the records.
type auditRecords struct{ journal journal.Searcher }

// page implements [auditSource].
func (a auditRecords) page(ctx context.Context, f journal.Filter) (page []audit.Record, next journal.Cursor, err error) {
	f.Principal = audit.PrincipalNamed(f.Account, f.Principal)
	found, err := a.journal.Search(ctx, f)
	for _, e := range found {
		page = append(page, audit.RecordOf(e))
	}
	if len(found) == f.Limit {
		next = found[len(found)-1].Place()
	}
	return page, next, err
}

// auditFiles reads audit files.
type auditFiles struct{ directory, account string }

// page implements [auditSource]: it reads the files from the newest on.
func (a auditFiles) page(_ context.Context, f journal.Filter) (page []audit.Record, next journal.Cursor, err error) {
	names, err := audit.FileNames(a.directory)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("there are no audit files in %s: name the directory of audit-file", a.directory)
	}
	for _, name := range slices.Backward(names) {
		var found []audit.Record
		if found, err = matching(name, a.account, f); err != nil {
			return nil, next, err
		}
		slices.Reverse(found)
		page = append(page, found...)
		if len(page) >= f.Limit {
			page = page[:f.Limit]
			return page, placeOf(page[len(page)-1]), nil
		}
	}
	return page, next, err
}

// matching are the records of a file that a filter chooses, in order.
func matching(name, account string, f journal.Filter) (found []audit.Record, err error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it was kept long enough, and removed since it was listed
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	in.Split(audit.SplitLines)
	for n := 1; in.Scan(); n++ {
		r, err := audit.ParseLine(in.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		if (account == "" || account == cmp.Or(string(r.RecipientAccountID), noAccount)) && matches(f, r) {
			found = append(found, r)
		}
	}
	return found, in.Err()
}

// matches is what a search of the records does, for a line.
func matches(f journal.Filter, r audit.Record) bool {
	resource := ""
	if len(r.Resources) > 0 {
		resource = r.Resources[0].ARN
	}
	for _, pair := range [][2]string{
		{f.ID, r.EventID}, {f.RequestID, r.RequestID}, {f.Name, r.EventName}, {f.Source, r.EventSource},
		{f.AccessKey, r.UserIdentity.AccessKeyID}, {f.Resource, resource}, {f.ErrorCode, r.ErrorCode},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	switch {
	case !f.From.IsZero() && r.EventTime.Before(f.From), !f.To.IsZero() && r.EventTime.After(f.To):
		return false
	case f.Failed != nil && *f.Failed != (r.ErrorCode != ""):
		return false
	case f.Before != (journal.Cursor{}) && r.JournalPosition >= f.Before.Position:
		return false
	case strings.HasPrefix(f.Principal, "arn:"):
		return f.Principal == r.UserIdentity.ARN
	}
	return f.Principal == "" || f.Principal == r.UserName()
}
