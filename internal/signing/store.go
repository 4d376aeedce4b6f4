package signing

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Errors a caller branches on.
var (
	ErrProfileNotFound  = fault.New(fault.NotFound, "signing profile not found")
	ErrProfileExists    = fault.New(fault.Conflict, "a signing profile of this name exists")
	ErrProfileNotActive = fault.New(fault.Conflict, "the signing profile is not active")
	ErrJobNotFound      = fault.New(fault.NotFound, "signing job not found")
	ErrPlatformNotFound = fault.New(fault.NotFound, "signing platform not found")
	ErrInvalid          = fault.New(fault.Invalid, "the request is not valid")
)

// Status is the state of a signing profile version.
type Status string

// The states of a profile version. There is no way back to Active.
const (
	Active   Status = "Active"
	Canceled Status = "Canceled"
	Revoked  Status = "Revoked"
)

// ProfileKey names a profile.
type ProfileKey struct {
	Account arn.AccountID
	Name    string
}

// Profile is one version of a signing profile.
type Profile struct {
	ProfileKey
	Region       string
	Version      string // 10 letters and digits
	Platform     string // PlatformID
	Validity     ValidityPeriod
	Parameters   map[string]string // signingParameters, nil when none
	Tags         map[string]string // of the profile, the same on every version
	Status       Status
	StatusReason string
	CreatedAt    time.Time
	EndedAt      time.Time          // when it was canceled or revoked, whichever was later; zero while Active
	Revocation   *ProfileRevocation // nil unless Revoked
}

// ProfileRevocation says since when signatures of a profile version are void.
type ProfileRevocation struct {
	EffectiveFrom time.Time // inclusive, whole seconds
	RevokedAt     time.Time
	RevokedBy     string // ARN
	Reason        string
}

// JobKey names a signing job.
type JobKey struct {
	Account arn.AccountID // owner
	ID      string        // lower-case UUID
}

// Job is the record of one signature. It is written in the transaction that
// lets the signature out.
type Job struct {
	JobKey
	Region          string
	Invoker         arn.AccountID
	RequestedBy     string // ARN
	ProfileName     string
	ProfileVersion  string
	Platform        string
	CertificateID   string    // authority.Certificate.ID of the leaf that signed
	CertificateHash string    // authority.Certificate.Hash of that leaf
	PayloadDigest   string    // hex SHA-256 of the payload
	SignedAt        time.Time // the envelope's authentic signing time, whole seconds
	ExpiresAt       time.Time // the envelope's expiry, whole seconds
	CreatedAt       time.Time
	Revocation      *JobRevocation // nil: good
}

// JobRevocation says that one signature is void.
type JobRevocation struct {
	Reason    string
	RevokedAt time.Time
	RevokedBy string // ARN
}

// ProfileFilter selects profiles, by name, newest version of each.
type ProfileFilter struct {
	Account  arn.AccountID
	Statuses []Status // empty: all
	Platform string   // "": all
	After    string   // a name; only later ones
	Limit    int
}

// JobFilter selects jobs, newest first: by ID, which begins with the time.
type JobFilter struct {
	Account       arn.AccountID // owner
	Platform      string        // "": all
	RequestedBy   string        // "": all
	Invoker       arn.AccountID // "": all
	Revoked       *bool         // nil: all
	ExpiresBefore time.Time     // zero: all; exclusive
	ExpiresAfter  time.Time     // zero: all; exclusive
	After         string        // a job's ID; only older ones. "": from the newest
	Limit         int
}

// RevocationFacts is what the store knows of a signature, read at one moment. It is
// shared: nobody may change what it refers to.
type RevocationFacts struct {
	Profile *Profile // the version named; nil when there is none
	Job     *Job     // the job named; nil when there is none
	Revoked []string // those of the asked certificate hashes that are revoked, lower case
}

// ProfileStore keeps profiles. All methods are safe for concurrent use; what a
// method acknowledged is durable.
type ProfileStore interface {
	// ChangeProfile runs change on a version of the profile (version "": the
	// newest) while holding its lock, so that no signing or other change of this
	// profile can happen in between. change gets nil when there is none, and must
	// be pure: it may run more than once. It returns the profile to save: the same
	// version to update it, another Version to add one, nil to change nothing; and
	// the event to record with it. Permissions do not outlive the version they were
	// given for: adding one removes them. ChangeProfile returns what stands afterwards;
	// an error of change is returned as it is and nothing is saved.
	ChangeProfile(ctx context.Context, key ProfileKey, version string, change func(current *Profile) (*Profile, journal.Event, error)) (*Profile, error)
	// Profile returns a version (version "": the newest), or ErrProfileNotFound.
	Profile(ctx context.Context, key ProfileKey, version string) (Profile, error)
	// Profiles lists the newest version of each profile, by name, at most f.Limit.
	// next is where to go on, as f.After; "" at the end. A list looks at a bounded
	// number of names at once: where few are selected, a page may have fewer than
	// f.Limit, even none, and yet a next.
	Profiles(ctx context.Context, f ProfileFilter) (page []Profile, next string, err error)

	PermissionStore
}

// Standing is what a signature depends on, as it stands when its job is recorded.
type Standing struct {
	Status Status                // of the profile's version
	Newest bool                  // whether that is the profile's newest
	Leaf   authority.Certificate // that signed
}

// JobStore keeps jobs. All methods are safe for concurrent use; what a method
// acknowledged is durable.
type JobStore interface {
	// RecordJob saves a job that is new, and the event that it was made, if check
	// allows, in one transaction that holds the rows of the job's profile version and
	// leaf against change: a revoke or cancel that was acknowledged before RecordJob
	// returns has been seen by check, and one that comes later waits.
	// ErrProfileNotFound and authority.ErrNoCertificate when a row is missing;
	// check's error as it is. check must be pure.
	RecordJob(ctx context.Context, job Job, check func(Standing) error, e journal.Event) error
	// Job returns a job, or ErrJobNotFound.
	Job(ctx context.Context, key JobKey) (Job, error)
	// Jobs lists jobs, newest first. It is bounded, and returns next, as Profiles.
	Jobs(ctx context.Context, f JobFilter) (page []Job, next string, err error)
	// ChangeJob runs change on a job while holding its lock; the rules are those of
	// ChangeProfile, except that the job must be there (ErrJobNotFound) and nil
	// saves nothing.
	ChangeJob(ctx context.Context, key JobKey, change func(current Job) (*Job, journal.Event, error)) (Job, error)
	// RevocationFacts reads what is known of a signature in one snapshot. hashes are
	// compared without regard to case; at most 16 are given.
	RevocationFacts(ctx context.Context, profile ProfileKey, version string, job JobKey, hashes []string) (RevocationFacts, error)
}
