package access

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/policy"
)

// Errors of beginning a session.
var (
	// ErrPackedPolicyTooLarge means that a session's policies and tags do not fit
	// into its token.
	ErrPackedPolicyTooLarge = fault.New(fault.Limit, "The session's policies and tags are larger than a session token can hold: make them smaller, or use managed policies.")
	// ErrSessionTag means that the session's tags contradict each other, or those of
	// the session that begins it.
	ErrSessionTag = fault.New(fault.Invalid, "the session's tags are not valid")
	// ErrNotAssumed means that the caller may not begin the session.
	ErrNotAssumed = fault.New(fault.Denied, "not authorized")
)

// NewSession asks for a session of a role.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
type NewSession struct {
	RoleARN        string
	Name           string
	Duration       time.Duration // 0 means an hour
	Policy         string
	PolicyARNs     []string
	Tags           map[string]string
	Transitive     []string // keys of tags
	ExternalID     string
	SourceIdentity string

	web *bearing // of a session that a web identity begins
}

// AssumedRole is a session of a role that has begun.
type AssumedRole struct {
	TemporaryCredentials
	ARN            string // of the session
	UserID         string // AROA…:name
	SourceIdentity string // "" is none
	// Packed is how much of what a session can hold its policies and tags take, with
	// all else that it says, in percent; 0 if it has neither.
	Packed int
}

// Bounds of sessions.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	shortestSession    = 15 * time.Minute
	longestChain       = time.Hour // of a session begun by a session
	longestUserSession = 36 * time.Hour
	usualUserSession   = 12 * time.Hour
	longestRootSession = time.Hour
	maxSessionPolicy   = 2048 // characters
	maxSessionPolicies = 10
)

// AssumeRole begins a session of a role for a principal, if the role's trust
// policy and, across accounts, the principal's own policies let it. ErrNotAssumed
// with the reason, the same whether the role exists; ErrNoPolicy,
// ErrPackedPolicyTooLarge, policy.ErrMalformed.
func (s *Service) AssumeRole(ctx context.Context, p Principal, rc RequestContext, n NewSession) (AssumedRole, error) {
	if p.isRoot() {
		return AssumedRole{}, fault.Becausef(ErrNotAssumed, "Roles may not be assumed by root accounts.")
	}
	if err := n.inherit(p); err != nil {
		return AssumedRole{}, err
	}
	role, err := s.trusting(ctx, p, rc, n)
	if err != nil {
		return AssumedRole{}, err
	}
	c, err := s.begin(ctx, role, n, longest(role, p))
	if err != nil {
		return AssumedRole{}, err
	}
	return s.finish(ctx, "AssumeRole", role, n, c)
}

