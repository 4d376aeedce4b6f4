// Package journal records what happened: one row, in the transaction that did
// it, in CloudTrail's vocabulary. Audit, events and the transparency log are
// readers of these rows, so they agree by construction.
//
// Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
package journal

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
)

// Event sources, as CloudTrail names the services.
const (
	SourceSigner     = "signer.amazonaws.com"
	SourceECR        = "ecr.amazonaws.com"
	SourceIAM        = "iam.amazonaws.com"
	SourceSTS        = "sts.amazonaws.com"
	SourceSealwright = "sealwright"
)

// Event is one row of the journal.
type Event struct {
	ID       string          // eventID, a UUIDv7
	Time     time.Time       // eventTime, UTC, microseconds
	Account  arn.AccountID   // recipientAccountId: whose journal this belongs to
	Region   string          // awsRegion
	Source   string          // eventSource, one of the Source constants
	Name     string          // eventName: the operation, such as SignPayload
	Resource string          // the ARN acted upon; "" when the act has none
	Actor    Actor           // userIdentity and where the request came from
	Detail   json.RawMessage // a JSON object with what only this kind of event has; nil for none
	Outcome  Outcome
}

// Outcome is what came of a call. The zero Outcome is that of a change that was
// made.
type Outcome struct {
	ErrorCode    string // errorCode: why it was refused, by the name its caller got; "" if it was done
	ErrorMessage string // errorMessage, as its caller got it
	Reason       string // of a denial, which policy decided or was missing
	ReadOnly     bool   // readOnly: it changes nothing
}

// Failed reports whether the call was refused.
func (o Outcome) Failed() bool { return o.ErrorCode != "" }

// Actor is who asked and from where. The zero Actor is the service itself.
type Actor struct {
	Principal   string // ARN of the caller
	AccessKeyID string // accessKeyId used, "" for none
	SourceIP    string // sourceIPAddress
	UserAgent   string // userAgent; see [WithActor]
	RequestID   string // requestID, as answered to the caller
}

// Anonymous is the Principal of callers without credentials.
const Anonymous = "anonymous"

type actorKey struct{}

// maxUserAgent bounds what is kept of a client's name, in bytes.
const maxUserAgent = 256

// WithActor returns a context that carries the actor of a request. Edges set
// it once, after authentication. Of the user agent it keeps the beginning, and
// what is no UTF-8 is replaced: HTTP lets clients send any bytes, and a name
// that cannot be stored must not stop what the client may do.
func WithActor(ctx context.Context, a Actor) context.Context {
	a.UserAgent = strings.ToValidUTF8(a.UserAgent[:min(len(a.UserAgent), maxUserAgent)], "?")
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of ctx, or the zero Actor (the service itself).
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// Subject is what an event is about.
type Subject struct {
	Account  arn.AccountID
	Region   string
	Resource string // ARN, or ""
}

// New makes the event of an act by ctx's actor. detail is marshalled to JSON
// and must be a struct or a map that marshals, or nil.
func New(ctx context.Context, now time.Time, source, name string, about Subject, detail any) Event {
	e := Event{
		ID:       uuid.Must(uuid.NewV7()).String(),
		Time:     now.UTC().Truncate(time.Microsecond),
		Account:  about.Account,
		Region:   about.Region,
		Source:   source,
		Name:     name,
		Resource: about.Resource,
		Actor:    ActorFrom(ctx),
	}
	if detail != nil {
		e.Detail, _ = json.Marshal(detail) // plain structs and maps only: cannot fail
	}
	return e
}

// Position is a place in the journal: a reader that has seen everything up to
// and including it asks for what comes after. Zero is the beginning.
type Position int64

// Entry is an event where it stands in the journal.
type Entry struct {
	Position Position
	Event
}

// Reader reads the journal in order. An entry once skipped over never appears
// later: an implementation whose commits may land out of order returns only
// entries below the oldest transaction still running.
type Reader interface {
	// Read returns at most limit entries after the position, in order.
	Read(ctx context.Context, after Position, limit int) ([]Entry, error)
}
