// Package audit takes the journal out of the service: its rows as lines in
// CloudTrail's format, and the sinks that keep them.
//
// A line is one JSON object. Whatever bytes a client sends as its name, its user
// agent or its parameters, they are escaped within a string: they cannot end a
// line, begin another, or speak to a terminal.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// eventVersion is the version of CloudTrail's format.
const eventVersion = "1.11"

// Record is a row of the journal in CloudTrail's format. It has one member of our
// own: where the row stands in the journal.
type Record struct {
	EventVersion        string           `json:"eventVersion"`
	UserIdentity        Identity         `json:"userIdentity"`
	EventTime           time.Time        `json:"eventTime"`
	EventSource         string           `json:"eventSource"`
	EventName           string           `json:"eventName"`
	AWSRegion           string           `json:"awsRegion"`
	SourceIPAddress     string           `json:"sourceIPAddress"`
	UserAgent           string           `json:"userAgent"`
	ErrorCode           string           `json:"errorCode,omitempty"`
	ErrorMessage        string           `json:"errorMessage,omitempty"`
	RequestParameters   *struct{}        `json:"requestParameters"` // always null: what is kept of them is in AdditionalEventData
	ResponseElements    *struct{}        `json:"responseElements"`  // likewise
	AdditionalEventData *Additional      `json:"additionalEventData,omitempty"`
	RequestID           string           `json:"requestID,omitempty"`
	EventID             string           `json:"eventID"`
	ReadOnly            bool             `json:"readOnly"`
	Resources           []Resource       `json:"resources,omitempty"`
	EventType           string           `json:"eventType"`
	ManagementEvent     bool             `json:"managementEvent"`
	RecipientAccountID  arn.AccountID    `json:"recipientAccountId"`
	EventCategory       string           `json:"eventCategory"`
	JournalPosition     journal.Position `json:"journalPosition"`
}

// Identity is userIdentity: who asked.
type Identity struct {
	Type        string        `json:"type"`
	ARN         string        `json:"arn,omitempty"`
	AccountID   arn.AccountID `json:"accountId,omitempty"`
	PrincipalID string        `json:"principalId,omitempty"`
	AccessKeyID string        `json:"accessKeyId,omitempty"`
	UserName    string        `json:"userName,omitempty"`
	InvokedBy   string        `json:"invokedBy,omitempty"`
}

