package iamapi

import (
	"context"
	"strconv"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
)

// simulated is what both simulations ask.
type simulated struct {
	Actions    []string       `json:"ActionNames" validate:"required,min=1,max=1000" each:"min=3,max=128"`
	Resources  []string       `json:"ResourceArns" validate:"max=1000" each:"min=1,max=2048"`
	Attached   *string        `json:"ResourcePolicy" validate:"min=1,max=131072"`
	Owner      *string        `json:"ResourceOwner" validate:"min=1,max=2048"`
	Caller     *string        `json:"CallerArn" validate:"min=1,max=2048"`
	Context    []contextEntry `json:"ContextEntries" validate:"max=1000"`
	Boundaries []string       `json:"PermissionsBoundaryPolicyInputList" validate:"max=1"`
	Handling   *string        `json:"ResourceHandlingOption" validate:"max=64"`
	paging
}

type contextEntry struct {
	Name   string   `json:"ContextKeyName" validate:"required,min=5,max=256"`
	Values []string `json:"ContextKeyValues" validate:"max=1000"`
	Type   string   `json:"ContextKeyType" validate:"max=64"`
}

type simulateCustom struct {
	everything
	Policies []string   `json:"PolicyInputList" validate:"required,max=100"`
	Above    []struct{} `json:"OrderedOrganizationPolicyInputList"`
	simulated
}

type simulatePrincipal struct {
	Source   string     `json:"PolicySourceArn" validate:"required,min=20,max=2048"`
	Policies []string   `json:"PolicyInputList" validate:"max=100"`
	Without  []struct{} `json:"PolicyExclusionList"`
	simulated
}

func (in *simulatePrincipal) asked(*awshttp.Call) string {
	return in.Source
}

// What one request may ask for, and what one page of its answer takes: the
// reading of so many bytes of policies, and so many statements and keys in it.
const (
	maxSimulated = 10_000 // decisions
	maxRead      = 16 << 20
	maxDetails   = 50_000
)

type simulateOutput struct {
	Results []evaluation `json:"EvaluationResults"`
	page
}

type evaluation struct {
	Action    string               `json:"EvalActionName"`
	Resource  string               `json:"EvalResourceName"`
	Decision  string               `json:"EvalDecision"`
	Matched   []matchedStatement   `json:"MatchedStatements"`
	Missing   []string             `json:"MissingContextValues"`
	Boundary  *boundaryDetail      `json:"PermissionsBoundaryDecisionDetail,omitempty"`
	Specifics []resourceEvaluation `json:"ResourceSpecificResults,omitempty"`
}

type resourceEvaluation struct {
	Resource string             `json:"EvalResourceName"`
	Decision string             `json:"EvalResourceDecision"`
	Matched  []matchedStatement `json:"MatchedStatements"`
	Missing  []string           `json:"MissingContextValues"`
	Boundary *boundaryDetail    `json:"PermissionsBoundaryDecisionDetail,omitempty"`
}

type boundaryDetail struct {
	Allowed bool `json:"AllowedByPermissionsBoundary"`
}

type matchedStatement struct {
	Policy string   `json:"SourcePolicyId"`
	Start  position `json:"StartPosition"`
	End    position `json:"EndPosition"`
}

type position struct {
	Line   int `json:"Line"`
	Column int `json:"Column"`
}

// simulateCustomPolicy asks what given policies would decide.
func (s *iam) simulateCustomPolicy(_ context.Context, c *awshttp.Call, in *simulateCustom) (*simulateOutput, error) {
	if len(in.Above) > 0 {
		return nil, invalidInput("There is no organization above accounts here: leave OrderedOrganizationPolicyInputList out.")
	}
	return in.run(c, access.Simulation{Account: c.Account, Identity: inputs("PolicyInputList", in.Policies)})
}

// simulatePrincipalPolicy asks what the policies of a user, a group or a role
// decide, with those given on top.
func (s *iam) simulatePrincipalPolicy(ctx context.Context, c *awshttp.Call, in *simulatePrincipal) (*simulateOutput, error) {
	if len(in.Without) > 0 {
		return nil, invalidInput("PolicyExclusionList is not supported here: give SimulateCustomPolicy the policies that are to count.")
	}
	a, err := arn.Parse(in.Source)
	key, ok := access.KeyOfARN(a)
	if err != nil || !ok {
		return nil, invalidInput("PolicySourceArn must be the ARN of a user, a group or a role.")
	}
	grants, err := s.access.Grants(ctx, in.Source)
	if err != nil {
		return nil, err
	}
	if grants.ID == "" || a.Account != c.Account {
		return nil, fault.Becausef(access.ErrNoIdentity, "The %s with name %s cannot be found.", key.Kind, key.Name)
	}
	m := access.Simulation{Account: c.Account, Identity: append(grants.Identity, inputs("PolicyInputList", in.Policies)...), Boundary: grants.Boundary}
	if key.Kind != access.Group {
		m.Principal = access.Principal{Account: a.Account, ARN: in.Source, UserID: grants.ID}
	}
	for k, v := range grants.Tags {
		m.Keys = append(m.Keys, access.Key{Name: "aws:PrincipalTag/" + k, Values: []string{v}})
	}
	return in.run(c, m)
}

// inputs names policies as AWS names those of a request.
func inputs(list string, texts []string) (all []access.Document) {
	for i, text := range texts {
		all = append(all, access.Document{Name: list + "." + strconv.Itoa(i+1), Text: text})
	}
	return all
}

