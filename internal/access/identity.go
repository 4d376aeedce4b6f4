package access

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// Errors of identities and what they hold. Edges translate them to IAM's.
var (
	ErrNoIdentity     = fault.New(fault.NotFound, "no such user, group or role")
	ErrIdentityExists = fault.New(fault.Conflict, "a user, group or role of this name already exists")
	ErrPolicyExists   = fault.New(fault.Conflict, "a policy of this name already exists")
	ErrInUse          = fault.New(fault.Conflict, "it cannot be deleted: it still has parts, or is in use")
	ErrTooMany        = fault.New(fault.Limit, "a limit of the account is reached")
	ErrInvalidName    = fault.New(fault.Invalid, "the name or path is not valid")
	ErrUnmodifiable   = fault.New(fault.Invalid, "a policy of AWS cannot be changed")
)

// IdentityKind says whether an identity is a user, a group or a role.
type IdentityKind string

// The kinds of identities, as they stand in ARNs.
const (
	User  IdentityKind = "user"
	Group IdentityKind = "group"
	Role  IdentityKind = "role"
)

// Title is how operations are called after the kind: "User".
func (k IdentityKind) Title() string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }

// IdentityKey names an identity. Names that differ in case only are the same.
type IdentityKey struct {
	Account arn.AccountID
	Kind    IdentityKind
	Name    string
}

// Identity is a user, a group or a role with what it holds. What a kind does not
// have is empty.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
type Identity struct {
	IdentityKey
	ID        string // AIDA…, AGPA… or AROA…; never given twice
	Path      string // "/", or "/team/ci/"
	CreatedAt time.Time
	Tags      map[string]string // users and roles
	Inline    map[string]string // the documents of its own policies, by name

	Trust       string        // roles: the trust policy; the store keeps it bound, see policy.Bind
	Description string        // roles
	MaxSession  time.Duration // roles

	// Lists of identities leave these out.
	Attached []string    // ARNs of managed policies, sorted
	Boundary string      // users and roles: ARN of a managed policy, "" for none
	Groups   []string    // users: the names of their groups, sorted
	Keys     []AccessKey // users: oldest first
	Members  int         // groups: how many users
}

// ARN names the identity.
func (i Identity) ARN() arn.ARN {
	return arn.ARN{Partition: arn.Partition, Service: "iam", Account: i.Account, Resource: string(i.Kind) + i.Path + i.Name}
}

// Page asks for a part of a list, ordered by name without regard to case.
type Page struct {
	PathPrefix string // "" and "/" are every path
	After      string // name; "" from the start
	Limit      int
}

// idPrefixes begin unique IDs.
var idPrefixes = map[IdentityKind]string{User: "AIDA", Group: "AGPA", Role: "AROA"}

// policyIDPrefix begins the unique IDs of managed policies.
const policyIDPrefix = "ANPA"

// newUniqueID makes an ID: the prefix and 17 upper-case letters and digits.
func newUniqueID(prefix string) string {
	b := make([]byte, 11)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return prefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)[:17]
}

// The grammars of IAM's model: userNameType, groupNameType, roleNameType,
// policyNameType and pathType. Users' and roles' names have 64 characters at
// most, the others' 128.
const (
	maxName       = 64
	maxLongName   = 128
	maxPath       = 512
	nameAlphabet  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"
	firstPathByte = 0x21
	lastPathByte  = 0x7e
)

func checkName(name string, most int) error {
	if name == "" || len(name) > most || strings.Trim(name, nameAlphabet) != "" {
		return fault.Becausef(ErrInvalidName, "The specified value for name is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- and have at most %d of them", most)
	}
	return nil
}

func checkPath(path string) error {
	valid := path != "" && len(path) <= maxPath && path[0] == '/' && path[len(path)-1] == '/'
	for i := range len(path) {
		valid = valid && path[i] >= firstPathByte && path[i] <= lastPathByte
	}
	if !valid {
		return fault.Becausef(ErrInvalidName, "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return nil
}

// maxNameOf bounds the names of a kind.
func maxNameOf(k IdentityKind) int {
	if k == Group {
		return maxLongName
	}
	return maxName
}

// KeyOfARN returns the key of the user, group or role that an ARN names.
func KeyOfARN(a arn.ARN) (IdentityKey, bool) {
	kind, rest, _ := strings.Cut(a.Resource, "/")
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	_, known := idPrefixes[IdentityKind(kind)]
	return IdentityKey{a.Account, IdentityKind(kind), name}, a.Service == "iam" && known && name != ""
}
