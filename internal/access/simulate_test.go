package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/policy"
)

func TestSimulate(t *testing.T) {
	mixed := "{\"Version\":\"2012-10-17\",\"Statement\":[\n  {\"Effect\":\"Allow\",\"Action\":\"ecr:*\",\"Resource\":\"*\"},\n  {\"Effect\":\"Deny\",\"Action\":\"ecr:Delete*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"k:Env\":\"prod\"}}}]}"
	for _, test := range []struct {
		name             string
		s                access.Simulation
		action           string
		allowed          bool
		explicit         bool
		matched, missing string
	}{
		{"allowed", access.Simulation{Account: account, Identity: []access.Document{{Name: "P", Text: mixed}}}, "ecr:DeleteRepository", true, false, "P 2:3-2:53", "k:Env"},
		{"denied", access.Simulation{Account: account, Identity: []access.Document{{Name: "P", Text: mixed}}, Keys: []access.Key{{Name: "K:env", Values: []string{"prod"}}}},
			"ecr:DeleteRepository", false, true, "P 3:3-3:104", ""},
		{"nothing", access.Simulation{Account: account, Identity: []access.Document{{Name: "P", Text: mixed}}}, "iam:CreateUser", false, false, "", "k:Env"},
		{"a resource-based policy", access.Simulation{Principal: alice, Resource: allows(`{"Effect":"Allow","Principal":{"AWS":"` + aliceARN + `"},"Action":"*"}`)},
			"ecr:PutImage", true, false, "P 1:37-1:127", ""},
		{"a role", access.Simulation{Principal: access.Principal{Account: account, ARN: roleARN}, Resource: allows(`{"Effect":"Allow","Principal":{"AWS":"` + roleARN + `"},"Action":"*"}`)},
			"ecr:PutImage", true, false, "P 1:37-1:124", ""},
		{"another account", access.Simulation{Principal: eve, Identity: allows(everything)}, "ecr:PutImage", false, false, "P 1:37-1:83", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			decide, err := test.s.Compile()
			if err != nil {
				t.Fatal(err)
			}
			v := decide(test.action, appARN)
			var places []string
			for _, m := range v.Matched {
				places = append(places, m.Policy+" "+place(m.From)+"-"+place(m.To))
			}
			if v.Allowed != test.allowed || v.Explicit != test.explicit || (v.Reason == "") != v.Allowed || !v.Bounded ||
				strings.Join(places, ", ") != test.matched || strings.Join(v.Missing, " ") != test.missing {
				t.Errorf("%+v, matched %v", v, places)
			}
		})
	}
}

func place(p access.Position) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// TestSimulatePlaces: lines and columns count from 1.
func TestSimulatePlaces(t *testing.T) {
	text := "{\"Statement\":[\n{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\n\n  {\"Sid\":\"e\",\"Effect\":\"Allow\",\n\"Action\":\"*\",\"Resource\":\"*\"\n}]}"
	s := access.Simulation{Account: account, Identity: []access.Document{{Name: "P", Text: text}}}
	decide, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for _, m := range decide("ecr:PutImage", "*").Matched {
		places = append(places, place(m.From)+"-"+place(m.To))
	}
	if got := strings.Join(places, " "); got != "2:1-2:47 4:3-6:2" {
		t.Error(got)
	}
}

func TestSimulateABoundary(t *testing.T) {
	s := access.Simulation{Account: account, Identity: allows(everything), Boundary: &allows(`{"Effect":"Allow","Action":"signer:*","Resource":"*"}`)[0]}
	decide, err := s.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if v := decide("ecr:PutImage", "*"); v.Allowed || v.Bounded || v.Reason != "because no permissions boundary allows the ecr:PutImage action" {
		t.Errorf("%+v", v)
	}
	if v := decide("signer:SignPayload", "*"); !v.Allowed || !v.Bounded {
		t.Errorf("%+v", v)
	}
}

func TestSimulateRefusesWhatIsNoPolicy(t *testing.T) {
	broken := access.Document{Name: "P", Text: "{}"}
	for name, s := range map[string]access.Simulation{
		"identity": {Identity: []access.Document{broken}}, "boundary": {Boundary: &broken}, "resource": {Resource: []access.Document{broken}},
	} {
		if _, err := s.Compile(); !errors.Is(err, policy.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