// run decides each action on each resource.
func (in *simulated) run(c *awshttp.Call, m access.Simulation) (*simulateOutput, error) {
	const list = "Simulate"
	resources := in.Resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	if len(in.Actions)*len(resources) > maxSimulated {
		return nil, invalidInput("The request asks for more than " + strconv.Itoa(maxSimulated) + " decisions: split it.")
	}
	if err := in.complete(&m); err != nil {
		return nil, err
	}
	decide, err := m.Compile()
	if err != nil {
		return nil, err
	}
	after, err := in.after(list)
	if err != nil {
		return nil, err
	}
	begin := 0
	if after != "" {
		if begin, err = strconv.Atoi(after); err != nil || begin < 0 || begin > len(in.Actions) {
			return nil, invalidInput("Invalid Marker")
		}
	}
	page := in.pageOf(resources, m.Size())
	if page == 0 {
		return nil, errTooMuch
	}
	out := &simulateOutput{}
	details := 0
	for i := begin; i < len(in.Actions) && i <= begin+page && details <= maxDetails; i++ {
		one := evaluate(in.Actions[i], resources, decide, m.Boundary != nil)
		if details += one.details(); details > maxDetails && i == begin {
			return nil, errTooMuch
		} else if details > maxDetails {
			page = i - begin
		}
		out.Results = append(out.Results, one)
	}
	out.Results, out.page = cut(list, out.Results, page, func(evaluation) string { return strconv.Itoa(begin + page) })
	return out, nil
}

// errTooMuch is the error of one action whose answer would not fit on a page.
var errTooMuch = invalidInput("The request asks for too much at once: ask about fewer resources, or fewer policies.")

// pageOf is how many actions fit on a page.
func (in *simulated) pageOf(resources []string, size int) int {
	return min(in.size(), maxRead/max(1, len(resources)*size))
}

// details counts what the answer about one action lists.
func (e *evaluation) details() int {
	n := len(e.Matched) + len(e.Missing)
	for _, r := range e.Specifics {
		n += len(r.Matched) + len(r.Missing)
	}
	return n
}

// complete adds what the request says of who asks for what.
func (in *simulated) complete(m *access.Simulation) error {
	for _, e := range in.Context {
		m.Keys = append(m.Keys, access.Key{Name: e.Name, Values: e.Values})
	}
	if len(in.Boundaries) > 0 {
		m.Boundary = &inputs("PermissionsBoundaryPolicyInputList", in.Boundaries)[0]
	}
	if in.Attached != nil {
		m.Resource = inputs("ResourcePolicy", []string{*in.Attached})
	}
	if in.Owner != nil {
		owner, err := arn.Parse(*in.Owner)
		if err != nil {
			return invalidInput("ResourceOwner must be the ARN of an account, such as arn:aws:iam::111122223333:root.")
		}
		m.Owner = owner.Account
	}
	if in.Caller == nil {
		return nil
	}
	caller, err := arn.Parse(*in.Caller)
	if err != nil || caller.Account == "" {
		return invalidInput("CallerArn must be the ARN of a user.")
	}
	m.Principal = access.Principal{Account: caller.Account, ARN: *in.Caller, UserID: m.Principal.UserID}
	return nil
}

// evaluate decides one action on all resources; the whole is allowed if all are,
// and denied explicitly if one is.
func evaluate(action string, resources []string, decide func(action, resource string) access.Verdict, bounded bool) evaluation {
	whole := evaluation{Action: action, Resource: resources[0], Decision: "allowed"}
	for _, r := range resources {
		v := decide(action, r)
		one := resourceEvaluation{Resource: r, Decision: decision(v), Matched: matched(v), Missing: v.Missing}
		if bounded {
			one.Boundary = &boundaryDetail{v.Bounded}
		}
		whole.Specifics = append(whole.Specifics, one)
		if whole.Decision == "allowed" || one.Decision == "explicitDeny" {
			whole.Decision, whole.Matched, whole.Missing, whole.Boundary = one.Decision, one.Matched, one.Missing, one.Boundary
		}
	}
	if len(resources) == 1 {
		whole.Specifics = nil
	} else {
		whole.Resource = "*"
	}
	return whole
}

func decision(v access.Verdict) string {
	switch {
	case v.Allowed:
		return "allowed"
	case v.Explicit:
		return "explicitDeny"
	}
	return "implicitDeny"
}

func matched(v access.Verdict) []matchedStatement {
	return shown(v.Matched, func(m access.MatchedStatement) matchedStatement {
		return matchedStatement{m.Policy, position(m.From), position(m.To)}
	})
}

type contextKeysOutput struct {
	Names []string `json:"ContextKeyNames"`
}

type contextKeysForCustom struct {
	everything
	Policies []string `json:"PolicyInputList" validate:"required,max=100"`
}

// getContextKeysForCustomPolicy tells which condition keys policies ask for.
func (s *iam) getContextKeysForCustomPolicy(_ context.Context, _ *awshttp.Call, in *contextKeysForCustom) (*contextKeysOutput, error) {
	out := &contextKeysOutput{}
	for _, text := range in.Policies {
		p, err := policy.ParseIdentity(text)
		if err != nil {
			return nil, err
		}
		out.Names = append(out.Names, p.Keys()...)
	}
	return out, nil
}
