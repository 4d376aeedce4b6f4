package access

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
)

// question is a request as policies see it. It is the condition keys of its
// request too.
type question struct {
	policy.Request
	session *Session // nil for long-term credentials
	context RequestContext
	now     time.Time
	tags    map[string][]string // of the principal, see tagKeys
	on      map[string][]string // tags of the resource, see tagKeys
	slots   [globalKeys]string  // values of global keys: each its own, so that none changes under its reader
}

// The prefixes of the keys that have the principal's tags, and the resource's.
//
// Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-supported-iam-actions-tagging.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
const (
	principalTag   = "aws:principaltag/"
	resourceTag    = "aws:resourcetag/"
	ecrResourceTag = "ecr:resourcetag/"
	iamResourceTag = "iam:resourcetag/"
)

// questions are used again: a decision with everything in memory allocates nothing.
var questions = sync.Pool{New: func() any { return new(question) }}

// question makes the question of a request, to be given back with done. "*" is of
// the principal's own account, and so are AWS's own policies; what is neither that
// nor an ARN is of none.
func (s *Service) question(r Request) (q *question, resource arn.ARN) {
	q = questions.Get().(*question)
	*q = question{session: r.Principal.Session, context: r.Context, now: s.now()}
	q.Request = policy.Request{Principal: r.Principal.asked(), Action: r.Action, Resource: r.Resource, Keys: q}
	if r.Resource == "*" || strings.HasPrefix(r.Resource, awsPrefix) {
		q.ResourceAccount = q.Principal.Account
	} else if a, err := arn.Parse(r.Resource); err == nil {
		q.ResourceAccount, resource = a.Account, a
	}
	return q, resource
}

// done gives the question back. Nothing that was read of it may be kept.
func (q *question) done() {
	*q = question{}
	questions.Put(q)
}

// asked is the principal as policies see it.
func (p *Principal) asked() policy.Principal {
	asked := policy.Principal{Account: p.Account, ARN: p.ARN, UserID: p.UserID}
	switch {
	case p.fromProvider():
		return policy.Principal{Kind: policy.WebIdentity, Provider: p.Session.Provider}
	case p.ARN == "":
		return policy.Principal{}
	case p.isRoot():
		asked.Kind = policy.Root
	case p.Session != nil && p.Session.RoleARN != "":
		asked.Kind, asked.RoleARN = policy.AssumedRole, p.Session.RoleARN
	default:
		asked.Kind = policy.User
	}
	return asked
}

// fromProvider reports whether p is the bearer of an identity provider's token.
func (p *Principal) fromProvider() bool {
	return p.ARN == "" && p.Session != nil && p.Session.Provider != ""
}

// isRoot reports whether p is the root user of its account.
func (p *Principal) isRoot() bool {
	const prefix, suffix = "arn:" + arn.Partition + ":iam::", ":root"
	n := len(p.ARN) - len(suffix)
	return n > len(prefix) && p.ARN[:len(prefix)] == prefix && p.ARN[len(prefix):n] == string(p.Account) && p.ARN[n:] == suffix
}

// The global keys that are made from a request; the values are their slots.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
const (
	sourceIP = iota
	userAgent
	secureTransport
	requestedRegion
	currentTime
	epochTime
	resourceAccount
	viaAWSService
	principalIsAWSService
	tokenIssueTime
	federatedProvider
	sourceIdentity
	multiFactorAuthPresent
	globalKeys
)

var globalKey = map[string]int{
	"aws:sourceip": sourceIP, "aws:useragent": userAgent, "aws:securetransport": secureTransport,
	"aws:requestedregion": requestedRegion, "aws:currenttime": currentTime, "aws:epochtime": epochTime,
	"aws:resourceaccount": resourceAccount, "aws:viaawsservice": viaAWSService, "aws:principalisawsservice": principalIsAWSService,
	"aws:tokenissuetime": tokenIssueTime, "aws:federatedprovider": federatedProvider, "aws:sourceidentity": sourceIdentity,
	"aws:multifactorauthpresent": multiFactorAuthPresent,
}

// Values returns the values of a condition key.
func (q *question) Values(name string) ([]string, bool) {
	if strings.HasPrefix(name, principalTag) {
		return q.tag(name)
	}
	if tag, ok := q.ofResource(name); ok {
		if values, present := q.on[tag]; present {
			return values, true
		}
	}
	if slot, global := globalKey[name]; global {
		value := q.global(slot)
		q.slots[slot] = value
		return q.slots[slot : slot+1], value != ""
	}
	if values, present := find(q.context.Keys, name); present || q.session == nil {
		return values, present
	}
	return find(q.session.Claims, name)
}

// tag returns a tag of the principal; one of the session hides one of the role.
func (q *question) tag(name string) ([]string, bool) {
	if q.session != nil {
		for tag, value := range q.session.Tags {
			if policy.KeyName(tag) == name[len(principalTag):] {
				return []string{value}, true
			}
		}
	}
	values, present := q.tags[name[len(principalTag):]]
	return values, present
}

// ofResource takes the tag's key from the name of a condition key about tags of
// the resource.
func (q *question) ofResource(name string) (tag string, ok bool) {
	tag, ok = strings.CutPrefix(name, resourceTag)
	switch {
	case ok:
	case strings.HasPrefix(q.Action, "ecr:"):
		tag, ok = strings.CutPrefix(name, ecrResourceTag)
	case strings.HasPrefix(q.Action, "sts:"): // on roles
		tag, ok = strings.CutPrefix(name, iamResourceTag)
	}
	return tag, ok
}

func find(keys []Key, name string) ([]string, bool) {
	for i := range keys {
		if k := &keys[i]; len(k.Name) == len(name) && policy.KeyName(k.Name) == name {
			return k.Values, true
		}
	}
	return nil, false
}

// global returns the value of a global key; "" is not known.
func (q *question) global(key int) string {
	switch key {
	case sourceIP:
		return q.context.SourceIP
	case userAgent:
		return q.context.UserAgent
	case secureTransport:
		return strconv.FormatBool(q.context.Secure)
	case requestedRegion:
		return q.context.Region
	case currentTime:
		return q.now.UTC().Format(time.RFC3339)
	case epochTime:
		return strconv.FormatInt(q.now.Unix(), 10)
	case resourceAccount:
		return string(q.ResourceAccount)
	case viaAWSService, principalIsAWSService:
		return "false" // no service of AWS asks here, for itself or for others
	}
	if q.session == nil {
		return ""
	}
	return q.session.global(key)
}

// global returns the value of a global key that only sessions have.
func (s *Session) global(key int) string {
	switch key {
	case tokenIssueTime:
		if !s.Issued.IsZero() {
			return s.Issued.UTC().Format(time.RFC3339)
		}
	case federatedProvider:
		return s.Provider
	case sourceIdentity:
		return s.SourceIdentity
	case multiFactorAuthPresent:
		return "false"
	}
	return ""
}
