package signing_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

func TestJobs(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	if _, err := w.PutProfile(t.Context(), signing.ProfileSpec{
		ProfileKey: signing.ProfileKey{Account: account, Name: "short"}, Platform: signing.NotationPlatform,
		Validity: signing.ValidityPeriod{Value: 1, Unit: signing.Days},
	}); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // of jobs, by id
	for _, name := range []string{"a", "b", "c", "d"} {
		key := image
		if name == "b" {
			key.Name = "short"
		}
		r := request(key)
		if name == "c" {
			r.Caller = signing.Caller{Account: "444455556666", ARN: "arn:aws:iam::444455556666:root"}
		}
		signature, err := w.Sign(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		names[signature.Job.ID] = name
		if name == "d" {
			if err := w.RevokeSignature(t.Context(), signing.RevokeSignatureRequest{Caller: caller, Job: signature.Job.JobKey, Reason: "x"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func(f signing.JobFilter) (text, next string) {
		t.Helper()
		f.Account = account
		page, next, err := w.Jobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page {
			text += names[j.ID]
		}
		if next != "" {
			text += "…"
		}
		return text, next
	}
	yes, no := true, false
	soon := w.clock.now().Add(48 * time.Hour)
	for _, c := range []struct {
		filter signing.JobFilter
		want   string
	}{
		{signing.JobFilter{Limit: 10}, "dcba"},
		{signing.JobFilter{Limit: 4}, "dcba"},
		{signing.JobFilter{Limit: 10, Revoked: &yes}, "d"},
		{signing.JobFilter{Limit: 10, Revoked: &no}, "cba"},
		{signing.JobFilter{Limit: 10, ExpiresBefore: soon}, "b"},
		{signing.JobFilter{Limit: 10, ExpiresAfter: soon}, "dca"},
		{signing.JobFilter{Limit: 10, Invoker: "444455556666"}, "c"},
		{signing.JobFilter{Limit: 10, RequestedBy: caller.ARN}, "dba"},
		{signing.JobFilter{Limit: 10, Platform: "none"}, ""},
		{signing.JobFilter{Limit: 10, Platform: signing.NotationPlatform}, "dcba"},
	} {
		if got, _ := list(c.filter); got != c.want {
			t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
		}
	}
	first, next := list(signing.JobFilter{Limit: 3})
	rest, _ := list(signing.JobFilter{Limit: 3, After: next})
	if first != "dcb…" || rest != "a" {
		t.Errorf("pages %q and %q", first, rest)
	}
}

func TestJobNotFound(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	j := w.sign(t, image).Job
	for _, key := range []signing.JobKey{{Account: account, ID: "unknown"}, {Account: "444455556666", ID: j.ID}} {
		if _, err := w.Job(t.Context(), key); !errors.Is(err, signing.ErrJobNotFound) || !strings.Contains(err.Error(), key.ID) {
			t.Errorf("%+v: %v", key, err)
		}
	}
}
