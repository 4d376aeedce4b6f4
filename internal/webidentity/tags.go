package webidentity

import (
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// The claims that say what the session is to carry, nested or, for issuers that
// have no objects, as names of their own:
//
//	"https://aws.amazon.com/tags": {"principal_tags": {"team": ["ci"]}, "transitive_tag_keys": ["team"]}
//	"https://aws.amazon.com/tags/principal_tags/team": "ci"
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp
const (
	tagsClaim      = "https://aws.amazon.com/tags"
	principalTags  = "principal_tags"
	transitiveKeys = "transitive_tag_keys"
	sourceIdentity = "https://aws.amazon.com/source_identity"
)

// readAWS reads the claims that are meant for AWS. ErrRejected.
func (t Token) readAWS(c *Claims) error {
	c.Tags = map[string]string{}
	if claim, says := t.claims[tagsClaim]; says {
		nested, ok := claim.(map[string]any)
		if !ok {
			return rejected(tagsClaim)
		}
		if err := c.readNested(nested); err != nil {
			return err
		}
	}
	for name, claim := range t.claims {
		key, flat := strings.CutPrefix(name, tagsClaim+"/"+principalTags+"/")
		if flat && !c.tag(key, claim) {
			return rejected(name)
		}
	}
	if claim, says := t.claims[tagsClaim+"/"+transitiveKeys]; says && !c.goOn(claim) {
		return rejected(tagsClaim + "/" + transitiveKeys)
	}
	return t.readSource(c)
}

func (c *Claims) readNested(nested map[string]any) error {
	if claim, says := nested[principalTags]; says {
		tags, ok := claim.(map[string]any)
		if !ok {
			return rejected(principalTags)
		}
		for key, value := range tags {
			if !c.tag(key, value) {
				return rejected(principalTags)
			}
		}
	}
	if claim, says := nested[transitiveKeys]; says && !c.goOn(claim) {
		return rejected(transitiveKeys)
	}
	return nil
}

// tag adds a tag of one value. One that is there already is refused.
func (c *Claims) tag(key string, claim any) bool {
	values, ok := texts(claim)
	if _, twice := c.Tags[key]; !ok || len(values) != 1 || twice {
		return false
	}
	c.Tags[key] = values[0]
	return true
}

// goOn makes tags transitive; each must be there by then or come flat.
func (c *Claims) goOn(claim any) bool {
	keys, ok := texts(claim)
	c.Transitive = append(c.Transitive, keys...)
	return ok
}

// A source identity has 2 to 64 of these characters.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const sourceAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"

func (t Token) readSource(c *Claims) error {
	claim, says := t.claims[sourceIdentity]
	if !says {
		return nil
	}
	name, ok := claim.(string)
	if !ok || len(name) < 2 || len(name) > 64 || strings.Trim(name, sourceAlphabet) != "" {
		return rejected(sourceIdentity)
	}
	c.SourceIdentity = name
	return nil
}

func rejected(claim string) error {
	return fault.Becausef(ErrRejected, "The token's claim %.200q is not in the form that AWS documents.", claim)
}
