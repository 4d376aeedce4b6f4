package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"oras.land/oras-go/v2/content"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestReplicasOnPostgreSQL runs two processes on one database: what one
// acknowledges the other knows at once.
func TestReplicasOnPostgreSQL(t *testing.T) {
	database := pgtest.URL(t)
	first, blobs := t.TempDir(), t.TempDir()
	a := start(t, first, "--database", database, "--blobs", blobs)
	sc := &scene{service: a, t: t, profile: createProfile(t, a, "oracle"), images: a.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	sc.sign(sc.image)

	empty := t.TempDir()
	if _, err := launch(empty, "--database", database, "--blobs", blobs); err == nil || !strings.Contains(err.Error(), "--key-file") {
		t.Fatalf("a replica with a key of its own: %v", err)
	}
	key := first + "/wrapping.key"
	if _, err := launch(t.TempDir(), "--database", database, "--key-file", key); err == nil || !strings.Contains(err.Error(), "another directory of blobs") {
		t.Fatalf("a replica with blobs of its own: %v", err)
	}
	if _, err := launch(t.TempDir(), "--blobs", blobs); err == nil || !strings.Contains(err.Error(), "another installation") {
		t.Fatalf("another installation on the same blobs: %v", err)
	}
	b := start(t, empty, "--database", database, "--blobs", blobs, "--key-file", key)
	if b.env["AWS_ACCESS_KEY_ID"] != a.env["AWS_ACCESS_KEY_ID"] {
		t.Fatal("the replicas have different root keys")
	}
	for name, value := range b.env {
		t.Setenv(name, value) // the oracle asks the other replica
	}
	sc.oracle = sc.newOracle(profileARN("oracle"))
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Errorf("signed by one replica, verified through the other: %v", err)
	}
	manifest, err := content.FetchAll(t.Context(), b.repository("app"), sc.image)
	if err != nil || len(manifest) == 0 {
		t.Errorf("pushed to one replica, pulled from the other: %v", err)
	}
	_, err = b.signer().RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{
		ProfileName: aws.String("oracle"), ProfileVersion: sc.profile.ProfileVersion, Reason: aws.String("test"), EffectiveTime: aws.Time(time.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err == nil {
		t.Error("revoked through one replica, and the other still signs")
	}
	a.stop()
	b.stop()
}

// TestKilledServiceOnPostgreSQL is the kill loop with the records elsewhere.
func TestKilledServiceOnPostgreSQL(t *testing.T) {
	killLoop(t, "--database", pgtest.URL(t))
}
