package awshttp

import (
	"context"
	"errors"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// Recorder records what changes nothing: refused calls, and reads. *journal.Recorder
// is one.
type Recorder interface {
	// Wants reports whether reads are recorded: of data, or of what is managed.
	Wants(data bool) bool
	// Note has an event recorded. It does not wait.
	Note(e journal.Event)
}

// unrecorded is the recorder of those who have none.
type unrecorded struct{}

func (unrecorded) Wants(bool) bool    { return false }
func (unrecorded) Note(journal.Event) {}

// OfData makes a read one that comes as often as pulls and verifications do, so
// that it is recorded only where all reads are.
func (o Operation) OfData() Operation {
	o.data = true
	return o
}

// reads are how operations begin that change nothing, in the models of the
// services here.
var reads = []string{"Get", "List", "Describe", "BatchGet", "BatchCheck", "Simulate", "Lookup", "Preview", "Validate"}

// readOnly reports whether an operation changes nothing, as CloudTrail's readOnly
// has it. GetSessionToken begins a session, and writes its own row.
func readOnly(name string) bool {
	for _, prefix := range reads {
		if strings.HasPrefix(name, prefix) {
			return name != "GetSessionToken"
		}
	}
	return false
}

// record has a call recorded that was refused, or that has read. What it changed
// is in the journal already. Who showed no credentials, or asked for nothing that
// there is, leaves no trace but in the log: anybody could fill the journal. Who hangs
// up is recorded like anybody, unless that has ended the work itself: not waiting
// for the answer is no way to probe unseen.
func (x *exchange) record(ctx context.Context, err error) {
	if x.op == nil || tooOften(err) || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	why, refused := reason(err)
	switch {
	case refused && why == missingAuthentication:
		return
	case refused && why <= accessDenied: // denials are recorded in any case
	case x.op.readOnly && !x.h.options.Recorder.Wants(x.op.data), !x.op.readOnly && err == nil:
		return
	}
	x.h.options.Recorder.Note(x.event(ctx, err))
}

// event is the call as the journal has it.
func (x *exchange) event(ctx context.Context, err error) journal.Event {
	about := journal.Subject{Account: x.call.Account, Region: x.h.options.Region, Resource: x.resourceARN}
	e := journal.New(journal.WithActor(ctx, x.actor()), x.h.options.Now(), x.service.SigningName+".amazonaws.com", x.op.Name, about, nil)
	e.Outcome.ReadOnly = x.op.readOnly
	if err == nil {
		return e
	}
	if e.Actor.AccessKeyID == "" {
		e.Actor.AccessKeyID = x.claimedKey
	}
	told := x.service.asError(err)
	e.Outcome.ErrorCode, e.Outcome.ErrorMessage, e.Outcome.Reason = told.Code, told.Message, x.denial
	return e
}

// named is an ARN as the journal has it: what is about everything names nothing.
func named(resource string) string {
	if _, err := arn.Parse(resource); err != nil {
		return ""
	}
	return resource
}
