// Package trailapi is the journal on the wire: LookupEvents of AWS CloudTrail, so
// that `aws cloudtrail lookup-events` and the SDKs search it.
//
// docs/divergences/cloudtrail.md lists where it differs from AWS.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
package trailapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/journal"
)

// api holds the handler.
type api struct{ journal journal.Searcher }

// Services are the surface of the journal. There are two, because the aws program
// and the Go SDK call the same operation by different targets.
func Services(j journal.Searcher) []awshttp.Service {
	a := api{j}
	s := awshttp.Service{
		SigningName:  "cloudtrail",
		Protocol:     awshttp.JSON11,
		TargetPrefix: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
		Validation:   "InvalidParameterCombinationException",
		Translate:    translate,
		Operations: []awshttp.Operation{
			awshttp.Op("LookupEvents", "cloudtrail:LookupEvents", awshttp.AnyResource, a.lookupEvents).OfData(),
		},
	}
	short := s
	short.TargetPrefix = "CloudTrail_20131101"
	return []awshttp.Service{s, short}
}

func translate(err error) awshttp.Error {
	if errors.Is(err, journal.ErrTimeRange) {
		return awshttp.Error{Code: "InvalidTimeRangeException", Status: http.StatusBadRequest}
	}
	return awshttp.Error{}
}

// maxPage is the most that is returned at once, and what is returned unasked.
const maxPage = 50

type lookupInput struct {
	Attributes []attribute   `json:"LookupAttributes" validate:"max=10"`
	StartTime  *awshttp.Time `json:"StartTime"`
	EndTime    *awshttp.Time `json:"EndTime"`
	Category   string        `json:"EventCategory"`
	MaxResults *int          `json:"MaxResults" validate:"min=1,max=50"`
	NextToken  string        `json:"NextToken" validate:"max=256"`
}

type attribute struct {
	Key   string `json:"AttributeKey" validate:"required,max=64"`
	Value string `json:"AttributeValue" validate:"required,min=1,max=2000"`
}

type lookupOutput struct {
	Events    []event `json:"Events"`
	NextToken string  `json:"NextToken,omitempty"`
}

type event struct {
	AccessKeyID string       `json:"AccessKeyId,omitempty"`
	Record      string       `json:"CloudTrailEvent"`
	ID          string       `json:"EventId"`
	Name        string       `json:"EventName"`
	Source      string       `json:"EventSource"`
	Time        awshttp.Time `json:"EventTime"`
	ReadOnly    string       `json:"ReadOnly"`
	Resources   []resource   `json:"Resources"`
	Username    string       `json:"Username,omitempty"`
}

type resource struct {
	Name string `json:"ResourceName"`
	Type string `json:"ResourceType,omitempty"`
}

func (a api) lookupEvents(ctx context.Context, c *awshttp.Call, in *lookupInput) (*lookupOutput, error) {
	f := journal.Filter{Account: c.Account, Limit: maxPage}
	if in.Category != "" {
		return nil, invalid("InvalidEventCategoryException", "There are no Insights events here: leave EventCategory out.")
	}
	if in.MaxResults != nil {
		f.Limit = *in.MaxResults
	}
	if in.StartTime != nil {
		f.From = in.StartTime.Time
	}
	if in.EndTime != nil {
		f.To = in.EndTime.Time
	}
	var err error
	if f.Before, err = openToken(in.NextToken); err != nil {
		return nil, err
	}
	if err := narrow(&f, in.Attributes); err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	return a.page(ctx, f)
}

// page asks for one more than it returns, to know whether there are more.
func (a api) page(ctx context.Context, f journal.Filter) (*lookupOutput, error) {
	limit := f.Limit
	f.Limit++
	found, err := a.journal.Search(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &lookupOutput{Events: []event{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextToken = makeToken(found[limit-1].Place())
	}
	for _, e := range found {
		out.Events = append(out.Events, eventOf(audit.RecordOf(e)))
	}
	return out, nil
}

func eventOf(r audit.Record) event {
	e := event{
		AccessKeyID: r.UserIdentity.AccessKeyID, Record: strings.TrimSuffix(string(r.Line()), "\n"), ID: r.EventID, Name: r.EventName,
		Source: r.EventSource, Time: awshttp.Time{Time: r.EventTime}, ReadOnly: strconv.FormatBool(r.ReadOnly), Resources: []resource{}, Username: r.UserName(),
	}
	for _, named := range r.Resources {
		e.Resources = append(e.Resources, resource{named.ARN, named.Type})
	}
	return e
}

// narrow puts the attributes into a filter. Beside CloudTrail's there are RequestId,
// ErrorCode and Outcome, and all that are given must hold.
func narrow(f *journal.Filter, attributes []attribute) error {
	texts := map[string]*string{
		"EventId": &f.ID, "EventName": &f.Name, "EventSource": &f.Source, "AccessKeyId": &f.AccessKey, "ResourceName": &f.Resource,
		"Username": &f.Principal, "RequestId": &f.RequestID, "ErrorCode": &f.ErrorCode,
	}
	for _, a := range attributes {
		to := texts[a.Key]
		switch {
		case to != nil && *to != "":
			return invalid("InvalidLookupAttributesException", "Give each attribute once: "+a.Key+" is there twice.")
		case a.Key == "Username":
			*to = audit.PrincipalNamed(f.Account, a.Value)
		case to != nil:
			*to = a.Value
		case a.Key == "ReadOnly" && f.ReadOnly == nil && (a.Value == "true" || a.Value == "false"):
			f.ReadOnly = ptr(a.Value == "true")
		case a.Key == "Outcome" && f.Failed == nil && (a.Value == "success" || a.Value == "failure"):
			f.Failed = ptr(a.Value == "failure")
		default:
			return invalid("InvalidLookupAttributesException", attributesHint)
		}
	}
	return nil
}

const attributesHint = "Look up by EventId, EventName, EventSource, AccessKeyId, ResourceName (an ARN), Username (a user's name, root, or a principal's ARN), RequestId, ErrorCode, ReadOnly (true or false) or Outcome (success or failure)."

func ptr[T any](v T) *T { return &v }

func invalid(code, message string) error {
	return awshttp.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

// A token is where a page ended. It is no secret: it holds only what the page showed.
func makeToken(c journal.Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.Time.UnixMicro(), 10) + "/" + strconv.FormatInt(int64(c.Position), 10)))
}

func openToken(token string) (c journal.Cursor, err error) {
	if token == "" {
		return c, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	at, position, found := strings.Cut(string(text), "/")
	micros, bad := strconv.ParseInt(at, 10, 64)
	p, worse := strconv.ParseInt(position, 10, 64)
	if err != nil || !found || bad != nil || worse != nil || p <= 0 || micros <= 0 {
		return c, invalid("InvalidNextTokenException", "NextToken is not one that LookupEvents returned: begin again without it.")
	}
	return journal.Cursor{Time: time.UnixMicro(micros).UTC(), Position: journal.Position(p)}, nil
}