// Additional is what the service adds: why access was denied, and what only this
// kind of event has.
type Additional struct {
	Reason string          `json:"accessDecision,omitempty"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

// Resource is what an event is about.
type Resource struct {
	ARN       string        `json:"ARN"`
	AccountID arn.AccountID `json:"accountId,omitempty"`
	Type      string        `json:"type,omitempty"` // such as AWS::ECR::Repository
}

// RecordOf puts an entry into CloudTrail's format.
func RecordOf(e journal.Entry) Record {
	r := Record{
		EventVersion: eventVersion, UserIdentity: identityOf(e.Actor), EventTime: e.Time.UTC(), EventSource: e.Source, EventName: e.Name,
		AWSRegion: e.Region, SourceIPAddress: e.Actor.SourceIP, UserAgent: e.Actor.UserAgent,
		ErrorCode: e.Outcome.ErrorCode, ErrorMessage: e.Outcome.ErrorMessage, ReadOnly: e.Outcome.ReadOnly,
		RequestID: e.Actor.RequestID, EventID: e.ID, Resources: resourcesOf(e.Resource),
		EventType: "AwsApiCall", ManagementEvent: true, EventCategory: "Management", RecipientAccountID: e.Account, JournalPosition: e.Position,
	}
	if e.Actor.RequestID == "" {
		r.EventType, r.SourceIPAddress, r.UserAgent = "AwsServiceEvent", journal.SourceSealwright, journal.SourceSealwright
	}
	if e.Outcome.Reason != "" || len(e.Detail) > 0 {
		r.AdditionalEventData = &Additional{e.Outcome.Reason, e.Detail}
	}
	return r
}

// identityOf tells kinds of principals apart by their ARNs. Who showed no
// credentials is named as CloudTrail does.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func identityOf(a journal.Actor) Identity {
	if a.Principal == "" && a.RequestID == "" {
		return Identity{Type: "AWSService", InvokedBy: journal.SourceSealwright}
	}
	id := Identity{Type: "Unknown", AccessKeyID: a.AccessKeyID}
	who, err := arn.Parse(a.Principal)
	if err != nil {
		if a.Principal == journal.Anonymous {
			id.Type, id.AccountID = "AWSAccount", "ANONYMOUS_PRINCIPAL"
		} else {
			id.PrincipalID = a.Principal
		}
		return id
	}
	id.ARN, id.AccountID = a.Principal, who.Account
	kind, rest, _ := strings.Cut(who.Resource, "/")
	switch kind {
	case "root":
		id.Type = "Root"
	case "user":
		id.Type, id.UserName = "IAMUser", rest[strings.LastIndexByte(rest, '/')+1:]
	case "assumed-role":
		id.Type = "AssumedRole"
	case "federated-user":
		id.Type = "FederatedUser"
	}
	return id
}

// UserName is what LookupEvents calls who asked: the name of a user, the session
// of a role, or "root".
func (r Record) UserName() string {
	switch id := r.UserIdentity; {
	case id.UserName != "":
		return id.UserName
	case id.Type == "Root":
		return "root"
	case id.ARN != "":
		return id.ARN[strings.LastIndexByte(id.ARN, '/')+1:]
	default:
		return id.InvokedBy
	}
}

// PrincipalNamed is the ARN of an account's user by its name, or of its root; what
// is an ARN already stays as it is, and so does no name.
func PrincipalNamed(account arn.AccountID, name string) string {
	switch {
	case name == "", name == journal.Anonymous, strings.HasPrefix(name, "arn:"):
		return name
	case name == "root":
		return arn.Root(account).String()
	}
	return "arn:" + arn.Partition + ":iam::" + string(account) + ":user/" + name
}

// kinds are CloudFormation's names of resources, by service and by the first word
// of what the ARN names.
var kinds = map[[2]string]string{
	{"signer", "signing-profiles"}: "AWS::Signer::SigningProfile",
	{"signer", "signing-jobs"}:     "AWS::Signer::SigningJob",
	{"ecr", "repository"}:          "AWS::ECR::Repository",
	{"iam", "user"}:                "AWS::IAM::User",
	{"iam", "group"}:               "AWS::IAM::Group",
	{"iam", "role"}:                "AWS::IAM::Role",
	{"iam", "policy"}:              "AWS::IAM::ManagedPolicy",
	{"iam", "oidc-provider"}:       "AWS::IAM::OIDCProvider",
}

func resourcesOf(resource string) []Resource {
	if resource == "" || resource == "*" {
		return nil
	}
	named := Resource{ARN: resource}
	if a, err := arn.Parse(resource); err == nil {
		word, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "/"), "/")
		named.AccountID, named.Type = a.Account, kinds[[2]string{a.Service, word}]
	}
	return []Resource{named}
}

// Line is the record as one line of JSON, with its end.
func (r Record) Line() []byte {
	line, err := json.Marshal(r)
	if err != nil { // a detail that is no JSON; the rest must be told
		r.AdditionalEventData = &Additional{Detail: json.RawMessage(`"what only this event has cannot be read"`)}
		line, _ = json.Marshal(r)
	}
	return append(escapeUnprintable(line), '\n')
}

// escapeUnprintable escapes what JSON lets stand and terminals or readers may
// obey: DEL, the second set of control characters, and what turns the direction
// of text. All of it stands within strings.
func escapeUnprintable(line []byte) []byte {
	if !bytes.ContainsFunc(line, unprintable) {
		return line
	}
	var out bytes.Buffer
	for rest := line; len(rest) > 0; {
		c, n := utf8.DecodeRune(rest)
		switch {
		case unprintable(c) && c > 0xffff:
			high, low := utf16Pair(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		case unprintable(c):
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.Write(rest[:n])
		}
		rest = rest[n:]
	}
	return out.Bytes()
}

func unprintable(c rune) bool { return c > '~' && c != utf8.RuneError && !unicode.IsGraphic(c) }

func utf16Pair(c rune) (high, low rune) {
	c -= 0x10000
	return 0xd800 + c>>10, 0xdc00 + c&0x3ff
}

// SplitLines is the [bufio.SplitFunc] for audit files. What follows the last newline is no
// line yet: it is being written, or was when the file was copied or its writer killed.
func SplitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if atEOF && !bytes.Contains(data, []byte("\n")) {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// ParseLine reads a line that Line wrote.
func ParseLine(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("audit: not a line of an audit file: %w", err)
	}
	return r, nil
}
