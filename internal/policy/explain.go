package policy

// Explain returns why a decision denies, in AWS's words: what follows "on
// resource: R ". Who is outside the resource's account is told the same whatever
// is attached to it, or whether it is there.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Explain(action string) string {
	if d.Outside && (d.Why == ResourceDeny || d.Why == TrustDeny) {
		d = Decision{Why: map[Why]Why{ResourceDeny: NoResourceAllow, TrustDeny: NoTrustAllow}[d.Why]}
	}
	kind := d.Why.kind()
	switch {
	case d.Unreadable:
		return "because the " + kind + " " + d.Policy + " cannot be read, and what cannot be read denies"
	case d.Explicit():
		return "with an explicit deny in " + article(kind) + kind + d.which()
	}
	return "because no " + kind + " allows the " + action + " action"
}

// Explicit reports whether a statement denies, or a document that cannot be
// read, and not the lack of one that allows.
func (d Decision) Explicit() bool { return d.Why >= IdentityDeny && !d.Allowed }

// kind is the kind of policy that decided.
func (w Why) kind() string {
	switch w {
	case NoBoundaryAllow, BoundaryDeny:
		return "permissions boundary"
	case NoSessionAllow, SessionDeny:
		return "session policy"
	case NoResourceAllow, ResourceDeny, ResourceAllow:
		return "resource-based policy"
	case NoTrustAllow, TrustDeny:
		return "role trust policy"
	}
	return "identity-based policy"
}

func article(noun string) string {
	if noun[0] == 'i' {
		return "an "
	}
	return "a "
}

// which names the policy and the statement, as far as they have names.
func (d Decision) which() string {
	s := ""
	if d.Policy != "" {
		s = ": " + d.Policy
	}
	if d.Sid != "" {
		s += " (statement " + d.Sid + ")"
	}
	return s
}
