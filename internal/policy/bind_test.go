package policy_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

// ids and arns are what stands where the tests bind.
var ids = map[string]string{
	"arn:aws:iam::111122223333:user/team/alice":         "AIDAALICEALICEALICE12",
	"arn:aws:iam::111122223333:role/deploy/ci":          "AROACICICICICICICIC12",
	"arn:aws:sts::111122223333:assumed-role/ci/run=7,@": "AROACICICICICICICIC12:run=7,@",
	`arn:aws:iam::111122223333:user/<&"\/odd`:           "AIDAODDODDODDODDODD12",
}

func known(names []string) (map[string]string, error) { return ids, nil }

func called(names []string) (map[string]string, error) {
	arns := map[string]string{}
	for arn, id := range ids {
		arns[id] = arn
	}
	return arns, nil
}

func TestBind(t *testing.T) {
	for name, test := range map[string]struct{ given, kept string }{
		"a user":     {`{"AWS":"arn:aws:iam::111122223333:user/team/alice"}`, `{"AWS":"AIDAALICEALICEALICE12"}`},
		"a list":     {"{ \"AWS\" :\t[\"*\", \"arn:aws:iam::111122223333:role/deploy/ci\",\n\"111122223333\" ] }", "{ \"AWS\" :\t[\"*\", \"AROACICICICICICICIC12\",\n\"111122223333\" ] }"},
		"a session":  {`{"AWS":"arn:aws:sts::111122223333:assumed-role/ci/run=7,@"}`, `{"AWS":"AROACICICICICICICIC12:run=7,@"}`},
		"one in two": {`{"AWS":["arn:aws:iam::111122223333:role/deploy/ci","arn:aws:iam::111122223333:role/deploy/ci"]}`, `{"AWS":["AROACICICICICICICIC12","AROACICICICICICICIC12"]}`},
		"odd ones":   {`{"AWS":"arn:aws:iam::111122223333:user/<&\"\\/odd"}`, `{"AWS":"AIDAODDODDODDODDODD12"}`},
		"others":     {`{"AWS":["arn:aws:iam::111122223333:root","111122223333"],"Federated":"arn:aws:iam::111122223333:oidc-provider/x","Service":"x.amazonaws.com"}`, ""},
		"everyone":   {`"*"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, element := range []string{`"Effect":"Allow","Principal"`, `"Effect":"Deny","NotPrincipal"`} {
				around := func(principal string) string {
					return ` {"Statement" : [{"Sid":"arn:aws:iam::111122223333:user/team/alice","Effect":"Allow","Principal":"*","Action":"ecr:*"},
						{` + element + ` : ` + principal + `,"Action":"ecr:*","Resource":"arn:aws:iam::111122223333:user/team/alice"}] }`
				}
				given, kept := around(test.given), around(test.kept)
				if test.kept == "" {
					kept = given
				}
				got, err := policy.Bind(given, known)
				if err != nil || got != kept {
					t.Errorf("kept %s, %v; want %s", got, err, kept)
				}
				if shown, err := policy.Unbind(got, called); err != nil || shown != given {
					t.Errorf("shown %s, %v; want %s", shown, err, given)
				}
			}
		})
	}
}

func TestBindRefusesWhoIsNot(t *testing.T) {
	none := func([]string) (map[string]string, error) { return nil, nil }
	for _, name := range []string{"arn:aws:iam::111122223333:user/eve", "AIDAEVEEVEEVEEVEEVE12", "arn:aws:sts::111122223333:assumed-role/ci/s"} {
		document := `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","` + name + `"]},"Action":"ecr:*"}}`
		_, err := policy.Bind(document, none)
		if want := `Invalid principal in policy: "AWS":"` + name + `"`; !errors.Is(err, policy.ErrMalformed) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if shown, err := policy.Unbind(document, none); err != nil || shown != document {
			t.Errorf("shown %s, %v", shown, err)
		}
	}
}

func TestBindPassesErrors(t *testing.T) {
	away := errors.New("away")
	fail := func([]string) (map[string]string, error) { return nil, away }
	document := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"AIDAALICEALICEALICE12"},"Action":"ecr:*"}}`
	if _, err := policy.Bind(document, fail); err != away {
		t.Error(err)
	}
	if _, err := policy.Unbind(document, fail); err != away {
		t.Error(err)
	}
}

// TestByID: what is kept decides by unique IDs; an ARN that was left matches
// nobody, whoever has the name.
func TestByID(t *testing.T) {
	for name, test := range map[string]struct {
		who, principal, want string
	}{
		"a user by ID":     {"alice", "AIDAALICEALICEALICE12", "allow resource"},
		"a user by name":   {"alice", "arn:aws:iam::111122223333:user/team/alice", "deny no-identity"},
		"a role by ID":     {"ci", "AROACICICICICICICIC12", "allow resource"},
		"a role by name":   {"ci", "arn:aws:iam::111122223333:role/deploy/ci", "deny no-identity"},
		"a session by ID":  {"ci", "AROACICICICICICICIC12:run-7", "allow resource"},
		"a session's name": {"ci", "arn:aws:sts::111122223333:assumed-role/ci/run-7", "deny no-identity"},
		"the account":      {"root", "arn:aws:iam::111122223333:root", "allow root"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policy.ParseResource(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + test.principal + `"},"Action":"ecr:*"}}`)
			if err != nil {
				t.Fatal(err)
			}
			r := question(test.who, "ecr:PutImage", "app", nil)
			if got := say(policy.Decide(r, &policy.Grants{Resource: []policy.Attached{{Policy: p.ByID()}}})); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// bindsAndBack checks that binding changes nothing but principals: with IDs that
// stand for what they replace, the document comes back.
func bindsAndBack(t *testing.T, text string) {
	t.Helper()
	back := map[string]string{}
	bound, err := policy.Bind(text, func(names []string) (map[string]string, error) {
		found := map[string]string{}
		for i, name := range names {
			id := "AIDA" + strings.Repeat("0", 14) + string(rune('A'+i/676%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i%26))
			found[name], back[id] = id, name
		}
		return found, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	unbound, err := policy.Unbind(bound, func([]string) (map[string]string, error) { return back, nil })
	if err != nil {
		t.Fatal(err)
	}
	var was, is any
	if json.Unmarshal([]byte(text), &was) == nil && (json.Unmarshal([]byte(unbound), &is) != nil || !reflect.DeepEqual(was, is)) {
		t.Errorf("%s became %s, and that %s", text, bound, unbound)
	}
}
