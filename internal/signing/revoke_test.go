package signing_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sealwright/sealwright/internal/signing"
)

// TestRevokeProfile walks around the second a revocation counts from.
func TestRevokeProfile(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	before := w.query(t, w.sign(t, image))
	w.clock.advance(time.Second)
	at := w.query(t, w.sign(t, image))
	r := revocation(w, p) // .7 of a second: its fraction is dropped
	w.clock.advance(time.Second)
	after := w.query(t, w.sign(t, image))
	w.clock.advance(time.Second)
	if err := w.RevokeProfile(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	version := p.VersionARN().String()
	w.mustStatus(t, before)
	w.mustStatus(t, at, version)
	w.mustStatus(t, after, version)

	got, err := w.Profile(t.Context(), image)
	if err != nil || got.Status != signing.Revoked || got.StatusReason != r.Reason {
		t.Fatalf("%+v, %v", got, err)
	}
	want := signing.ProfileRevocation{EffectiveFrom: at.SignedAt, RevokedAt: w.clock.now().UTC(), RevokedBy: caller.ARN, Reason: r.Reason}
	if *got.Revocation != want {
		t.Errorf("revocation\n got %+v\nwant %+v", *got.Revocation, want)
	}
	if e := w.last(t); e.Name != "RevokeSigningProfile" || detail(t, e)["reason"] != r.Reason {
		t.Errorf("event %+v: %s", e, e.Detail)
	}
	if _, err := w.Sign(t.Context(), request(image)); !errors.Is(err, signing.ErrProfileNotActive) {
		t.Errorf("sign: %v", err)
	}
	if err := w.CancelProfile(t.Context(), image); err != nil {
		t.Error(err)
	}
	if got, err := w.Profile(t.Context(), image); err != nil || got.Status != signing.Revoked {
		t.Errorf("cancel made a revoked profile %s, %v", got.Status, err)
	}
}

func TestRevokeProfileAgain(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	before := w.query(t, w.sign(t, image))
	w.clock.advance(time.Hour)
	r := revocation(w, p)
	for range 2 { // the same again changes nothing
		if err := w.RevokeProfile(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	w.mustStatus(t, before)
	w.clock.advance(time.Minute)
	later := r
	later.EffectiveTime = r.EffectiveTime.Add(time.Second)
	if err := w.RevokeProfile(t.Context(), later); !errors.Is(err, signing.ErrInvalid) || !strings.Contains(err.Error(), "earlier") {
		t.Errorf("moved later: %v", err)
	}
	r.EffectiveTime, r.Reason = r.EffectiveTime.Add(-2*time.Hour), "worse than thought"
	if err := w.RevokeProfile(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.mustStatus(t, before, p.VersionARN().String())
	if got, err := w.Profile(t.Context(), image); err != nil || got.Revocation.Reason != r.Reason || !got.Revocation.RevokedAt.Equal(w.clock.now()) {
		t.Errorf("%+v, %v", got.Revocation, err)
	}
}

// TestRevokeOlderVersion revokes what a newer version has replaced, and leaves
// the newer one alone.
func TestRevokeOlderVersion(t *testing.T) {
	w := newWorld(t)
	w.Service = w.replica(t, signing.Options{AllowReuseOfEndedNames: true})
	first := w.put(t, image)
	old := w.query(t, w.sign(t, image))
	if err := w.CancelProfile(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	second := w.put(t, image)
	recent := w.query(t, w.sign(t, image))
	if err := w.RevokeProfile(t.Context(), revocation(w, first)); err != nil {
		t.Fatal(err)
	}
	w.mustStatus(t, old, first.VersionARN().String())
	w.mustStatus(t, recent)
	if got, err := w.Profile(t.Context(), image); err != nil || got.Version != second.Version || got.Status != signing.Active {
		t.Errorf("%+v, %v", got, err)
	}
	w.sign(t, image)
}

func TestRevokeProfileRefuses(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	for name, c := range map[string]struct {
		change func(*signing.RevokeProfileRequest)
		want   error
	}{
		"unknown profile": {func(r *signing.RevokeProfileRequest) { r.Profile.Name = "unknown" }, signing.ErrProfileNotFound},
		"unknown version": {func(r *signing.RevokeProfileRequest) { r.Version = "AAAAAAAAAA" }, signing.ErrProfileNotFound},
		"no version":      {func(r *signing.RevokeProfileRequest) { r.Version = "" }, signing.ErrInvalid},
		"no reason":       {func(r *signing.RevokeProfileRequest) { r.Reason = "" }, signing.ErrInvalid},
		"long reason":     {func(r *signing.RevokeProfileRequest) { r.Reason = strings.Repeat("é", 501) }, signing.ErrInvalid},
		"future":          {func(r *signing.RevokeProfileRequest) { r.EffectiveTime = w.clock.now().Add(time.Second) }, signing.ErrInvalid},
		"ancient":         {func(r *signing.RevokeProfileRequest) { r.EffectiveTime = time.Time{} }, signing.ErrInvalid},
	} {
		r := revocation(w, p)
		c.change(&r)
		if err := w.RevokeProfile(t.Context(), r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := w.Profile(t.Context(), image); err != nil || got.Status != signing.Active {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRevokeSignature(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	signature, other := w.sign(t, image), w.sign(t, image)
	r := signing.RevokeSignatureRequest{Caller: caller, Job: signature.Job.JobKey, Reason: "a test"}
	if err := w.RevokeSignature(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	revokedAt := w.clock.now()
	w.clock.advance(time.Hour)
	again := r
	again.Reason = "another"
	if err := w.RevokeSignature(t.Context(), again); err != nil {
		t.Errorf("again: %v", err)
	}
	j, err := w.Job(t.Context(), r.Job)
	if err != nil || j.Revocation == nil || j.Revocation.Reason != r.Reason || j.Revocation.RevokedBy != caller.ARN || !j.Revocation.RevokedAt.Equal(revokedAt) {
		t.Errorf("%+v, %v", j.Revocation, err)
	}
	if e := w.last(t); e.Name != "RevokeSignature" || e.Resource != j.ARN().String() || detail(t, e)["reason"] != r.Reason {
		t.Errorf("event %+v: %s", e, e.Detail)
	}
	w.mustStatus(t, w.query(t, signature), j.ARN().String())
	w.mustStatus(t, w.query(t, other))

	unknown := r
	unknown.Job.ID = "unknown"
	if err := w.RevokeSignature(t.Context(), unknown); !errors.Is(err, signing.ErrJobNotFound) || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("unknown job: %v", err)
	}
	r.Reason = ""
	if err := w.RevokeSignature(t.Context(), r); !errors.Is(err, signing.ErrInvalid) {
		t.Errorf("no reason: %v", err)
	}
}

// TestRevokedCertificates marks certificates as revoked where they are kept.
func TestRevokedCertificates(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	signature := w.sign(t, image)
	if err := w.RevokeProfile(t.Context(), revocation(w, p)); err != nil {
		t.Fatal(err)
	}
	if err := w.RevokeSignature(t.Context(), signing.RevokeSignatureRequest{Caller: caller, Job: signature.Job.JobKey, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	cas, err := w.db.Authority().Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revokeCertificate(t, w, signature.Job.CertificateID)
	revokeCertificate(t, w, cas.CAs[0].ID)
	q := w.query(t, signature)
	q.CertificateHashes[2] = strings.ToUpper(q.CertificateHashes[2])
	w.mustStatus(t, q, q.ProfileVersionARN, q.JobARN, q.CertificateHashes[0], q.CertificateHashes[2])
}

// TestRevokedLeafSignsNoMore has the store find the leaf revoked: the service
// takes another, and the caller does not notice.
func TestRevokedLeafSignsNoMore(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	first := w.sign(t, image)
	revokeCertificate(t, w, first.Job.CertificateID)
	second := w.sign(t, image)
	if second.Job.CertificateID == first.Job.CertificateID {
		t.Error("signed with a revoked leaf")
	}
	w.mustStatus(t, w.query(t, second))
}

func revokeCertificate(t *testing.T, w *world, id string) {
	t.Helper()
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE certificates SET revoked_at = $1 WHERE id = $2`, w.clock.now().UnixMicro(), id); err != nil {
		t.Fatal(err)
	}
}
