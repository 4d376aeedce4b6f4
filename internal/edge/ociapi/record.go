package ociapi

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Recorder records what changes nothing: refused requests, and reads.
// *journal.Recorder is one.
type Recorder interface {
	// Wants reports whether reads are recorded: of data, as all of /v2 are.
	Wants(data bool) bool
	// Note has an event recorded. It does not wait.
	Note(e journal.Event)
}

// unrecorded is the recorder of those who have none.
type unrecorded struct{}

func (unrecorded) Wants(bool) bool    { return false }
func (unrecorded) Note(journal.Event) {}

// record has a request recorded that was refused, or that has read, under the name
// that ECR gives to what it does. What it changed is in the journal already. That
// clients without credentials are asked for some is how each pull begins. Who has
// hung up meanwhile is recorded like anybody: not waiting for the last byte of an
// answer is no way to read unseen.
func (c *call) record(err error) {
	reading := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	switch {
	case tooOften(err):
		return
	case c.anonymous() && !c.badCredentials(err):
		return
	case c.denied(err): // recorded in any case
	case c.route.name == "", reading && !c.Recorder.Wants(true), !reading && err == nil:
		return
	}
	c.Recorder.Note(c.event(err, reading))
}

// badCredentials reports whether the caller showed credentials that are not good.
func (c *call) badCredentials(err error) bool {
	shown := c.r.Header.Get("Authorization")
	token, _ := bearer(shown)
	return errors.Is(err, errUnauthorized) && shown != "" && token != anonymousToken
}

func (c *call) denied(err error) bool {
	return err != nil && fault.KindOf(err) == fault.Denied
}

// verifyToken is the name of what failed before it was known what was asked for.
const verifyToken = "VerifyAuthorizationToken"

func (c *call) event(err error, reading bool) journal.Event {
	about := journal.Subject{Account: cmp.Or(c.Key.Account, c.account), Region: c.Registry.Region()}
	name := strings.TrimPrefix(c.route.action, "ecr:")
	if name == "" {
		name = verifyToken
	}
	if c.Name != "" {
		about.Resource = arn.Repository(about.Region, about.Account, string(c.Name)).String()
	}
	ctx := c.ctx()
	if journal.ActorFrom(ctx).RequestID == "" { // nobody was found to be asking
		ctx = journal.WithActor(ctx, c.actor(""))
	}
	e := journal.New(ctx, time.Now(), journal.SourceECR, name, about, nil)
	e.Outcome.ReadOnly = reading
	if err != nil {
		e.Outcome.ErrorCode = translate(err).code
		e.Outcome.ErrorMessage, _ = fault.Message(err)
	}
	if refused := new(denial); errors.As(err, &refused) {
		e.Outcome.Reason = refused.detail.Reason
	}
	return e
}
