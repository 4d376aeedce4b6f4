package sqlstore

import (
	"context"
	"fmt"
	"sync"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// recording is a signature to be recorded.
type recording struct {
	job   signing.Job
	check func(signing.Standing) error
	event journal.Event
}

// maxRecordings is how many signatures one transaction records at most.
const maxRecordings = 128

// recorders has signatures under the same profile version and leaf recorded
// together: what they depend on is held and read once for all, and their rows go
// in together. Those under others do not wait for them.
type recorders struct {
	db *DB

	mu      sync.Mutex
	convoy  map[dependence]*recorder
	company int // of the convoy that was over last: the next one goes on with it
}

// dependence is what a signature depends on.
type dependence struct {
	profile              signing.ProfileKey
	version, certificate string
}

// recorder is the convoy of one dependence.
type recorder struct {
	*convoy[*recording]
	users int // under the lock of recorders
}

// record has a signature recorded, alone or with others.
func (rs *recorders) record(ctx context.Context, r *recording) error {
	on := dependence{signing.ProfileKey{Account: r.job.Account, Name: r.job.ProfileName}, r.job.ProfileVersion, r.job.CertificateID}
	c := rs.join(on)
	defer rs.leave(on, c)
	return raise(c.ride(ctx, r))
}

func (rs *recorders) join(on dependence) *recorder {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c := rs.convoy[on]
	if c == nil {
		if rs.convoy == nil {
			rs.convoy = map[dependence]*recorder{}
		}
		c = &recorder{convoy: newConvoy(maxRecordings, rs.serve)}
		c.company = rs.company
		rs.convoy[on] = c
	}
	c.users++
	return c
}

func (rs *recorders) leave(on dependence, c *recorder) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if c.users--; c.users == 0 {
		rs.company = c.company
		delete(rs.convoy, on)
	}
}

// serve records a batch in one transaction. Whom the check refuses is left out and
// harms nobody; if a statement fails, each is tried alone, so that one bad row does
// not fail its neighbours. A commit that fails is everybody's answer.
func (rs *recorders) serve(batch []*rider[*recording]) {
	var live []*rider[*recording]
	for _, r := range batch {
		if r.err = r.ctx.Err(); r.err == nil {
			r.err = errExited // unless something else comes of it
			live = append(live, r)
		}
	}
	if !rs.together(live) {
		for i := range live {
			rs.together(live[i : i+1])
		}
	}
}

// together records signatures in one transaction, and returns false if none is
// recorded because of a statement that failed: another one's perhaps.
func (rs *recorders) together(batch []*rider[*recording]) bool {
	if len(batch) == 0 {
		return true
	}
	ctx := batch[0].ctx
	if len(batch) > 1 {
		ctx = context.WithoutCancel(ctx) // the others wait, too
	}
	var failed error
	var refused []error
	err := rs.db.write(ctx, func(tx querier) (err error) {
		var accepted []*recording
		if accepted, refused, err = rs.hold(tx, batch); err == nil {
			failed = recordAll(tx, accepted)
			err = failed
		}
		return err
	})
	if failed != nil && len(batch) > 1 && !outOfOrder(failed) {
		return false
	}
	for i, r := range batch { // not before: until here, nothing is on record
		if r.err = err; err == nil {
			r.err = refused[i]
		}
	}
	return true
}

// hold reads what the batch depends on, holds it until tx ends, and returns those
// that it allows, and for each of the batch why not.
func (rs *recorders) hold(tx querier, batch []*rider[*recording]) (accepted []*recording, refused []error, err error) {
	standing, err := rs.db.holdSigning(tx, batch[0].wants.job)
	if err != nil {
		return nil, nil, err
	}
	refused = make([]error, len(batch))
	for i, r := range batch {
		refused[i] = call(func(querier) error { return r.wants.refuse(standing) }, tx)
		if refused[i] == nil {
			accepted = append(accepted, r.wants)
		}
	}
	return accepted, refused, nil
}

// refuse says why a signature must not be recorded.
func (r *recording) refuse(s signing.Standing) error {
	switch {
	case r.job.CertificateHash != s.Leaf.Hash:
		return fmt.Errorf("job %s: the certificate hash is not that of certificate %s", r.job.ID, s.Leaf.ID)
	case r.job.Revocation != nil, r.event.Outcome != journal.Outcome{}:
		return fmt.Errorf("job %s is not new, or its event not that it was made", r.job.ID)
	}
	return r.check(s)
}

// recordAll writes the rows of signatures and of their events, in the same order.
func recordAll(tx querier, all []*recording) error {
	jobs, events := make([]any, 0, len(all)*insertJobs.columns), make([]any, 0, len(all)*insertActs.columns)
	for _, r := range all {
		jobs = appendJob(jobs, &r.job)
		events = appendAct(events, &r.event)
	}
	if err := insertJobs.rows(tx, jobs); err != nil {
		return err
	}
	return insertActs.rows(tx, events)
}
