package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/peertest"
)

// history fills the journal with events of two accounts, a second apart, and
// returns the IDs of the first's, the newest first.
func history(t *testing.T, s *Server, n int) (ids []string) {
	t.Helper()
	var events []journal.Event
	for i := range n {
		for _, account := range []arn.AccountID{"111122223333", "444455556666"} {
			e := journal.New(t.Context(), time.Now().Add(time.Duration(i-n)*time.Second), journal.SourceECR, fmt.Sprint("Event", i%3), journal.Subject{Account: account, Region: "us-east-1"}, nil)
			events = append(events, e)
			if account == "111122223333" {
				ids = append(ids, e.ID)
			}
		}
	}
	if err := s.records.Appender().Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(ids)
	return ids
}

func lookup(name, value string) *cloudtrail.LookupEventsInput {
	return &cloudtrail.LookupEventsInput{StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(-time.Second / 2)), LookupAttributes: []types.LookupAttribute{
		{AttributeKey: types.LookupAttributeKey(name), AttributeValue: &value},
	}}
}

func TestLookupEventsPages(t *testing.T) {
	s, _ := run(t, settings(t))
	want := history(t, s, 120)
	client := cloudtrail.NewFromConfig(awsConfig(t, s))
	var got []string
	pages := cloudtrail.NewLookupEventsPaginator(client, lookup("EventSource", journal.SourceECR))
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, *e.EventId)
			if !strings.Contains(*e.CloudTrailEvent, *e.EventId) || *e.ReadOnly != "false" {
				t.Errorf("event %+v", e)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d events, want %d of this account, the newest first", len(got), len(want))
	}
}

func TestLookupEventsRefuses(t *testing.T) {
	s, _ := run(t, settings(t))
	client := cloudtrail.NewFromConfig(awsConfig(t, s))
	refused := func(in *cloudtrail.LookupEventsInput) error {
		t.Helper()
		_, err := client.LookupEvents(t.Context(), in)
		if err == nil {
			t.Fatalf("%+v is answered", in)
		}
		return err
	}
	backwards := lookup("EventName", "x")
	backwards.StartTime, backwards.EndTime = backwards.EndTime, backwards.StartTime
	var times *types.InvalidTimeRangeException
	if err := refused(backwards); !errors.As(err, &times) {
		t.Error(err)
	}
	var attribute *types.InvalidLookupAttributesException
	for _, in := range []*cloudtrail.LookupEventsInput{lookup("Colour", "red"), lookup("ReadOnly", "perhaps"), lookup("Outcome", "good")} {
		if err := refused(in); !errors.As(err, &attribute) {
			t.Error(err)
		}
	}
	twice := lookup("EventName", "x")
	twice.LookupAttributes = append(twice.LookupAttributes, twice.LookupAttributes...)
	if err := refused(twice); !errors.As(err, &attribute) {
		t.Error(err)
	}
	var token *types.InvalidNextTokenException
	for _, bad := range []string{"x", "MS8w", "LTEvMQ"} {
		if err := refused(&cloudtrail.LookupEventsInput{NextToken: &bad}); !errors.As(err, &token) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	var category *types.InvalidEventCategoryException
	if err := refused(&cloudtrail.LookupEventsInput{EventCategory: types.EventCategoryInsight}); !errors.As(err, &category) {
		t.Error(err)
	}
}

// TestLookupEventsWithTheAWSProgram: what is asked for in AWS's own words.
func TestLookupEventsWithTheAWSProgram(t *testing.T) {
	program := peertest.Program(t, "awscli", "aws")
	s, _ := run(t, settings(t))
	want := history(t, s, 60)
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	c := exec.CommandContext(t.Context(), program, "--endpoint-url", s.URL(), "--region", "us-east-1", "--output", "text",
		"cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=Event1", "--query", "Events[].EventId")
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ACCESS_KEY_ID="+root.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+root.Secret,
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	c.Stderr = &errs
	out, err := c.Output()
	got := strings.Fields(string(out))
	if err != nil || len(got) != 20 || got[0] != want[1] {
		t.Fatalf("%v %s: got %d events, %q", err, &errs, len(got), got)
	}
}
