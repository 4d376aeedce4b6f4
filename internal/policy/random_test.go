package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

// TestRandomDecisions has the slow evaluator witness random decisions:
// SEALWRIGHT_POLICY_CASES of them, 50,000 if it is not set.
func TestRandomDecisions(t *testing.T) {
	cases := 50_000
	if s := os.Getenv("SEALWRIGHT_POLICY_CASES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		cases = n
	} else if testing.Short() {
		cases = 5_000
	}
	seen, mu := map[string]int{}, sync.Mutex{}
	t.Run("", func(t *testing.T) { // ends when all its parts have
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				some := witness(t, cases/runtime.GOMAXPROCS(0))
				mu.Lock()
				defer mu.Unlock()
				for said, n := range some {
					seen[said] += n
				}
			})
		}
	})
	for _, why := range words {
		found := seen["allow "+why] + seen["deny "+why]
		if found < cases/2000 {
			t.Errorf("of %d random decisions only %d are for %s: %v", cases, found, why, seen)
		}
	}
	t.Logf("%d decisions: %v", cases, seen)
}

// witness asks both evaluators and counts what they say.
func witness(t *testing.T, cases int) (seen map[string]int) {
	seen = map[string]int{}
	seed := rand.Uint64()
	d := dice{newDice(seed)}
	for asked := 0; asked < cases; {
		docs := d.documents()
		grants := docs.grants(t)
		for range 8 {
			asked++
			r := d.question()
			got, want := say(policy.Decide(r, grants)), slowly(r, docs)
			if seen[got]++; got != want {
				t.Fatalf("seed %d, question %d: %s, the slow evaluator says %s\n%+v\n%+v", seed, asked, got, want, r, docs)
			}
		}
	}
	return seen
}

// dice makes random policies and questions, from few words so that they meet.
type dice struct{ *rand.Rand }

func newDice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) some(of ...string) any {
	if d.IntN(2) == 0 {
		return d.one(of...)
	}
	var list []string
	for range 1 + d.IntN(3) {
		list = append(list, d.one(of...))
	}
	return list
}

const prefix = "arn:aws:ecr:us-east-1:111122223333:repository/"

