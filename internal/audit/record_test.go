package audit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

func entry(p journal.Position) journal.Entry {
	return journal.Entry{Position: p, Event: journal.Event{
		ID: "0197f3a4-0000-7000-8000-000000000001", Time: time.Date(2026, 11, 25, 10, 0, 0, 123000, time.UTC), Account: "111122223333", Region: "us-east-1",
		Source: journal.SourceSigner, Name: "SignPayload", Resource: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/p",
		Actor:   journal.Actor{Principal: "arn:aws:iam::111122223333:user/team/alice", AccessKeyID: "AKIA1", SourceIP: "::1", UserAgent: "aws-cli/2", RequestID: "r-1"},
		Outcome: journal.Outcome{Reason: "because"}, Detail: json.RawMessage(`{"jobId":"j"}`),
	}}
}

func TestRecordIsCloudTrails(t *testing.T) {
	const want = `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/team/alice","accountId":"111122223333","accessKeyId":"AKIA1","userName":"alice"},` +
		`"eventTime":"2026-11-25T10:00:00.000123Z","eventSource":"signer.amazonaws.com","eventName":"SignPayload","awsRegion":"us-east-1","sourceIPAddress":"::1","userAgent":"aws-cli/2",` +
		`"requestParameters":null,"responseElements":null,"additionalEventData":{"accessDecision":"because","detail":{"jobId":"j"}},"requestID":"r-1","eventID":"0197f3a4-0000-7000-8000-000000000001","readOnly":false,` +
		`"resources":[{"ARN":"arn:aws:signer:us-east-1:111122223333:/signing-profiles/p","accountId":"111122223333","type":"AWS::Signer::SigningProfile"}],` +
		`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","journalPosition":7}` + "\n"
	line := audit.RecordOf(entry(7)).Line()
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	back, err := audit.ParseLine(line)
	if err != nil || !reflect.DeepEqual(back, audit.RecordOf(entry(7))) {
		t.Errorf("read back: %+v, %v", back, err)
	}
}

func TestIdentities(t *testing.T) {
	for principal, want := range map[string][3]string{ // type, account, name
		"":                                     {"AWSService", "", "sealwright"},
		"arn:aws:iam::111122223333:root":       {"Root", "111122223333", "root"},
		"arn:aws:iam::111122223333:user/alice": {"IAMUser", "111122223333", "alice"},
		"arn:aws:sts::111122223333:assumed-role/r/session": {"AssumedRole", "111122223333", "session"},
		journal.Anonymous: {"AWSAccount", "ANONYMOUS_PRINCIPAL", ""},
		"somebody":        {"Unknown", "", ""},
	} {
		e := entry(1)
		e.Actor.Principal = principal
		if principal == "" {
			e.Actor = journal.Actor{}
		}
		r := audit.RecordOf(e)
		if got := [3]string{r.UserIdentity.Type, string(r.UserIdentity.AccountID), r.UserName()}; got != want {
			t.Errorf("%q: got %q, want %q", principal, got, want)
		}
	}
}

// forged are texts of clients that would like to be lines, or to speak to whoever
// reads them.
var forged = []string{
	"a\n{\"eventName\":\"Forged\"}\n", "a\r\nb", "\x1b[2J\x1b]0;x\x07", "a\u0085b", "a\u2028b\u2029", "a\u009b31m", "\u202egnp.exe", "a\"},{\"eventName\":\"Forged", "\\u000a\\", "\x7f", "\xff\xfe", "e\U000e0041",
}

func TestNobodyForgesLines(t *testing.T) {
	for _, text := range forged {
		e := entry(1)
		e.Name, e.Resource, e.Actor.UserAgent, e.Outcome.ErrorMessage, e.Actor.Principal = text, text, text, text, text
		e.Detail, _ = json.Marshal(map[string]string{"tag": text})
		checkLine(t, audit.RecordOf(e).Line(), text)
	}
}

// checkLine holds a line against what every line must be.
func checkLine(t *testing.T, line []byte, text string) {
	t.Helper()
	if bytes.Count(line, []byte("\n")) != 1 || !bytes.HasSuffix(line, []byte("\n")) {
		t.Errorf("%q: not one line: %q", text, line)
	}
	for _, c := range strings.TrimSuffix(string(line), "\n") {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029 || c >= 0x202a && c <= 0x202e {
			t.Errorf("%q: %U is in the line", text, c)
		}
	}
	r, err := audit.ParseLine(line)
	if err != nil || r.UserAgent != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(text, "\xff") {
		t.Errorf("%q: read back as %q, %v", text, r.UserAgent, err)
	}
}

func TestBrokenDetailIsLeftOut(t *testing.T) {
	e := entry(1)
	e.Detail = json.RawMessage(`{"a":`)
	r, err := audit.ParseLine(audit.RecordOf(e).Line())
	if err != nil || r.EventName != "SignPayload" || !strings.Contains(string(r.AdditionalEventData.Detail), "cannot be read") {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzLine(f *testing.F) {
	for _, text := range forged {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := entry(1)
		e.Actor.UserAgent, e.Name = text, text
		line := audit.RecordOf(e).Line()
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("%q", line)
		}
		if r, err := audit.ParseLine(line); err != nil || r.EventID != e.ID || r.EventName != r.UserAgent {
			t.Fatalf("%q: %+v, %v", line, r, err)
		}
	})
}

// TestSplitLines: who reads a file while it is written, or after its writer was
// killed, sees the lines that are whole.
func TestSplitLines(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "a": nil, "a\n": {"a"}, "a\nb": {"a"}, "a\n\nb\n": {"a", "", "b"}, strings.Repeat("x", 5000) + "\n" + strings.Repeat("y", 5000): {strings.Repeat("x", 5000)},
	} {
		var got []string
		in := bufio.NewScanner(iotest.OneByteReader(strings.NewReader(text)))
		for in.Split(audit.SplitLines); in.Scan(); {
			got = append(got, in.Text())
		}
		if !slices.Equal(got, want) || in.Err() != nil {
			t.Errorf("%.20q: %.20q, %v", text, got, in.Err())
		}
	}
}
