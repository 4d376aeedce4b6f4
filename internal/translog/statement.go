package translog

import (
	"crypto/sha256"
	"time"
)

// Statement is what an entry says of a signature. All of it is in the signature's
// envelope, so whoever has that can make the entry; who does not learns nothing
// from it.
type Statement struct {
	JobARN            string
	ProfileVersionARN string
	SignedAt          time.Time // whole seconds
	ExpiresAt         time.Time // whole seconds
	PayloadSHA256     string    // hex
	CertificateSHA256 string    // hex; of the leaf's DER
}

// Entry is what the log has of the signature: the SHA-256 of its statement. The
// job's ID, a UUID with 62 random bits or more, keeps others from guessing.
func (s Statement) Entry() Hash {
	return sha256.Sum256(s.text())
}

// text is what is hashed. Changing it takes another first line.
func (s Statement) text() []byte {
	return []byte("sealwright signing job v1" +
		"\njob " + s.JobARN +
		"\nprofile-version " + s.ProfileVersionARN +
		"\nsigned " + s.SignedAt.UTC().Format(time.RFC3339) +
		"\nexpires " + s.ExpiresAt.UTC().Format(time.RFC3339) +
		"\npayload sha256:" + s.PayloadSHA256 +
		"\ncertificate sha256:" + s.CertificateSHA256 + "\n")
}
