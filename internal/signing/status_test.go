package signing_test

import (
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

// query asks about a signature what a verifier asks, with nothing but the
// envelope in its hands.
func (w *world) query(t testing.TB, s signing.Signature) signing.RevocationQuery {
	t.Helper()
	e := open(t, s)
	return signing.RevocationQuery{
		Caller:            caller,
		Platform:          signing.NotationPlatform,
		ProfileVersionARN: e.ProfileVersionARN,
		JobARN:            e.JobARN,
		SignedAt:          e.SigningTime,
		CertificateHashes: hashes(t, e.Chain),
	}
}

// hashes is hashesOf for a chain that parses.
func hashes(t testing.TB, chain [][]byte) []string {
	t.Helper()
	all := hashesOf(chain)
	if all == nil {
		t.Fatal("the chain does not parse")
	}
	return all
}

// hashesOf is the recipe of GetRevocationStatus; nil when a certificate does
// not parse.
func hashesOf(chain [][]byte) []string {
	var tbs []string
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil
		}
		sum := sha512.Sum384(cert.RawTBSCertificate)
		tbs = append(tbs, hex.EncodeToString(sum[:]))
	}
	var all []string
	for i := range tbs {
		all = append(all, tbs[i]+tbs[min(i+1, len(tbs)-1)])
	}
	return all
}

func (w *world) mustStatus(t testing.TB, q signing.RevocationQuery, want ...string) {
	t.Helper()
	got, err := w.RevocationStatus(t.Context(), q)
	if err != nil || !slices.Equal(got, want) || got == nil {
		t.Errorf("revoked %q, %v; want %q", got, err, want)
	}
}

func TestRevocationStatusGood(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	q := w.query(t, w.sign(t, image))
	w.mustStatus(t, q)
	q.SignedAt = q.SignedAt.Add(123 * time.Millisecond)
	for i := range q.CertificateHashes {
		q.CertificateHashes[i] = strings.ToUpper(q.CertificateHashes[i])
	}
	w.mustStatus(t, q)
	slices.Reverse(q.CertificateHashes) // the AWS SDKs for Go sort them
	w.mustStatus(t, q)
	q.CertificateHashes = q.CertificateHashes[:2] // without the leaf's
	w.mustStatus(t, q, q.JobARN)
}

// TestUnknownSignature claims of a signature what is not so: whoever holds a
// stolen leaf key and makes an envelope for a job that never was.
func TestUnknownSignature(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	w.put(t, signing.ProfileKey{Account: account, Name: "other"})
	signature := w.sign(t, image)
	other := w.sign(t, signing.ProfileKey{Account: account, Name: "other"})
	w.clock.advance(72 * time.Hour)
	later := w.sign(t, image) // under another leaf
	for name, change := range map[string]func(*signing.RevocationQuery){
		"job":           func(q *signing.RevocationQuery) { q.JobARN = strings.Replace(q.JobARN, signature.Job.ID, "none", 1) },
		"another's job": func(q *signing.RevocationQuery) { q.JobARN = other.Job.ARN().String() },
		"version": func(q *signing.RevocationQuery) {
			q.ProfileVersionARN = strings.Replace(q.ProfileVersionARN, p.Version, "AAAAAAAAAA", 1)
		},
		"profile": func(q *signing.RevocationQuery) {
			q.ProfileVersionARN = strings.Replace(q.ProfileVersionARN, "image", "other", 1)
		},
		"a second later":   func(q *signing.RevocationQuery) { q.SignedAt = q.SignedAt.Add(time.Second) },
		"a second earlier": func(q *signing.RevocationQuery) { q.SignedAt = q.SignedAt.Add(-time.Millisecond) },
		"leaf": func(q *signing.RevocationQuery) {
			q.CertificateHashes[0] = hashes(t, open(t, later).Chain)[0]
		},
	} {
		q := w.query(t, signature)
		change(&q)
		t.Run(name, func(t *testing.T) { w.mustStatus(t, q, q.JobARN) })
	}
}

func TestRevocationStatusRefuses(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	signature := w.sign(t, image)
	replace := func(old, new string) func(*signing.RevocationQuery) {
		return func(q *signing.RevocationQuery) {
			q.ProfileVersionARN = strings.Replace(q.ProfileVersionARN, old, new, 1)
			q.JobARN = strings.Replace(q.JobARN, old, new, 1)
		}
	}
	for name, change := range map[string]func(*signing.RevocationQuery){
		"platform":         func(q *signing.RevocationQuery) { q.Platform = "AWSLambda-SHA384-ECDSA" },
		"another account":  replace(account, "444455556666"),
		"another region":   replace("us-east-1", "eu-west-1"),
		"another service":  replace(":signer:", ":ecr:"),
		"another parition": replace("arn:aws:", "arn:aws-cn:"),
		"job's account": func(q *signing.RevocationQuery) {
			q.JobARN = strings.Replace(q.JobARN, account, "444455556666", 1)
		},
		"not an ARN": func(q *signing.RevocationQuery) { q.JobARN = "job" },
		"profile, no version": func(q *signing.RevocationQuery) {
			q.ProfileVersionARN = q.ProfileVersionARN[:strings.LastIndex(q.ProfileVersionARN, "/")]
		},
		"job as profile": func(q *signing.RevocationQuery) { q.ProfileVersionARN = q.JobARN },
		"profile as job": func(q *signing.RevocationQuery) { q.JobARN = q.ProfileVersionARN },
		"no hashes":      func(q *signing.RevocationQuery) { q.CertificateHashes = nil },
		"17 hashes":      func(q *signing.RevocationQuery) { q.CertificateHashes = slices.Repeat(q.CertificateHashes[:1], 17) },
		"short hash":     func(q *signing.RevocationQuery) { q.CertificateHashes[0] = q.CertificateHashes[0][:96] },
		"not hex":        func(q *signing.RevocationQuery) { q.CertificateHashes[0] = strings.Repeat("g", 192) },
	} {
		q := w.query(t, signature)
		change(&q)
		if got, err := w.RevocationStatus(t.Context(), q); !errors.Is(err, signing.ErrInvalid) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
