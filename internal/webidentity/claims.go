package webidentity

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sealwright/sealwright/internal/fault"
)

// Claims are what an authentic token says.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
type Claims struct {
	Subject           string
	Audience          string              // the authorized party, or else the one audience
	OriginalAudiences []string            // aud, whoever the authorized party is
	Methods           []string            // amr
	Others            map[string][]string // texts, numbers and truths, by the names they have; none that another differs from in case only

	Tags           map[string]string // of the session
	Transitive     []string          // keys of tags
	SourceIdentity string
}

// leeway is how far an issuer's clock may be ahead of ours.
const leeway = 5 * time.Minute

// maxSubject bounds sub.
//
// Source: SubjectFromWebIdentityToken in AWS's model
const maxSubject = 255

// read checks the claims of a token whose signature is good.
//
// Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
func (t Token) read(now time.Time, audiences []string) (c Claims, err error) {
	if c.Subject, _ = t.claims["sub"].(string); c.Subject == "" || len(c.Subject) > maxSubject || strings.ContainsFunc(c.Subject, unicode.IsControl) {
		return Claims{}, missing("sub of 1 to " + strconv.Itoa(maxSubject) + " bytes")
	}
	if err := t.checkTimes(now); err != nil {
		return Claims{}, err
	}
	if err := t.readAudience(&c, audiences); err != nil {
		return Claims{}, err
	}
	if err := t.readAWS(&c); err != nil {
		return Claims{}, err
	}
	c.Methods, _ = texts(t.claims["amr"])
	c.Others = t.others()
	return c, nil
}

func (t Token) checkTimes(now time.Time) error {
	expires, there := t.time("exp")
	if !there {
		return missing("exp")
	}
	issued, there := t.time("iat")
	if !there {
		return missing("iat")
	}
	if !now.Before(expires) {
		return fault.Becausef(ErrExpired, "Token expired: current date/time %d must be before the expiration date/time %d. Get a new token from the identity provider.", now.Unix(), expires.Unix())
	}
	begins := issued
	if _, says := t.claims["nbf"]; says {
		notBefore, whole := t.time("nbf")
		if !whole {
			return missing("nbf as an integer")
		}
		begins = later(issued, notBefore)
	}
	if begins.After(now.Add(leeway)) {
		return fault.Becausef(ErrInvalid, "The token is not valid before %d and it is %d here: compare the identity provider's clock with this service's.", begins.Unix(), now.Unix())
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// time reads a claim of whole seconds.
func (t Token) time(claim string) (time.Time, bool) {
	n, ok := t.claims[claim].(float64)
	if !ok || n != math.Trunc(n) || n < 0 || n >= 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0), true
}

// readAudience finds out whom a token is for. The authorized party stands for the
// audience where there is one. A token for several that does not say who may use
// it might have been given to any of them.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func (t Token) readAudience(c *Claims, audiences []string) error {
	meant, ok := texts(t.claims["aud"])
	if !ok || len(meant) == 0 {
		return missing("aud")
	}
	c.OriginalAudiences = meant
	party, says := t.claims["azp"]
	name, ok := party.(string)
	switch {
	case says && !ok:
		return fault.Becausef(ErrInvalid, "The token's azp is not a text.")
	case name != "":
		c.Audience = name
	case len(meant) > 1:
		return fault.Becausef(ErrInvalid, "The token has %d audiences and no azp that says for which of them it was made: ask the identity provider for a token with one audience.", len(meant))
	default:
		c.Audience = meant[0]
	}
	if !slices.Contains(audiences, c.Audience) {
		return fault.Becausef(ErrInvalid, "Incorrect token audience: the token is for %.260q, which is not a client ID of the OpenID Connect provider.", c.Audience)
	}
	return nil
}

// texts reads a text or a list of texts.
func texts(claim any) (all []string, ok bool) {
	switch v := claim.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			all = append(all, text)
		}
		return all, true
	}
	return nil, false
}

// ours are the claims that have a field of their own or no meaning for policies.
// No other claim may pass for one of them.
var ours = []string{"iss", "sub", "aud", "oaud", "azp", "amr", "exp", "iat", "nbf"}

// others are the claims that conditions may ask for beside those that AWS knows of
// every issuer. Two that differ in case only would be one condition key: neither
// counts.
func (t Token) others() map[string][]string {
	found, names := map[string][]string{}, map[string]int{}
	for name := range t.claims {
		names[strings.ToLower(name)]++
	}
	for name, claim := range t.claims {
		folded := strings.ToLower(name)
		if values, ok := scalar(claim); ok && names[folded] == 1 && !slices.Contains(ours, folded) && plain(name) {
			found[name] = values
		}
	}
	return found
}

// plain reports whether a claim's name can be part of a condition key.
func plain(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}

func scalar(claim any) ([]string, bool) {
	switch v := claim.(type) {
	case bool:
		return []string{strconv.FormatBool(v)}, true
	case float64:
		if math.Abs(v) >= 1<<53 { // two such numbers may be read as one
			return nil, false
		}
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}, true
	}
	return texts(claim)
}
