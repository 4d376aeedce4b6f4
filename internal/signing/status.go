package signing

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// maxHashes bounds the certificates asked about, as JobStore.RevocationFacts
// does; hashSize is two SHA-384 in hex.
const (
	maxHashes = 16
	hashSize  = 192
)

// RevocationQuery asks whether a signature is void. All of it is what the
// envelope says of itself.
type RevocationQuery struct {
	Caller
	Platform          string
	ProfileVersionARN string
	JobARN            string
	SignedAt          time.Time // its fraction of a second is dropped
	CertificateHashes []string  // of the chain, in any order: the AWS SDKs for Go sort them; 1 to 16, hex of any case
}

// signatureClaim is a query that was read: the records it names.
type signatureClaim struct {
	profile  ProfileKey
	version  string
	job      JobKey
	platform string
	signedAt time.Time
	hashes   []string // of the chain, the leaf's among them
}

// RevocationStatus returns those of the query's entities that are revoked, as
// they were sent: the profile version, the job, then certificates in the order
// of the query. Empty means that the signature is good.
//
// A job that this service has no record of, or has with another profile
// version, signing second or leaf, is named as revoked: whatever made such an
// envelope, it was not us. What this service cannot know about, of another
// region or partition, or of an account other than the caller's under a profile
// version that is not on record, fails with [ErrInvalid], as does a malformed
// query.
func (s *Service) RevocationStatus(ctx context.Context, q RevocationQuery) ([]string, error) {
	claim, err := s.readQuery(q)
	if err != nil {
		return nil, err
	}
	facts, err := s.o.Jobs.RevocationFacts(ctx, claim.profile, claim.version, claim.job, q.CertificateHashes)
	if err != nil {
		return nil, err
	}
	if facts.Profile == nil && claim.profile.Account != q.Account {
		return nil, unknownAccount("profileVersionArn", claim.profile.Account, q.Account)
	}
	revoked := []string{}
	if claim.profileRevoked(facts.Profile) {
		revoked = append(revoked, q.ProfileVersionARN)
	}
	if !claim.matches(facts.Job) || facts.Job.Revocation != nil {
		revoked = append(revoked, q.JobARN)
	}
	for _, hash := range q.CertificateHashes {
		if slices.Contains(facts.Revoked, strings.ToLower(hash)) {
			revoked = append(revoked, hash)
		}
	}
	return revoked, nil
}

// profileRevoked counts from the effective time on, inclusive.
func (c signatureClaim) profileRevoked(p *Profile) bool {
	return p != nil && p.Revocation != nil && !c.signedAt.Before(p.Revocation.EffectiveFrom)
}

// matches says whether j is the job this signature claims to be of. Its leaf
// may be anywhere among the hashes: a leaf is no authority, so no verified chain
// has it elsewhere than in front.
func (c signatureClaim) matches(j *Job) bool {
	return j != nil &&
		j.JobKey == c.job &&
		(ProfileKey{j.Account, j.ProfileName}) == c.profile &&
		j.ProfileVersion == c.version &&
		j.Platform == c.platform &&
		j.SignedAt.Equal(c.signedAt) &&
		slices.ContainsFunc(c.hashes, func(hash string) bool { return strings.EqualFold(j.CertificateHash, hash) })
}

func (s *Service) readQuery(q RevocationQuery) (signatureClaim, error) {
	claim := signatureClaim{platform: q.Platform, signedAt: q.SignedAt.UTC().Truncate(time.Second)}
	if _, err := s.Platform(q.Platform); err != nil {
		return claim, fault.Becausef(ErrInvalid, "platformId: %v", err)
	}
	if err := checkHashes(q.CertificateHashes); err != nil {
		return claim, err
	}
	claim.hashes = q.CertificateHashes
	profile, err := s.ownARN("profileVersionArn", q.ProfileVersionARN)
	if err != nil {
		return claim, err
	}
	name, version, ok := profile.AsSigningProfile()
	if !ok || !profileName.MatchString(name) || !profileVersion.MatchString(version) {
		return claim, fault.Becausef(ErrInvalid, "profileVersionArn %.200q does not name a signing profile version: want …:/signing-profiles/NAME/VERSION", q.ProfileVersionARN)
	}
	job, err := s.ownARN("jobArn", q.JobARN)
	if err != nil {
		return claim, err
	}
	if job.Account != profile.Account {
		return claim, unknownAccount("jobArn", job.Account, profile.Account)
	}
	id, ok := job.AsSigningJob()
	if !ok {
		return claim, fault.Becausef(ErrInvalid, "jobArn %.200q does not name a signing job: want …:/signing-jobs/ID", q.JobARN)
	}
	claim.profile, claim.version = ProfileKey{profile.Account, name}, version
	claim.job = JobKey{job.Account, id}
	return claim, nil
}

// ownARN reads an ARN of this service's region. Of any other, this service knows
// nothing, and says so.
func (s *Service) ownARN(member, text string) (arn.ARN, error) {
	a, err := arn.Parse(text)
	switch {
	case err != nil:
		return a, fault.Becausef(ErrInvalid, "%s: %v", member, err)
	case a.Partition != arn.Partition || a.Service != "signer":
		return a, fault.Becausef(ErrInvalid, "%s %.200q is not of this service: want arn:%s:signer:…", member, text, arn.Partition)
	case a.Region != s.o.Region:
		return a, fault.Becausef(ErrInvalid, "%s is of region %.30q and this service is %s: ask the service that made the signature", member, a.Region, s.o.Region)
	}
	return a, nil
}

// unknownAccount is the error of an ARN of an account that is not known here, or
// not with what was named beside it.
func unknownAccount(member string, account, known arn.AccountID) error {
	return fault.Becausef(ErrInvalid, "%s is of account %s and this service knows account %s: ask the service that made the signature", member, account, known)
}

func checkHashes(hashes []string) error {
	if len(hashes) < 1 || len(hashes) > maxHashes {
		return fault.Becausef(ErrInvalid, "certificateHashes has %d entries: give 1 to %d, one for each certificate of the chain", len(hashes), maxHashes)
	}
	for _, hash := range hashes {
		if len(hash) != hashSize || strings.Trim(hash, "0123456789abcdefABCDEF") != "" {
			return fault.Becausef(ErrInvalid, "certificateHashes has %.50q: each is %d hex digits, the SHA-384 of the certificate's TBS bytes and of its issuer's", hash, hashSize)
		}
	}
	return nil
}
