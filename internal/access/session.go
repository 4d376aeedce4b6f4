package access

import "time"

// Session is what temporary credentials carry beside who holds them. It is
// authenticated when a Principal has one.
type Session struct {
	AccessKeyID    string
	RoleARN        string // of an assumed role, with its path; "" for a user's or root's session
	Issued         time.Time
	Expires        time.Time
	Policy         string   // the inline session policy; "" for none
	PolicyARNs     []string // managed session policies
	Tags           map[string]string
	SourceIdentity string
	Provider       string // ARN of the identity provider; "" unless a web identity began it
	Claims         []Key  // of the web identity's token, as condition keys such as host:sub
}

// limited reports whether session policies limit the session.
func (s *Session) limited() bool { return s.Policy != "" || len(s.PolicyARNs) > 0 }
