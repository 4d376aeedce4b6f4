package translog_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/translog"
)

// TestStatementText: who has an envelope must make the same entry of it in years.
func TestStatementText(t *testing.T) {
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	got := translog.Statement{
		JobARN: "arn:job", ProfileVersionARN: "arn:profile", SignedAt: at, ExpiresAt: at.AddDate(1, 0, 0),
		PayloadSHA256: "aa", CertificateSHA256: "bb",
	}.Entry()
	want := sha256.Sum256([]byte(`sealwright signing job v1
job arn:job
profile-version arn:profile
signed 2026-03-01T12:00:00Z
expires 2027-03-01T12:00:00Z
payload sha256:aa
certificate sha256:bb
`))
	if got != translog.Hash(want) {
		t.Error("the text of a statement has changed: it takes another first line")
	}
}
