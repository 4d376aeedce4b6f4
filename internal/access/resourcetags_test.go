package access_test

import (
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
)

// TestTagsOfResources: conditions know them under both names, ECR's for ECR alone.
func TestTagsOfResources(t *testing.T) {
	const onTeam = `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"KEY/team":"red"}}}`
	for _, test := range []struct {
		name, key, reason string
		tags              map[string]string
	}{
		{"the global name", "aws:ResourceTag", "", map[string]string{"team": "red"}},
		{"ECR's name", "ecr:ResourceTag", "", map[string]string{"Team": "red"}},
		{"another service's name", "signer:ResourceTag", noIdentity, map[string]string{"team": "red"}},
		{"another value", "aws:ResourceTag", noIdentity, map[string]string{"team": "Red"}},
		{"another tag", "aws:ResourceTag", noIdentity, map[string]string{"teams": "red"}},
		{"of two that differ in case, the first", "aws:ResourceTag", noIdentity, map[string]string{"Team": "blue", "team": "red"}},
		{"none", "aws:ResourceTag", noIdentity, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJudge(t)
			j.resources.tags = map[string]map[string]string{appARN: test.tags}
			j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(strings.Replace(onTeam, "KEY", test.key, 1))}
			j.put(t, alice, test.reason)
		})
	}
}

// TestDenialsTellNoTags: who may not do something whatever the tags are is told the
// same whether the resource has tags, has others, or is not there.
func TestDenialsTellNoTags(t *testing.T) {
	const denied = `{"Sid":"secret","Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/level":"secret"}}}`
	for _, tags := range []map[string]string{nil, {"level": "open"}, {"level": "secret"}} {
		j := newJudge(t)
		j.resources.tags = map[string]map[string]string{appARN: tags}
		j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(denied)}
		j.store.grants[eve.ARN] = access.Grants{ID: eve.UserID, Identity: append(allows(denied), allows(everything)...)}
		j.put(t, alice, noIdentity)
		j.put(t, eve, noResource)
	}
	j := newJudge(t)
	j.resources.tags = map[string]map[string]string{appARN: {"level": "secret"}}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: append(allows(denied), allows(everything)...)}
	j.put(t, alice, "with an explicit deny in an identity-based policy: P (statement secret)")
}