// inherit takes over from the session that begins this one the tags that go on,
// and the source identity. Neither can be given again.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining
func (n *NewSession) inherit(p Principal) error {
	for _, key := range n.Transitive {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(n.Tags)), sameTag(key)) {
			return fault.Becausef(ErrSessionTag, "The specified transitive tag key must be included in the requested tags.")
		}
	}
	if p.Session == nil {
		return nil
	}
	if was := p.Session.SourceIdentity; was != "" && n.SourceIdentity != "" && n.SourceIdentity != was {
		return fault.Becausef(ErrNotAssumed, "The source identity is already set for this assume role session.")
	}
	n.SourceIdentity = cmp.Or(n.SourceIdentity, p.Session.SourceIdentity)
	inherited := maps.Clone(p.Session.Tags)
	maps.DeleteFunc(inherited, func(tag, _ string) bool { return !slices.ContainsFunc(p.Session.Transitive, sameTag(tag)) })
	for key := range n.Tags {
		if slices.ContainsFunc(slices.Collect(maps.Keys(inherited)), sameTag(key)) {
			return fault.Becausef(ErrSessionTag, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	var err error
	if n.Tags, err = withTags(maps.Clone(n.Tags), inherited); err != nil {
		return err
	}
	n.Transitive = slices.Concat(n.Transitive, p.Session.Transitive)
	slices.Sort(n.Transitive)
	n.Transitive = slices.Compact(n.Transitive)
	return nil
}

// trusting returns the role if it lets the principal begin the session.
func (s *Service) trusting(ctx context.Context, p Principal, rc RequestContext, n NewSession) (Identity, error) {
	role, trust, err := s.roleToAssume(ctx, n.RoleARN)
	if err != nil {
		return Identity{}, err
	}
	rc.Keys = append(slices.Clone(rc.Keys), n.keys()...)
	for _, action := range n.actions(p) {
		r := Request{Principal: p, Action: action, Resource: n.RoleARN, Context: rc}
		d, err := s.AuthorizeTrust(ctx, r, trust, role.Tags)
		if err != nil {
			return Identity{}, err
		}
		if !d.Allowed {
			return Identity{}, fault.Becausef(ErrNotAssumed, "%s", Denial(r, d))
		}
	}
	return role, nil
}

// roleToAssume finds the role with this ARN and its trust policy, an empty one if
// there is no such role.
func (s *Service) roleToAssume(ctx context.Context, name string) (role Identity, trust Document, err error) {
	a, err := arn.Parse(name)
	if err != nil {
		return role, trust, fault.Errorf(fault.Invalid, "%.200s is invalid", name)
	}
	key, ok := KeyOfARN(a)
	if !ok || key.Kind != Role {
		return role, trust, nil
	}
	role, err = s.store.Identity(ctx, key)
	switch {
	case err == ErrNoIdentity, err == nil && role.ARN().String() != name:
		return Identity{}, trust, nil
	case err != nil:
		return role, trust, err
	}
	return role, Document{Name: role.Name, Text: role.Trust}, nil
}

// actions are what the session needs to be allowed.
func (n *NewSession) actions(p Principal) []string {
	actions := []string{"sts:AssumeRole"}
	if p.fromProvider() {
		actions[0] = "sts:AssumeRoleWithWebIdentity"
	}
	if len(n.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if n.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// keys are the condition keys that a trust policy may ask for.
func (n *NewSession) keys() []Key {
	keys := []Key{{Name: "sts:RoleSessionName", Values: []string{n.Name}}}
	if n.ExternalID != "" {
		keys = append(keys, Key{Name: "sts:ExternalId", Values: []string{n.ExternalID}})
	}
	if n.SourceIdentity != "" {
		keys = append(keys, Key{Name: "sts:SourceIdentity", Values: []string{n.SourceIdentity}})
	}
	if len(n.Transitive) > 0 {
		keys = append(keys, Key{Name: "sts:TransitiveTagKeys", Values: n.Transitive})
	}
	return append(keys, RequestTags(n.Tags)...)
}

// longest is how long a session of the role may last for who begins it.
func longest(role Identity, p Principal) time.Duration {
	if p.Session != nil && p.Session.RoleARN != "" {
		return min(longestChain, role.MaxSession)
	}
	return role.MaxSession
}

// begin checks what limits a session and makes its claims.
func (s *Service) begin(ctx context.Context, role Identity, n NewSession, most time.Duration) (sessionClaims, error) {
	if n.Duration == 0 {
		n.Duration = defaultSession
	}
	if n.Duration < shortestSession || n.Duration > most {
		return sessionClaims{}, fault.Errorf(fault.Invalid, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role: it must be from %d to %d.", int(shortestSession.Seconds()), int(most.Seconds()))
	}
	if err := s.checkSessionPolicies(ctx, role.Account, n); err != nil {
		return sessionClaims{}, err
	}
	issued := s.now().UTC().Truncate(time.Second)
	session := &Session{
		RoleARN: role.ARN().String(), Issued: issued, Expires: issued.Add(n.Duration),
		Policy: n.Policy, PolicyARNs: n.PolicyARNs, Tags: n.Tags, Transitive: n.Transitive, SourceIdentity: n.SourceIdentity,
	}
	if n.web != nil {
		session.Provider, session.Claims = n.web.Provider, n.web.lasting()
	}
	return sessionClaims{ARN: role.calledAs(n.Name), UserID: withSession(role.ID, n.Name), Session: session}, nil
}

// checkSessionPolicies checks the policies that limit a session.
func (s *Service) checkSessionPolicies(ctx context.Context, account arn.AccountID, n NewSession) error {
	if len(n.Policy) > maxSessionPolicy || len(n.PolicyARNs) > maxSessionPolicies {
		return ErrPackedPolicyTooLarge
	}
	if n.Policy != "" {
		if _, err := policy.ParseIdentity(n.Policy); err != nil {
			return err
		}
	}
	for _, name := range n.PolicyARNs {
		if _, err := s.managed(ctx, account, name); err != nil {
			return err
		}
	}
	return n.checkTags()
}

// checkTags checks the tags of a session. Their keys have no case.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_know
func (n NewSession) checkTags() error {
	if _, _, same := policy.SameKey(n.Tags); same {
		return fault.Becausef(ErrSessionTag, "%s", sameTagKeys)
	}
	return checkTags(n.Tags)
}

// finish seals a session and tells the journal.
func (s *Service) finish(ctx context.Context, operation string, role Identity, n NewSession, c sessionClaims) (AssumedRole, error) {
	a, err := s.account(ctx, role.Account)
	if err != nil {
		return AssumedRole{}, err
	}
	credentials, err := s.sealSession(a, c)
	if err != nil {
		return AssumedRole{}, err
	}
	detail := map[string]any{
		"roleSessionName": n.Name, "accessKeyId": credentials.AccessKeyID, "expiration": credentials.Expires, "sourceIdentity": n.SourceIdentity,
	}
	if n.web != nil {
		detail["provider"], detail["subjectFromWebIdentityToken"], detail["audience"] = n.web.Provider, n.web.Subject, n.web.Audience
	}
	e := s.event(ctx, operation, role.Account, role.ARN().String(), detail)
	e.Source = journal.SourceSTS
	packed := 0
	if c.Session.limited() || len(c.Session.Tags) > 0 {
		packed = credentials.packed
	}
	return AssumedRole{credentials, c.ARN, c.UserID, n.SourceIdentity, packed}, s.store.NoteSession(ctx, e)
}

// SessionToken begins a session of the user or root user itself: GetSessionToken.
// ErrNotAssumed for who has a session already.
func (s *Service) SessionToken(ctx context.Context, p Principal, d time.Duration) (TemporaryCredentials, error) {
	s.NoteUse(p.KeyID, "sts:GetSessionToken")
	if p.Session != nil || p.KeyID == "" {
		return TemporaryCredentials{}, fault.Becausef(ErrNotAssumed, "Cannot call GetSessionToken with session credentials")
	}
	most, usual := longestUserSession, usualUserSession
	if p.isRoot() {
		most, usual = longestRootSession, longestRootSession
	}
	if d == 0 {
		d = usual
	}
	d = min(d, most) // as AWS does with the root user's
	a, err := s.account(ctx, p.Account)
	if err != nil {
		return TemporaryCredentials{}, err
	}
	issued := s.now().UTC().Truncate(time.Second)
	c, err := s.sealSession(a, sessionClaims{BaseKey: p.KeyID, Session: &Session{Issued: issued, Expires: issued.Add(d)}})
	if err != nil {
		return TemporaryCredentials{}, err
	}
	e := s.event(ctx, "GetSessionToken", p.Account, p.ARN, map[string]any{"accessKeyId": c.AccessKeyID, "expiration": c.Expires})
	e.Source = journal.SourceSTS
	return c, s.store.NoteSession(ctx, e)
}

// barred says why a session that GetSessionToken began may not do an action: it
// may not call IAM, nor begin sessions of its own.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func (s *Session) barred(action string) bool {
	return s != nil && s.RoleARN == "" && s.Provider == "" && strings.HasPrefix(strings.ToLower(action), "iam:")
}
