package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/policy"
)

// sized is a policy of exactly n characters, white space aside, that lets a user
// sign under one profile; what it is filled up with has no part in that.
func sized(n int) string {
	const head, tail = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "signer:SignPayload",
		"Resource": ["arn:aws:signer:us-east-1:111122223333:/signing-profiles/build_1", "arn:aws:ecr:::`, `"]}}`
	bare := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(head + tail)
	return head + strings.Repeat("x", n-len(bare)) + tail
}

// TestEscalationByDocuments: a policy that is no policy, or too large, is refused
// and leaves what stood. One of the greatest size holds to its last character.
func TestEscalationByDocuments(t *testing.T) {
	f := newFort(t)
	ci := f.newCI(t)
	ctx := t.Context()
	const inline, managed = 2048, 6144
	put := func(document string) error { return f.access.PutInlinePolicy(ctx, user("ci"), "ci", document) }
	create := func(document string) error {
		_, err := f.access.CreatePolicy(ctx, access.ManagedPolicy{Account: ours, Name: "large"}, document)
		return err
	}
	statement := func(text string) string { return `{"Version":"2012-10-17","Statement":[` + text + `]}` }
	const everything = `"Effect":"Allow","Action":"*","Resource":"*"`
	for name, test := range map[string]struct {
		err, want error
	}{
		"a byte too many":                    {put(sized(inline + 1)), access.ErrTooMany},
		"a second policy beside":             {f.access.PutInlinePolicy(ctx, user("ci"), "more", sized(inline)), access.ErrTooMany},
		"a byte too many, managed":           {create(sized(managed + 1)), access.ErrTooMany},
		"a megabyte":                         {put(sized(1 << 20)), nil},
		"an effect twice":                    {put(statement(`{"Effect":"Deny",` + everything + `}`)), policy.ErrMalformed},
		"an effect twice, once escaped":      {put(statement(`{"\u0045ffect":"Deny",` + everything + `}`)), policy.ErrMalformed},
		"two lists of statements":            {put(`{"Version":"2012-10-17","Statement":[],"Statement":[{` + everything + `}]}`), policy.ErrMalformed},
		"an effect in another case":          {put(statement(`{"effect":"Allow","Action":"*","Resource":"*"}`)), policy.ErrMalformed},
		"an effect of another kind":          {put(statement(`{"Effect":"allow","Action":"*","Resource":"*"}`)), policy.ErrMalformed},
		"an action of look-alikes":           {put(statement(`{"Effect":"Allow","Actiоn":"*","Resource":"*"}`)), policy.ErrMalformed},
		"a principal where there is none":    {put(statement(`{"Principal":"*",` + everything + `}`)), policy.ErrMalformed},
		"an unknown operator":                {put(statement(`{"Condition":{"StringEqual":{"aws:username":"ci"}},` + everything + `}`)), policy.ErrMalformed},
		"a deep list":                        {put(strings.Repeat("[", 100_000)), policy.ErrMalformed},
		"a deep condition":                   {put(statement(`{"Condition":{"StringEquals":` + strings.Repeat(`{"a":`, 1000) + `"b"` + strings.Repeat("}", 1000) + `},` + everything + `}`)), policy.ErrMalformed},
		"something after it":                 {put(statement(`{`+everything+`}`) + "{}"), policy.ErrMalformed},
		"a byte-order mark":                  {put("\ufeff" + statement(`{`+everything+`}`)), policy.ErrMalformed},
		"a byte 0":                           {put(statement(`{`+everything+`}`) + "\x00"), policy.ErrMalformed},
		"nothing":                            {put(""), policy.ErrMalformed},
		"an older version with its variable": {put(`{"Version":"2012-10-18","Statement":[{` + everything + `}]}`), policy.ErrMalformed},
	} {
		if test.err == nil || test.want != nil && !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	f.repel(t, []row{{"after all that", with(cancel(), func(a *attack) { a.by = ci }), 403, denied, ""}})
	for name, err := range map[string]error{"inline": put(sized(inline)), "managed": create(sized(managed))} {
		if err != nil {
			t.Errorf("the greatest %s policy: %v", name, err)
		}
	}
	signs := sign(`{"profileName":"build_1",` + payload + `}`)
	signs.by = ci
	if response, body := f.send(t, signs); codeOf(response, body) != "ResourceNotFoundException" { // allowed, and there is none
		t.Errorf("by the greatest policy: %d %s", response.StatusCode, body)
	}
	f.repel(t, []row{{"and nothing else", with(cancel(), func(a *attack) { a.by = ci }), 403, denied, ""}})
}
