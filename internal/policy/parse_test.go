package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
)

// parsers are the three grammars.
var parsers = map[string]func(string) (*policy.Policy, error){
	"identity": policy.ParseIdentity, "resource": policy.ParseResource, "trust": policy.ParseTrust,
}

func TestParseRefuses(t *testing.T) {
	const rest = `"Effect":"Allow","Action":"ecr:*","Resource":"*"`
	st := func(s string) string { return `{"Version":"2012-10-17","Statement":[{` + s + `}]}` }
	for _, test := range []struct{ kind, document, says string }{
		// JSON
		{"identity", ``, "Syntax errors in policy. At the document: the document is not JSON."},
		{"identity", `[]`, "Syntax errors in policy. At the document: want an object."},
		{"identity", `"x"`, "want an object"},
		{"identity", st(rest) + `{}`, "the document is not JSON"},
		{"identity", st(rest) + `x`, "the document is not JSON"},
		{"identity", "\ufeff" + st(rest), "the document is not JSON"},
		{"identity", "{\"Statement\":\"\xff\"}", "the document is not UTF-8"},
		{"identity", st(`"Sid":"\ud800",` + rest), "a character that is none"},
		{"identity", strings.Repeat(" ", 64<<10) + st(rest), "more than 65536 bytes"},
		{"identity", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nests more than 10 deep"},
		{"identity", `{"Statement":` + strings.Repeat(`{"a":`, 11) + `1` + strings.Repeat("}", 12), "nests more than 10 deep"},
		{"identity", `{"Statement":[` + strings.Repeat("1,", 1000) + `1]}`, "has more than 1000 parts"},
		// names that repeat
		{"identity", `{"Version":"2012-10-17","Version":"2008-10-17","Statement":{` + rest + `}}`, `"Version" comes twice in one object`},
		{"identity", st(`"Effect":"Deny",` + rest), `"Effect" comes twice`},
		{"identity", st(`"\u0045ffect":"Deny",` + rest), `"Effect" comes twice`},
		{"identity", st(rest + `,"Condition":{"Bool":{"a:b":"true"},"Bool":{"a:c":"true"}}`), `"Bool" comes twice`},
		{"identity", st(rest + `,"Condition":{"Bool":{"a:b":"true","a:b":"false"}}`), `"a:b" comes twice`},
		// the document
		{"identity", `{}`, "want a Statement"},
		{"identity", `{"Version":"2012-10-17"}`, "want a Statement"},
		{"identity", `{"Version":"2026-01-01","Statement":{` + rest + `}}`, "Policy document must be version 2012-10-17 or greater. At Version."},
		{"identity", `{"Version":20121017,"Statement":{` + rest + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{"identity", `{"version":"2012-10-17","Statement":{` + rest + `}}`, `there is no element "version"`},
		{"identity", `{"Id":7,"Statement":{` + rest + `}}`, "At Id: want a string"},
		{"identity", `{"Statement":[]}`, "want one to 500 statements"},
		{"identity", `{"Statement":"x"}`, "At Statement: want one to 500 statements"},
		{"identity", `{"Statement":[` + strings.Repeat("{},", 500) + `{}]}`, "want one to 500 statements"},
		{"identity", `{"Statement":[7]}`, "At Statement[0]: want an object"},
		{"identity", `{"Statement":[{` + rest + `},{"Effect":"Allow"}]}`, "At Statement[1]"},
		// elements of a statement
		{"identity", st(`"Actions":"x",` + rest), `At Statement[0]: there is no element "Actions"`},
		{"identity", st(`"Action":"ecr:*","Resource":"*"`), "Missing required field Effect. At Statement[0]."},
		{"identity", st(`"Effect":"allow","Action":"ecr:*","Resource":"*"`), "At Statement[0].Effect: want Allow or Deny"},
		{"identity", st(`"Effect":["Allow"],"Action":"ecr:*","Resource":"*"`), "want Allow or Deny"},
		{"identity", st(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions. At Statement[0]"},
		{"identity", st(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions."},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*"`), "Policy statement must contain resources."},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":[]`), "Policy statement must contain resources."},
		{"identity", st(`"NotAction":"x:y",` + rest), "Action and NotAction exclude each other"},
		{"identity", st(`"NotResource":"*",` + rest), "Resource and NotResource exclude each other"},
		{"identity", st(`"Principal":"*",` + rest), "Has prohibited field Principal. At Statement[0].Principal."},
		{"identity", st(`"NotPrincipal":"*",` + rest), "Has prohibited field NotPrincipal."},
		{"identity", st(`"Sid":"a b",` + rest), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"identity", st(`"Sid":1,` + rest), "At Statement[0].Sid: want a string"},
		{"identity", `{"Statement":[{"Sid":"a",` + rest + `},{"Sid":"a",` + rest + `}]}`, "Statement IDs (SID) in a single policy must be unique. At Statement[1].Sid."},
		// actions
		{"identity", st(`"Effect":"Allow","Action":"PutImage","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. At Statement[0].Action."},
		{"identity", st(`"Effect":"Allow","Action":["ecr:*","ecr:Put:Image"],"Resource":"*"`), "Actions/Condition can contain only one colon. At Statement[0].Action[1]."},
		{"identity", st(`"Effect":"Allow","Action":"e*:PutImage","Resource":"*"`), "Vendor e* is not valid"},
		{"identity", st(`"Effect":"Allow","Action":":PutImage","Resource":"*"`), "Vendor  is not valid"},
		{"identity", st(`"Effect":"Allow","Action":"\u0435cr:PutImage","Resource":"*"`), "is not valid"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:","Resource":"*"`), "is not the name of an action"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:Put\u0130mage","Resource":"*"`), "is not the name of an action"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:${aws:username}","Resource":"*"`), "Actions/Condition can contain only one colon"},
		{"identity", st(`"Effect":"Allow","Action":[7],"Resource":"*"`), "At Statement[0].Action[0]: want a string"},
		{"identity", st(`"Effect":"Allow","Action":null,"Resource":"*"`), "At Statement[0].Action: want a string"},
		// resources
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"app"`), `Resource app must be in ARN format or "*". At Statement[0].Resource.`},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:repository/app"`), "must be in ARN format"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":""`), "must be in ARN format"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:gcp:ecr:*:*:*"`), `Partition "gcp" is not valid for resource "arn:gcp:ecr:*:*:*".`},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:*"`), `Partition "*" is not valid`},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:*"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:${aws:PrincipalAccount}:x"`), "before the fifth colon"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:1:${aws:username"`), "does not begin with a policy variable"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:1:${username}"`), "policy variable"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:1:${aws:username, x}"`), "policy variable"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:1:${aws:username, 'a'b'}"`), "policy variable"},
		{"identity", st(`"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:1:${aws:${aws:username}}"`), "policy variable"},
		// conditions
		{"identity", st(rest + `,"Condition":[]`), "At Statement[0].Condition: want an object"},
		{"identity", st(rest + `,"Condition":{"StringSame":{"a:b":"c"}}`), `At Statement[0].Condition.StringSame: there is no condition operator "StringSame"`},
		{"identity", st(rest + `,"Condition":{"stringequals":{"a:b":"c"}}`), "there is no condition operator"},
		{"identity", st(rest + `,"Condition":{"NullIfExists":{"a:b":"true"}}`), "there is no condition operator"},
		{"identity", st(rest + `,"Condition":{"ForAnyValue:ForAllValues:Bool":{"a:b":"true"}}`), "there is no condition operator"},
		{"identity", st(rest + `,"Condition":{"StringEquals":"x"}`), "want an object"},
		{"identity", st(rest + `,"Condition":{"StringEquals":{"username":"x"}}`), "must be prefaced by a vendor"},
		{"identity", st(rest + `,"Condition":{"StringEquals":{"a:b":[]}}`), "want one to 1000 values"},
		{"identity", st(rest + `,"Condition":{"StringEquals":{"a:b":{"c":"d"}}}`), "At Statement[0].Condition.StringEquals.a:b: want a string"},
		{"identity", st(rest + `,"Condition":{"StringEquals":{"a:b":null}}`), "want a string"},
		{"identity", st(rest + `,"Condition":{"StringEquals":{"a:b":"${c"}}`), "policy variable"},
		{"identity", st(rest + `,"Condition":{"NumericEquals":{"a:b":"ten"}}`), "want a number"},
		{"identity", st(rest + `,"Condition":{"NumericEquals":{"a:b":"${aws:EpochTime}"}}`), "want a number"},
		{"identity", st(rest + `,"Condition":{"DateLessThan":{"a:b":"tomorrow"}}`), "want a date"},
		{"identity", st(rest + `,"Condition":{"Bool":{"a:b":"yes"}}`), "want true or false"},
		{"identity", st(rest + `,"Condition":{"Null":{"a:b":""}}`), "want true or false"},
		{"identity", st(rest + `,"Condition":{"IpAddress":{"a:b":"10.0.0.0/33"}}`), "neither an address nor a range"},
		{"identity", st(rest + `,"Condition":{"IpAddress":{"a:b":"10.0.0.*"}}`), "neither an address nor a range"},
		{"identity", st(rest + `,"Condition":{"IpAddress":{"a:b":"::ffff:10.0.0.0/104"}}`), "neither an address nor a range"},
		{"identity", st(rest + `,"Condition":{"BinaryEquals":{"a:b":"%"}}`), "At Statement[0].Condition.BinaryEquals.a:b"},
		// principals
		{"resource", st(rest), "Missing required field Principal"},
		{"resource", st(`"NotPrincipal":"*",` + rest), "NotPrincipal goes with Deny only"},
		{"resource", st(`"Principal":"*","NotPrincipal":"*",` + rest), "exclude each other"},
		{"resource", st(`"Principal":"alice",` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":[]},` + rest), "want one to 1000 values"},
		{"resource", st(`"Principal":{"CanonicalUser":"79a5"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"aws":"*"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"11112222333"},` + rest), `Invalid principal in policy: "AWS":"11112222333". At Statement[0].Principal.AWS.`},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::*:root"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::111122223333:rootx"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:sts::111122223333:role/r"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam:us-east-1:111122223333:role/r"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/${aws:username}"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"AWS":"AIDAALICE"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"Service":"*"},` + rest), "Invalid principal in policy"},
		{"resource", st(`"Principal":{"Federated":"*"},` + rest), "Invalid principal in policy"},
		// trust
		{"trust", st(`"Principal":"*","Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"`), "Has prohibited field Resource"},
		{"trust", st(`"NotPrincipal":"*","Effect":"Deny","Action":"sts:AssumeRole"`), "Has prohibited field NotPrincipal"},
		{"trust", st(`"Principal":"*","Effect":"Allow","Action":"ecr:PutImage"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"trust", st(`"Principal":"*","Effect":"Allow","Action":"*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"trust", st(`"Effect":"Allow","Action":"sts:AssumeRole"`), "Missing required field Principal"},
	} {
		_, err := parsers[test.kind](test.document)
		if message, shown := fault.Message(err); !errors.Is(err, policy.ErrMalformed) || !shown || !strings.Contains(message, test.says) {
			t.Errorf("%s %.200s:\n  %v\n  want %s", test.kind, test.document, err, test.says)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, test := range []struct{ kind, document string }{
		{"identity", `{"Version":"2012-10-17","Id":"x","Statement":{"Sid":"","Effect":"Allow","Action":"ecr:*","Resource":"*"}}`},
		{"identity", `{"Statement":[{"Sid":"","Effect":"Allow","NotAction":["ecr:*"],"NotResource":["arn:aws-cn:s3:::b"]},{"Sid":"","Effect":"Deny","Action":"*","Resource":"*"}]}`},
		{"identity", "\n\t" + `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}` + "\r\n "},
		{"identity", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":[true,"false"]},"NumericEquals":{"a:b":[1,-2.5,"3"]},"StringEquals":{"a:b":true}}}}`},
		{"resource", `{"Statement":{"Sid":"allow pull & push","Effect":"Allow","Principal":{"AWS":["*","111122223333","AROACICICICICICICIC12"],"Service":"codebuild.amazonaws.com"},"Action":"ecr:*"}}`},
		{"resource", `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/a/b"},"Action":"ecr:*","Resource":"*"}}`},
		{"trust", `{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/host/path"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"]}}`},
	} {
		if _, err := parsers[test.kind](test.document); err != nil {
			t.Errorf("%s: %v", test.document, err)
		}
	}
}

func TestParseResourceOfOneService(t *testing.T) {
	for action, says := range map[string]string{
		"ecr:*": "", "ECR:PutImage": "",
		"signer:SignPayload": "Action signer:SignPayload is not one of ecr here. At Statement.Action.",
		"*":                  "Action * is not one of ecr here. At Statement.Action.",
	} {
		_, err := policy.ParseResourceOf("ecr", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"`+action+`"}}`)
		if message, _ := fault.Message(err); message != says {
			t.Errorf("%s: %q, want %q", action, message, says)
		}
	}
}

// TestLargestPolicies: what is as large as it may be is parsed and matched soon,
// whatever its wildcards.
func TestLargestPolicies(t *testing.T) {
	hard := prefix + strings.Repeat("a*", 3000) + "b"
	resource := prefix + strings.Repeat("a", 2000)
	many := strings.Repeat(`"ecr:Put?????","ecr:*a*b*c*d*e*f*",`, 400) + `"ecr:PutImage"`
	for name, statement := range map[string]string{
		"stars":     `{"Effect":"Allow","Action":"*","Resource":"` + hard + `"}`,
		"questions": `{"Effect":"Allow","Action":"*","Resource":"` + prefix + strings.Repeat("*?a", 2000) + `b"}`,
		"values":    `{"Effect":"Allow","Action":[` + many + `],"Resource":"` + resource + `x"}`,
	} {
		p, err := policy.ParseIdentity(`{"Statement":` + statement + `}`)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		start := time.Now()
		r := question("alice", "ecr:PutImage", resource, nil)
		if d := policy.Decide(r, &policy.Grants{Identity: []policy.Attached{{Policy: p}}}); d.Allowed {
			t.Errorf("%s: allowed", name)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestKeysAndMatches(t *testing.T) {
	text := whole(`{"Sid":"one","Effect":"Allow","Action":"ecr:*","Resource":"` + prefix + `${aws:username}*","Condition":{"StringLike":{"aws:PrincipalTag/Team":"${k:x, 'y'}"}}},
		{"Effect":"Deny","Action":"iam:*","Resource":"*"}`)
	p, err := policy.ParseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Keys(), " "); got != "aws:PrincipalTag/Team aws:username k:x" {
		t.Errorf("keys %s", got)
	}
	all := p.Matches(question("alice", "ecr:PutImage", "alice-app", keys{"aws:principaltag/team": {"y"}}))
	if len(all) != 1 || all[0].Deny || all[0].Sid != "one" || !strings.HasPrefix(text[all[0].From:all[0].To], `{"Sid":"one"`) || !strings.HasSuffix(text[all[0].From:all[0].To], `"}}}`) {
		t.Errorf("%+v", all)
	}
}

// FuzzParse: whatever parses decides without a panic, as the slow evaluator
// does, and only what it names.
func FuzzParse(f *testing.F) {
	d := dice{newDice(1)}
	for range 40 {
		f.Add(d.document("identity"))
		f.Add(d.document("resource"))
		f.Add(d.document("trust"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for kind, parse := range parsers {
			p, err := parse(text)
			if err != nil {
				if !errors.Is(err, policy.ErrMalformed) {
					t.Fatal(err)
				}
				continue
			}
			p.Keys()
			bindsAndBack(t, text)
			docs := &documents{}
			*docs.of(kind) = []string{text}
			for _, who := range []string{"alice", "ci", "root", "nobody", "github"} {
				r := question(who, "ecr:PutImage", "app", keys{"k:x": {"a"}})
				if got, want := say(policy.Decide(r, docs.grants(t))), slowly(r, docs); got != want {
					t.Errorf("%s asks, by %s %s: %s, the slow evaluator says %s", who, kind, text, got, want)
				}
			}
		}
	})
}