var (
	actions   = []string{"*", "ecr:*", "ecr:Put*", "ecr:PutImage", "ECR:putimage", "ecr:*Image", "ecr:Get?mage", "signer:*", "*:*", "sts:*", "ecr:?*"}
	asked     = []string{"ecr:PutImage", "ecr:GetImage", "signer:SignPayload", "ecr:Put", "sts:AssumeRole", "eCR:pUTiMAGE"}
	resources = []string{"*", prefix + "*", prefix + "app", prefix + "team/*", prefix + "${aws:username}/*", prefix + "?pp", "arn:aws:ecr:*",
		prefix + "${aws:PrincipalTag/team, 'app'}", prefix + "${k:x}", "arn:aws:ecr:*:*:repository/a*p", prefix + "a${*}", "arn:aws:ecr:us-?ast-1:111122223333:*"}
	named = []string{"app", "team/app", "alice/app", "*", "App", "a*", "red", "apps", "arn:aws:ecr:us-east-1:444455556666:repository/app", "arn:aws:ecr:us-west-1:111122223333:repository/app"}
	whos  = []string{"*", here, there, "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/team/alice", "AIDAALICEALICEALICE12",
		"arn:aws:iam::111122223333:role/deploy/ci", "arn:aws:sts::111122223333:assumed-role/ci/run-7", "AROACICICICICICICIC12", "AROACICICICICICICIC12:run-7", "arn:aws:iam::444455556666:user/eve"}
	keyNames = []string{"k:x", "K:X", "k:y", "aws:PrincipalArn", "aws:username", "aws:PrincipalTag/team", "aws:PrincipalType", "aws:userid"}
	texts    = []string{"a", "A", "app", "*", "a*", "", "red", "alice", "${aws:username}", "${k:y}", "${k:y, 'a'}", "?", "Account", "User", "10", "x${*}", "arn:aws:iam::111122223333:user/team/alice"}
	arns     = []string{"*", "arn:aws:iam::111122223333:*", "arn:aws:iam::*:role/*", "arn:aws:iam::111122223333:user/team/${aws:username}", "nonsense", "arn:aws:*",
		"arn:aws:iam::${aws:PrincipalAccount}:user/*", "arn:aws:iam::${k:y}:role/x", "arn:aws:iam::${k:y, '111122223333'}:role/${k:x}*"}
	values = []string{"a", "A", "app", "red", "alice", "", "x*", "10", "9.5", "-1", "true", "FALSE", "10.1.2.3", "2001:db8::1", "2026-03-01", "1772366400",
		"arn:aws:iam::111122223333:user/team/alice", "arn:aws:iam::111122223333:role/x", "hello"}
	operands = map[string][]string{
		"String": texts, "Arn": arns, "Numeric": {"10", "9.5", "0"}, "Date": {"2026-03-01", "2026-03-01T00:00:00Z", "1772366401", "2025"},
		"Bool": {"true", "false"}, "Binary": {"aGVsbG8="}, "Ip": {"10.0.0.0/8", "10.1.2.3", "2001:db8::/32"}, "Null": {"true", "false"},
	}
	operatorNames = map[string][]string{
		"String":  {"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"},
		"Arn":     {"ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"},
		"Numeric": {"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		"Date":    {"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		"Bool":    {"Bool"}, "Binary": {"BinaryEquals"}, "Ip": {"IpAddress", "NotIpAddress"}, "Null": {"Null"},
	}
	families = []string{"String", "String", "String", "Arn", "Arn", "Numeric", "Date", "Bool", "Binary", "Ip", "Null"}
)

func (d dice) documents() *documents {
	docs := &documents{}
	for _, kind := range []struct {
		name           string
		chance, atMost int
	}{{"identity", 9, 3}, {"boundary", 3, 1}, {"session", 3, 2}, {"resource", 7, 2}, {"trust", 2, 2}} {
		for range kind.atMost {
			if d.IntN(10) < kind.chance {
				texts := docs.of(kind.name)
				*texts = append(*texts, d.document(kind.name))
			}
		}
	}
	if d.IntN(50) == 0 {
		texts := docs.of(d.one("identity", "boundary", "session", "resource"))
		*texts = []string{"broken"}
	}
	return docs
}

func (d dice) document(kind string) string {
	whole := doc{}
	if version := d.one("2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17", ""); version != "" {
		whole["Version"] = version
	}
	var statements []doc
	for range 1 + d.IntN(3) {
		statements = append(statements, d.statement(kind))
	}
	whole["Statement"] = statements
	text, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (d dice) statement(kind string) doc {
	st := doc{"Effect": d.one("Allow", "Allow", "Allow", "Deny")}
	not := func(name string) string { return map[bool]string{true: "Not"}[d.IntN(6) == 0] + name }
	if kind == "trust" {
		st["Action"] = d.some("sts:*", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:Tag*")
	} else {
		st[not("Action")] = d.some(actions...)
	}
	if kind == "identity" || kind == "boundary" || kind == "session" || kind == "resource" && d.IntN(3) == 0 {
		st[not("Resource")] = d.some(resources...)
	}
	switch {
	case kind == "resource" && st["Effect"] == "Deny" && d.IntN(2) == 0:
		st["NotPrincipal"] = doc{"AWS": d.some(whos[1:]...)}
	case kind == "resource" || kind == "trust":
		st["Principal"] = d.principal()
	}
	if d.IntN(2) == 0 {
		st["Condition"] = d.conditions()
	}
	return st
}

func (d dice) principal() any {
	switch d.IntN(6) {
	case 0:
		return "*"
	case 1:
		return doc{"Federated": d.one("arn:aws:iam::111122223333:oidc-provider/token.example.com", "accounts.example.com")}
	}
	return doc{"AWS": d.some(whos...)}
}

func (d dice) conditions() doc {
	block := doc{}
	for range 1 + d.IntN(2) {
		family := d.one(families...)
		operator := d.one("", "", "", "ForAnyValue:", "ForAllValues:") + d.one(operatorNames[family]...)
		if family != "Null" {
			operator += d.one("", "", "", "IfExists")
		}
		byKey := doc{}
		for range 1 + d.IntN(2) {
			byKey[d.one(keyNames...)] = d.some(operands[family]...)
		}
		block[operator] = byKey
	}
	return block
}

func (d dice) question() *policy.Request {
	who := d.one("alice", "alice", "ci", "ci", "root", "eve", "mallory", "evilroot", "nobody", "github")
	k := keys{}
	for _, name := range []string{"k:x", "k:y", "aws:principaltag/team"} {
		for range d.IntN(3) {
			k[name] = append(k[name], d.one(values...))
		}
		if d.IntN(10) == 0 {
			k[name] = []string{}
		}
	}
	action := d.one(asked...)
	if who == "github" {
		action = "sts:AssumeRoleWithWebIdentity"
	}
	return question(who, action, d.one(named...), k)
}
