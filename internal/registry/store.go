package registry

import (
	"context"
	"io"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Errors a caller branches on.
var (
	ErrRepositoryNotFound = fault.New(fault.NotFound, "the repository does not exist")
	ErrRepositoryExists   = fault.New(fault.Conflict, "the repository already exists")
	ErrRepositoryNotEmpty = fault.New(fault.Conflict, "the repository still contains images")
	ErrManifestNotFound   = fault.New(fault.NotFound, "the manifest does not exist")
	ErrManifestInvalid    = fault.New(fault.Invalid, "the manifest is not valid")
	ErrMediaType          = fault.New(fault.Invalid, "the media type is not one of a manifest")
	ErrManifestTooLarge   = fault.New(fault.Limit, "the manifest is too large")
	ErrTooManyImages      = fault.New(fault.Limit, "the repository holds as many images as it may")
	ErrTooManyImageTags   = fault.New(fault.Limit, "the image has as many tags as it may")
	ErrTooManyReferrals   = fault.New(fault.Limit, "the manifest refers to as many subjects as it may")
	ErrManifestInUse      = fault.New(fault.Conflict, "the manifest is listed by an index")
	ErrChildNotFound      = fault.New(fault.Invalid, "the index lists a manifest that is not in the repository")
	ErrBlobNotFound       = fault.New(fault.NotFound, "the blob does not exist")
	ErrBlobInUse          = fault.New(fault.Conflict, "the blob is part of a manifest")
	ErrManifestBlob       = fault.New(fault.Invalid, "the manifest references a blob that is not in the repository")
	ErrDigestMismatch     = fault.New(fault.Invalid, "the content does not match its digest")
	ErrPrecondition       = fault.New(fault.Conflict, "the tag or digest holds something else than the request expects: read it again")
	ErrTagElsewhere       = fault.New(fault.Conflict, "the tag points at another manifest")
	ErrTagImmutable       = fault.New(fault.Conflict, "the tag is immutable")
	ErrUploadNotFound     = fault.New(fault.NotFound, "the upload does not exist, or does no more: one ends when it is completed, cancelled, or left alone for long; begin another")
	ErrUploadRange        = fault.New(fault.Invalid, "the chunk does not continue the upload")
	ErrUploadBusy         = fault.New(fault.Conflict, "another request is writing to this upload")
	ErrUploadTooLarge     = fault.New(fault.Limit, "the upload is too large")
	ErrBlobCollected      = fault.New(fault.Unavailable, "the blob was removed as garbage while it was being pushed: push it again")
	ErrStorageFull        = fault.New(fault.Unavailable, "the registry's storage is full; nothing was saved")
)

// Key names a repository.
type Key struct {
	Account arn.AccountID
	Name    ociref.Name
}

// TagMutability says whether a tag may move.
type TagMutability string

// The mutabilities of ECR.
const (
	Mutable                TagMutability = "MUTABLE"
	Immutable              TagMutability = "IMMUTABLE"
	MutableWithExclusion   TagMutability = "MUTABLE_WITH_EXCLUSION"
	ImmutableWithExclusion TagMutability = "IMMUTABLE_WITH_EXCLUSION"
)

// Repository is a set of images under one name.
type Repository struct {
	Key
	Region     string
	Mutability TagMutability
	Exclusions []string          // wildcards over tags, for the WITH_EXCLUSION mutabilities
	Tags       map[string]string // resource tags, nil when none
	ScanOnPush bool              // recorded and echoed; nothing scans
	CreatedAt  time.Time
}

// Counts are how many images a repository holds.
type Counts struct {
	Images     int64 // manifests of every kind, those below included: what the quota is about
	Signatures int64 // those that are Notary Project signatures
}

// SignatureType is the artifact type of Notary Project signatures.
// Source: https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md
const SignatureType = "application/vnd.cncf.notary.signature"

// IsSignature reports whether the manifest is counted as a signature.
func (m Manifest) IsSignature() bool { return m.ArtifactType == SignatureType }

// Manifest is an image, an index or an artifact such as a signature: what ECR
// calls an image.
type Manifest struct {
	Key
	Digest       ociref.Digest
	MediaType    string
	ArtifactType string            // as the referrers API has it: artifactType, else the config's media type
	Subject      ociref.Digest     // "" when it refers to nothing
	Annotations  map[string]string // nil when none; not in lists of images
	Content      []byte            // the exact bytes pushed; nil in lists
	ContentSize  int64             // len of the bytes pushed
	ImageSize    int64             // sum of config and layers, as DescribeImages has it
	Blobs        []ociref.Digest   // config and layers that must be in the repository; given to PutManifest, nil in what a store returns
	Foreign      []ociref.Digest   // layers that need not be in the repository, and stay with the manifest if they are; given to PutManifest, nil in what a store returns
	Children     []ociref.Digest   // manifests an index lists; given to PutManifest, nil in what a store returns
	Tags         []ociref.Tag      // sorted; in lists of images alone, since an image may have any number
	PushedAt     time.Time
	Waiting      bool // its subject is not in the repository, not yet or no longer
}

// TagStatus selects images by whether they have tags.
type TagStatus string

// The tag statuses of ECR's filters; "" means Any.
const (
	Tagged    TagStatus = "TAGGED"
	Untagged  TagStatus = "UNTAGGED"
	AnyTagged TagStatus = "ANY"
)

// ManifestFilter selects manifests of a repository, by push order.
type ManifestFilter struct {
	TagStatus TagStatus
	After     Cursor // the last of the page before; zero from the start
	Limit     int
}

// ReferrersPage bounds what a page of referrers brings into memory: it ends with
// the referrer whose manifest brings their bytes to this.
const ReferrersPage = 4 << 20

// ReferrerFilter selects the referrers of a subject, oldest first.
type ReferrerFilter struct {
	ArtifactTypes []string // empty: all
	After         Cursor   // the last of the page before; zero from the start
	Limit         int
}

// Untagging is a tag to remove.
type Untagging struct {
	Tag        ociref.Tag
	If         ociref.Digest // remove it only from this manifest (ErrTagElsewhere); "" from any
	DeleteLast bool          // a manifest that loses its last tag goes with it
}

// Rules are what the domain decides inside a push's transaction.
type Rules struct {
	// MaxImages is how many manifests the repository may hold; 0 means any number.
	MaxImages int64
	// MaxTags is how many tags may point at the manifest; 0 means any number. Pushes
	// at once may pass it by as many as they are.
	MaxTags int
	// Tag is a pure function that says whether a tag, which points at current ("" for
	// nothing), may point at what is being pushed. nil means that any may.
	Tag func(r Repository, tag ociref.Tag, current ociref.Digest) error
}

// RepositoryStore keeps repositories. All methods of the stores here are safe
// for concurrent use; what a method acknowledged is durable.
type RepositoryStore interface {
	// CreateRepository fails with ErrRepositoryExists.
	CreateRepository(ctx context.Context, r Repository, e journal.Event) error
	// Repository fails with ErrRepositoryNotFound.
	Repository(ctx context.Context, key Key) (Repository, error)
	// Repositories lists an account's repositories by name, after a name.
	Repositories(ctx context.Context, account arn.AccountID, after ociref.Name, limit int) ([]Repository, error)
	// Counts tells how many images the named repositories hold; of those that are
	// not there it tells nothing.
	Counts(ctx context.Context, account arn.AccountID, names []ociref.Name) (map[ociref.Name]Counts, error)
	// DeleteRepository deletes a repository with its policy and, if force, its
	// manifests, tags and blob links. ErrRepositoryNotFound, ErrRepositoryNotEmpty.
	DeleteRepository(ctx context.Context, key Key, force bool, e journal.Event) (Repository, error)
	// ChangeTags runs change on the resource tags of a repository, while holding its
	// lock, and saves what it returns with the event. change must be pure and leave
	// what it is given as it is; its error is returned as it is and nothing is saved.
	// ErrRepositoryNotFound.
	ChangeTags(ctx context.Context, key Key, change func(tags map[string]string) (map[string]string, error), e journal.Event) error

	PolicyStore
}

// ManifestStore keeps manifests, tags and who refers to what.
type ManifestStore interface {
	// PutManifest saves m and points tags at it, in one transaction with the checks:
	// ErrRepositoryNotFound; ErrManifestBlob when a blob is not linked here;
	// ErrChildNotFound; for each tag rules.Tag, whose error is returned as it is; and
	// ErrTooManyImages when the repository holds rules.MaxImages already, or
	// ErrTooManyImageTags when a tag would be one too many. A manifest that is there
	// already keeps its PushedAt, and is never one too many. Referrers that waited for
	// m wait no longer; m waits if its subject is not there. created is false when the
	// same manifest was there already.
	PutManifest(ctx context.Context, m Manifest, tags []ociref.Tag, rules Rules, e journal.Event) (created bool, err error)
	// Manifest reads one with its content. ErrRepositoryNotFound, ErrManifestNotFound.
	// What it costs does not grow with the image's tags. The caller must not change
	// what the answer refers to: others may have been given the same.
	Manifest(ctx context.Context, key Key, ref ociref.Reference) (Manifest, error)
	// Heads reads those of the manifests that are there, without content and
	// annotations: what it costs does not grow with their sizes. ErrRepositoryNotFound.
	Heads(ctx context.Context, key Key, digests []ociref.Digest) (map[ociref.Digest]Manifest, error)
	// ImageTags lists the tags of one manifest in byte order; none if it is not there.
	// ErrRepositoryNotFound.
	ImageTags(ctx context.Context, key Key, digest ociref.Digest) ([]ociref.Tag, error)
	// Manifests lists without content. ErrRepositoryNotFound.
	Manifests(ctx context.Context, key Key, f ManifestFilter) ([]Manifest, error)
	// Tags lists tags in lexical order (byte-wise). ErrRepositoryNotFound.
	Tags(ctx context.Context, key Key, after ociref.Tag, limit int) ([]ociref.Tag, error)
	// Referrers lists manifests whose subject is given, or that were told to refer
	// to it, each once, without content, up to the filter's limit and [ReferrersPage]; more says whether others may come after.
	// The subject need not be there. ErrRepositoryNotFound.
	Referrers(ctx context.Context, key Key, subject ociref.Digest, f ReferrerFilter) (page []Manifest, more bool, err error)
	// ReferrersRevision returns a number that is another one, never seen before,
	// after any change of what Referrers tells of the subject; 0 means that nothing
	// refers to it. ErrRepositoryNotFound.
	ReferrersRevision(ctx context.Context, key Key, subject ociref.Digest) (uint64, error)
	// DeleteManifest deletes a manifest, its tags, its referrers and theirs, and
	// the referrals of all these, in one transaction, and returns what is gone, the named one first. Rows of theirs may
	// stay for Sweep; nobody sees them. ErrManifestInUse
	// when any of these is listed by an index that would live on.
	// ErrRepositoryNotFound, ErrManifestNotFound.
	DeleteManifest(ctx context.Context, key Key, digest ociref.Digest, e journal.Event) ([]ociref.Digest, error)
	// Untag removes a tag and returns what it pointed at. If it was the manifest's
	// last and DeleteLast is set, the manifest goes as in DeleteManifest.
	// ErrRepositoryNotFound, ErrManifestNotFound, ErrTagElsewhere, ErrManifestInUse.
	Untag(ctx context.Context, key Key, u Untagging, e journal.Event) (was ociref.Digest, deleted []ociref.Digest, err error)

	ReferralStore
	WaitingStore
	SweepStore
}

// ReferralStore keeps referrals: manifests that have no subject of their own and
// were told to refer to one. It is part of ManifestStore. Referrers tells of them
// as of other referrers, in their place by the time of their push. A referral goes
// with its manifest, or with its subject; neither of these goes with the other, or
// stands in the way of its deletion. The subject need not be there.
type ReferralStore interface {
	// PutReferrals says that the manifests refer to the subject. Again is fine, and
	// writes no event. Those that are not there or have a subject are passed by.
	// ErrRepositoryNotFound; ErrTooManyReferrals, and nothing has changed.
	PutReferrals(ctx context.Context, key Key, subject ociref.Digest, manifests []ociref.Digest, e journal.Event) error
	// DeleteReferrals takes back what was told of the subject: of very much, part
	// after part. ErrRepositoryNotFound, ErrManifestNotFound when it was nothing.
	DeleteReferrals(ctx context.Context, key Key, subject ociref.Digest, e journal.Event) error
	// Subject completes the digest of a manifest that is there, or else of a subject
	// that something refers to, from its algorithm and first hex digits. Of several
	// it is the first. ErrManifestNotFound.
	Subject(ctx context.Context, key Key, prefix string) (ociref.Digest, error)

	// OldTag returns a tag of the referrers tag schema that was kept before such
	// tags were absorbed, and that neither of the methods below has been told of. It
	// may have moved since, or gone. ErrManifestNotFound when there are none.
	OldTag(ctx context.Context) (Key, ociref.Tag, error)
	// AbsorbOldTag does as a says, in one transaction. ErrRepositoryNotFound,
	// ErrTooManyReferrals; ErrTagElsewhere when the tag does not point at the index.
	AbsorbOldTag(ctx context.Context, key Key, a Absorption, e journal.Event) error
	// KeepOldTag says that the tag stays as it is.
	KeepOldTag(ctx context.Context, key Key, tag ociref.Tag) error
}

// Absorption makes referrals of an index of the referrers tag schema that was kept:
// its tag goes, and itself too unless something else knows it.
type Absorption struct {
	Tag       ociref.Tag
	Index     ociref.Digest
	Subject   ociref.Digest
	Referrals []ociref.Digest
}

// MaxReferrals is how many subjects one manifest may be told to refer to.
const MaxReferrals = 100

// SweepStore removes what a deletion left. It is part of ManifestStore.
type SweepStore interface {
	// Sweep removes up to about limit rows of manifests and repositories that are
	// gone for everybody, and returns how many; 0 means that nothing is left.
	Sweep(ctx context.Context, limit int) (int, error)
}

// WaitingStore finds and deletes the referrers whose subject never came. It is
// part of ManifestStore.
type WaitingStore interface {
	// Waiting lists waiting manifests of all accounts pushed before the time, oldest
	// first, those after a place, without content.
	Waiting(ctx context.Context, before time.Time, after Cursor, limit int) ([]Manifest, error)
	// DeleteWaiting is DeleteManifest if, in that transaction, the manifest still
	// waits; otherwise it fails with ErrManifestNotFound and changes nothing.
	DeleteWaiting(ctx context.Context, key Key, digest ociref.Digest, e journal.Event) ([]ociref.Digest, error)
}

// Claim is another number each time the content of a blob was given up.
type Claim int64

// Blob is content that a push or a mount has found to be there.
type Blob struct {
	Digest ociref.Digest
	Size   int64
	Claim  Claim // as it stood before the content was found
	// Content is the bytes of a small blob, for the records to keep; nil when they
	// are in the blob store, or kept already.
	Content []byte
}

// BlobLinkStore keeps which repository holds which blob. Content is shared;
// being able to name a digest is no right to read it.
type BlobLinkStore interface {
	// BlobClaim returns the claim that stands on a blob's content, 0 for none. It is
	// asked before the content is put or found.
	BlobClaim(ctx context.Context, digest ociref.Digest) (Claim, error)
	// LinkBlob says that the repository holds the blob, and keeps the content that
	// comes with it; again is fine, and writes no event. ErrRepositoryNotFound;
	// ErrBlobCollected when no content comes with it and the claim is another one
	// now, so that the content may be gone.
	LinkBlob(ctx context.Context, key Key, b Blob, e journal.Event) error
	// LinkedBlob returns the blob's size. ErrRepositoryNotFound, ErrBlobNotFound.
	LinkedBlob(ctx context.Context, key Key, digest ociref.Digest) (int64, error)
	// Holders lists repositories of the account that hold the blob, in an order that
	// stays. None is no error.
	Holders(ctx context.Context, account arn.AccountID, digest ociref.Digest, limit int) ([]ociref.Name, error)
	// UnlinkBlob fails with ErrRepositoryNotFound, ErrBlobNotFound, and ErrBlobInUse
	// when a manifest of the repository has the digest among its Blobs.
	UnlinkBlob(ctx context.Context, key Key, digest ociref.Digest, e journal.Event) error

	ContentStore
	GarbageStore
	LinkAger
}

// ContentStore keeps the content of small blobs in the records. It is part of
// BlobLinkStore.
type ContentStore interface {
	// BlobContent returns what LinkBlob was given. ErrBlobNotFound. The caller must
	// not change it: others may have been given the same.
	BlobContent(ctx context.Context, digest ociref.Digest) ([]byte, error)
	// SweepContents looks at up to limit contents in the order of their digests,
	// those after a place ("" from the start), gives up those that no repository
	// holds, as ClaimBlob does, and returns what is gone. When next is "" there are no
	// more.
	SweepContents(ctx context.Context, after ociref.Digest, limit int, at time.Time) (gone []Blob, next ociref.Digest, err error)
}

// GarbageStore decides which content nobody needs. It is part of BlobLinkStore.
type GarbageStore interface {
	// UnlinkedBlobs returns those that no repository of any account holds.
	UnlinkedBlobs(ctx context.Context, digests []ociref.Digest) ([]ociref.Digest, error)
	// ClaimBlob gives up a blob's content unless a repository holds it: links that
	// are being made are waited for, and those whose content was found before the
	// claim fail from here on.
	ClaimBlob(ctx context.Context, digest ociref.Digest, at time.Time) (claimed bool, err error)
	// ForgetClaims deletes up to limit claims made before the time. No link may be
	// under way since then.
	ForgetClaims(ctx context.Context, before time.Time, limit int) (int, error)
}

// LinkState is a link, and whether a manifest of its repository names the blob.
type LinkState struct {
	Key
	Digest       ociref.Digest
	Named        bool
	UnnamedSince time.Time // when MarkLinks was told so; zero when it was not
}

// LinkAger finds the blobs that a repository holds for no manifest. It is part
// of BlobLinkStore.
type LinkAger interface {
	// LinkStates lists links of all accounts by account, repository name and digest,
	// those after a place (the zero LinkState from the start).
	LinkStates(ctx context.Context, after LinkState, limit int) ([]LinkState, error)
	// MarkLinks notes since when the blobs are known to be unnamed; zero: they are
	// not. A repository that is gone meanwhile is fine.
	MarkLinks(ctx context.Context, key Key, digests []ociref.Digest, since time.Time) error
	// UnlinkUnnamed takes those of the blobs out of the repository that were marked
	// before the time, were not linked again since, and are named by no manifest, and
	// returns them. It writes the event if there are any. ErrRepositoryNotFound.
	UnlinkUnnamed(ctx context.Context, key Key, digests []ociref.Digest, before time.Time, e journal.Event) ([]ociref.Digest, error)
}

// Content is the bytes of a blob. The caller closes it.
type Content interface {
	io.ReadSeekCloser
}

// BlobStore keeps bytes under their digest. The directory implementation
// returns *os.File as Content, so that sendfile works.
type BlobStore interface {
	// ID names where the bytes are: the same one in every process that shares them,
	// and in no other.
	ID() string
	// Open fails with ErrBlobNotFound.
	Open(ctx context.Context, digest ociref.Digest) (Content, int64, error)
	// StartUpload begins an upload in a scope and returns its id. An upload is
	// found only under the scope it was started in.
	StartUpload(ctx context.Context, scope string) (id string, err error)
	// UploadSize returns how many bytes have arrived. ErrUploadNotFound.
	UploadSize(ctx context.Context, scope, id string) (int64, error)
	// Append adds r's bytes at offset, which must be where the upload stands
	// (ErrUploadRange), and returns the new size. One writer at a time
	// (ErrUploadBusy). A reader that fails half way has its error returned wrapped,
	// and leaves the upload usable at the size UploadSize then tells.
	Append(ctx context.Context, scope, id string, offset int64, r io.Reader) (int64, error)
	// Commit makes the upload the blob of that digest: content checked against the
	// digest (ErrDigestMismatch, and the upload is gone), file and directory synced.
	// On return the blob is durable and the upload gone. ErrUploadNotFound,
	// ErrUploadBusy.
	Commit(ctx context.Context, scope, id string, digest ociref.Digest) (int64, error)
	// ReadUpload returns the content of an upload that has at most max bytes, checked
	// against the digest (ErrDigestMismatch, and the upload is gone); nil when it has
	// more. The upload stays. ErrUploadNotFound, ErrUploadBusy.
	ReadUpload(ctx context.Context, scope, id string, digest ociref.Digest, max int64) ([]byte, error)
	// CancelUpload forgets an upload. ErrUploadNotFound, ErrUploadBusy.
	CancelUpload(ctx context.Context, scope, id string) error
	// ExpireUploads looks at about limit uploads of all scopes, forgets those that
	// nothing was added to since the time and that nobody is writing to, and returns
	// how many. Calls after one another look at others, until more is false; then
	// they begin anew.
	ExpireUploads(ctx context.Context, before time.Time, limit int) (gone int, more bool, err error)

	ContentCollector
}

// Aside is a blob's content that was taken from its name.
type Aside struct {
	Digest ociref.Digest
	Size   int64
	Name   string // the store's own name for it
}

// ContentCollector removes content in two steps, so that what was decided in
// between can be undone. It is part of BlobStore. Restoring or discarding what is
// no longer there does nothing: another process may have been quicker.
type ContentCollector interface {
	// Contents lists blobs put before the time, one part of the store after the
	// other: the first after "", and when next is "" there are no more. next is good
	// beside an error too: a part that cannot be read is passed by.
	Contents(ctx context.Context, after string, before time.Time) (list []ociref.Digest, next string, err error)
	// SetAside takes a blob's content from its name. Open still finds it; for Commit
	// it is not there. ErrBlobNotFound.
	SetAside(ctx context.Context, digest ociref.Digest) (Aside, error)
	// Restore gives the content its name back, durably, unless it was put again.
	Restore(ctx context.Context, a Aside) error
	// Discard removes the content.
	Discard(ctx context.Context, a Aside) error
	// LeftAside lists what is set aside, such as by a process that died.
	LeftAside(ctx context.Context) ([]Aside, error)
}
