package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/policy"
)

// The slow evaluator is written from AWS's documentation over plain JSON maps,
// with regular expressions and recursion. It shares no code with the fast one.

type doc = map[string]any

// expressions are those that were compiled before: a million questions are asked
// in few words.
var expressions sync.Map

func compiled(expression string) *regexp.Regexp {
	known, ok := expressions.Load(expression)
	if !ok {
		known, _ = expressions.LoadOrStore(expression, regexp.MustCompile(expression))
	}
	return known.(*regexp.Regexp)
}

// slowly answers as say does.
func slowly(r *policy.Request, d *documents) string {
	if d.read == nil {
		d.read = map[string]doc{}
	}
	s := &slow{r: r, bounded: len(d.boundary) > 0, read: d.read}
	inside := r.Principal.Account != "" && r.Principal.Account == r.ResourceAccount
	trust := len(d.trust) > 0
	resource, noResource, resourceDeny := d.resource, "no-resource", "resource-deny"
	if trust {
		resource, noResource, resourceDeny = d.trust, "no-trust", "trust-deny"
	}
	for _, set := range []struct {
		texts []string
		deny  string
	}{{d.identity, "identity-deny"}, {d.boundary, "boundary-deny"}, {d.session, "session-deny"}} {
		if said := s.denied(set.texts, set.deny); said != "" {
			return said
		}
	}
	ownAllow := func() string { // the principal's account, without the resource's help
		return s.limits(s.allowed(d.identity) > 0, d)
	}
	if !inside && r.Principal.Account != "" {
		if said := ownAllow(); said != "" {
			return said
		}
	}
	if said := s.denied(resource, resourceDeny); said != "" {
		return said
	}
	named := s.allowed(resource)
	if !inside {
		if named > 0 {
			return "allow resource"
		}
		return "deny " + noResource
	}
	switch {
	case trust && named == 0:
		return "deny " + noResource
	case named == 3 && r.Principal.Kind != policy.Root:
		return "allow resource"
	}
	if said := s.limits(named == 2 || s.allowed(d.identity) > 0, d); said != "" {
		return said
	}
	switch {
	case r.Principal.Kind == policy.Root:
		return "allow root"
	case s.allowed(d.identity) > 0:
		return "allow identity"
	}
	return "allow resource"
}

type slow struct {
	r       *policy.Request
	bounded bool
	read    map[string]doc // the documents, by their texts
}

// limits is the intersection of what is granted with boundary and session.
func (s *slow) limits(granted bool, d *documents) string {
	switch {
	case !granted && s.r.Principal.Kind != policy.Root:
		return "deny no-identity"
	case len(d.boundary) > 0 && s.allowed(d.boundary) == 0:
		return "deny no-boundary"
	case len(d.session) > 0 && s.allowed(d.session) == 0:
		return "deny no-session"
	}
	return ""
}

func (s *slow) statements(text string) (all []doc, vars bool) {
	if text == "none" || text == "broken" {
		return nil, false
	}
	whole := s.read[text]
	if whole == nil {
		if err := json.Unmarshal([]byte(text), &whole); err != nil {
			panic(err)
		}
		s.read[text] = whole
	}
	for _, one := range many(whole["Statement"]) {
		all = append(all, one.(doc))
	}
	return all, whole["Version"] == "2012-10-17"
}

func (s *slow) denied(texts []string, word string) string {
	for _, text := range texts {
		if text == "broken" {
			return "deny " + word + " unreadable"
		}
		statements, vars := s.statements(text)
		for _, st := range statements {
			if st["Effect"] == "Deny" && s.names(st) > 0 && s.about(st, vars) {
				return "deny " + word
			}
		}
	}
	return ""
}

// allowed returns how closely the closest allow names who asks: 0 not at all, 1
// its account, 2 its role, 3 itself.
func (s *slow) allowed(texts []string) (closest int) {
	for _, text := range texts {
		statements, vars := s.statements(text)
		for _, st := range statements {
			if st["Effect"] == "Allow" && s.about(st, vars) {
				closest = max(closest, s.names(st))
			}
		}
	}
	return closest
}

func many(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func (s *slow) names(st doc) int {
	if element, ok := st["NotPrincipal"]; ok {
		if s.spared(element) {
			return 0
		}
		return 3
	}
	element, ok := st["Principal"]
	if !ok {
		return 3
	}
	p := s.r.Principal
	list := awsNames(element)
	role := strings.Split(p.UserID, ":")[0]
	has := func(name string) bool { return name != "" && slices.Contains(list, name) }
	switch {
	case p.Kind == policy.WebIdentity:
		if m, ok := element.(doc); ok && m["Federated"] != nil && slices.Contains(many(m["Federated"]), any(p.Provider)) {
			return 3
		}
		if slices.Contains(list, "*") && st["Effect"] == "Deny" {
			return 3
		}
		return 0
	case slices.Contains(list, "*"):
		return 3
	case p.Kind == policy.Anonymous:
		return 0
	case p.Kind == policy.Root && has("root:"+string(p.Account)):
		return 3
	case p.Kind == policy.User && (has(p.ARN) || has(p.UserID)):
		return 3
	case p.Kind == policy.AssumedRole && (has(p.ARN) || has(p.UserID)):
		return 3
	case p.Kind == policy.AssumedRole && (has(p.RoleARN) || has(role)):
		return 2
	case has("root:" + string(p.Account)):
		return 1
	}
	return 0
}

func (s *slow) spared(element any) bool {
	p := s.r.Principal
	list := awsNames(element)
	if slices.Contains(list, "*") {
		return true
	}
	if s.bounded || p.Account == "" || !slices.Contains(list, "root:"+string(p.Account)) {
		return false
	}
	switch p.Kind {
	case policy.User:
		return slices.Contains(list, p.ARN) || slices.Contains(list, p.UserID)
	case policy.AssumedRole:
		return slices.Contains(list, p.RoleARN) || slices.Contains(list, strings.Split(p.UserID, ":")[0])
	}
	return p.Kind == policy.Root
}

// awsNames writes an account as root:ID.
func awsNames(element any) (list []string) {
	m, ok := element.(doc)
	if !ok {
		return []string{"*"}
	}
	if m["AWS"] == nil {
		return nil
	}
	account := compiled(`^(?:arn:aws:iam::)?(\d{12})(?::root)?$`)
	for _, name := range many(m["AWS"]) {
		list = append(list, account.ReplaceAllString(name.(string), "root:$1"))
	}
	return list
}

func (s *slow) about(st doc, vars bool) bool {
	return s.hasAction(st) && s.hasResource(st, vars) && s.holds(st, vars)
}

func (s *slow) hasAction(st doc) bool {
	not := st["NotAction"] != nil
	for _, a := range many(st[map[bool]string{false: "Action", true: "NotAction"}[not]]) {
		if a == "*" || a == "*:*" || strings.Count(s.r.Action, ":") > 0 && glob(foldASCII(a.(string)), foldASCII(s.r.Action)) {
			return !not
		}
	}
	return not
}

func foldASCII(s string) string {
	return compiled(`[A-Z]+`).ReplaceAllStringFunc(s, strings.ToLower)
}

// glob matches through a regular expression.
func glob(pattern, text string) bool {
	expression := ""
	for _, r := range pattern {
		switch r {
		case '*':
			expression += `.*`
		case '?':
			expression += `.`
		default:
			expression += regexp.QuoteMeta(string(r))
		}
	}
	return compiled(`(?s)^` + expression + `$`).MatchString(text)
}

func (s *slow) hasResource(st doc, vars bool) bool {
	not := st["NotResource"] != nil
	list := st["Resource"]
	if not {
		list = st["NotResource"]
	}
	if list == nil {
		return true
	}
	matched := false
	for _, one := range many(list) {
		ok, resolved := s.arnLike(one.(string), s.r.Resource, vars)
		if not && !resolved && st["Effect"] == "Allow" {
			return false
		}
		matched = matched || ok
	}
	return matched != not
}

// arnLike compares part by part.
func (s *slow) arnLike(pattern, text string, vars bool) (ok, resolved bool) {
	if pattern == "*" {
		return true, true
	}
	if vars { // colons within variables separate nothing
		pattern = variables.ReplaceAllStringFunc(pattern, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	want := strings.SplitN(pattern, ":", 6)
	if want[0] != "arn" || len(want) < 6 && !strings.HasSuffix(pattern, "*") {
		return false, true
	}
	got := strings.SplitN(text, ":", len(want))
	ok, resolved = strings.Count(text, ":") >= 5 && got[0] == "arn", true
	for i, part := range want {
		expression, known := s.expand(strings.ReplaceAll(part, "\x00", ":"), vars, true)
		resolved = resolved && known
		ok = ok && known && expression.MatchString(got[i])
	}
	return ok, resolved
}

var variables = regexp.MustCompile(`\$\{[^}]*\}|\*|\?`)

// expand makes an expression of text with variables; false if one has no value.
func (s *slow) expand(text string, vars, wild bool) (*regexp.Regexp, bool) {
	expression, resolved, last := "", true, 0
	for _, at := range variables.FindAllStringIndex(text, -1) {
		found := text[at[0]:at[1]]
		expression += regexp.QuoteMeta(text[last:at[0]])
		last = at[1]
		switch {
		case wild && found == "*":
			expression += `.*`
		case wild && found == "?":
			expression += `.`
		case vars && len(found) > 1:
			value, ok := s.variable(found[2 : len(found)-1])
			resolved = resolved && ok
			expression += regexp.QuoteMeta(value)
		case len(found) > 1 && wild:
			inner, _ := s.expand(found[1:], false, true)
			expression += `\$` + strings.TrimSuffix(strings.TrimPrefix(inner.String(), "(?s)^(?:"), ")$")
		default:
			expression += regexp.QuoteMeta(found)
		}
	}
	return compiled(`(?s)^(?:` + expression + regexp.QuoteMeta(text[last:]) + `)$`), resolved
}

func (s *slow) variable(inside string) (string, bool) {
	if len(inside) == 1 {
		return inside, true
	}
	name, fallback, given := strings.Cut(inside, ",")
	values := s.key(strings.TrimSpace(name))
	switch {
	case len(values) == 1:
		return values[0], true
	case len(values) == 0 && given:
		return strings.Trim(fallback, " '"), true
	}
	return "", false
}

// key returns the values of a condition key.
func (s *slow) key(name string) []string {
	p := s.r.Principal
	own := map[string]string{"aws:principalaccount": string(p.Account), "aws:userid": p.UserID, "aws:principalarn": p.ARN}
	switch p.Kind {
	case policy.Anonymous:
		own["aws:principaltype"] = "Anonymous"
	case policy.Root:
		own["aws:principaltype"] = "Account"
	case policy.User:
		own["aws:principaltype"] = "User"
		parts := strings.Split(p.ARN, "/")
		own["aws:username"] = parts[len(parts)-1]
	case policy.AssumedRole:
		own["aws:principaltype"], own["aws:principalarn"] = "AssumedRole", p.RoleARN
	}
	name = strings.ToLower(name)
	if own[name] != "" {
		return []string{own[name]}
	}
	if s.r.Keys == nil {
		return nil
	}
	values, _ := s.r.Keys.Values(name)
	return values
}

func (s *slow) holds(st doc, vars bool) bool {
	block, _ := st["Condition"].(doc)
	for operator, byKey := range block {
		for key, wanted := range byKey.(doc) {
			if !s.meets(operator, key, many(wanted), vars, st["Effect"] == "Allow") {
				return false
			}
		}
	}
	return true
}

func (s *slow) meets(operator, key string, wanted []any, vars, allow bool) bool {
	base := strings.TrimPrefix(strings.TrimPrefix(operator, "ForAnyValue:"), "ForAllValues:")
	ifExists := strings.HasSuffix(base, "IfExists")
	base = strings.TrimSuffix(base, "IfExists")
	forAny, forAll := strings.HasPrefix(operator, "ForAny"), strings.HasPrefix(operator, "ForAll")
	values := s.key(key)
	if (forAny || forAll) && strings.Join(values, "") == "" {
		values = nil
	}
	negated := strings.Contains(base, "Not")
	positive := strings.Replace(base, "Not", "", 1)
	if base == "Null" {
		return slices.ContainsFunc(wanted, func(w any) bool { return plain(w) == strconv.FormatBool(len(values) == 0) })
	}
	if len(values) == 0 {
		return ifExists || forAll || negated && !forAny
	}
	good := func(value string) bool {
		matched, resolved := false, true
		for _, w := range wanted {
			ok, known := s.compare(positive, plain(w), value, vars)
			matched, resolved = matched || ok, resolved && known
		}
		if !negated {
			return matched
		}
		return !matched && (resolved || !allow)
	}
	count := 0
	for _, v := range values {
		if good(v) {
			count++
		}
	}
	if forAll || negated && !forAny {
		return count == len(values)
	}
	return count > 0
}

func plain(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return v.(string)
}

func (s *slow) compare(operator, want, value string, vars bool) (ok, resolved bool) {
	switch operator {
	case "StringEquals", "StringLike", "StringEqualsIgnoreCase":
		expression, resolved := s.expand(want, vars, operator == "StringLike")
		if operator == "StringEqualsIgnoreCase" {
			expression, value = compiled(foldASCII(expression.String())), foldASCII(value)
		}
		return resolved && expression.MatchString(value), resolved
	case "ArnEquals", "ArnLike":
		if want == "*" {
			return strings.HasPrefix(value, "arn:") && strings.Count(value, ":") >= 5, true
		}
		return s.arnLike(want, value, vars)
	case "Bool":
		return foldASCII(want) == foldASCII(value), true
	case "BinaryEquals":
		bytes, err := base64.StdEncoding.DecodeString(want)
		return err == nil && string(bytes) == value, true
	case "IpAddress":
		return inNetwork(want, value), true
	}
	compare := numbers
	if strings.HasPrefix(operator, "Date") {
		compare = dates
	}
	order, ok := compare(value, want)
	switch strings.TrimPrefix(strings.TrimPrefix(operator, "Numeric"), "Date") {
	case "Equals":
		return ok && order == 0, true
	case "LessThan":
		return ok && order < 0, true
	case "LessThanEquals":
		return ok && order <= 0, true
	case "GreaterThan":
		return ok && order > 0, true
	}
	return ok && order >= 0, true
}

func inNetwork(want, value string) bool {
	if !strings.Contains(want, "/") {
		want += map[bool]string{true: "/128", false: "/32"}[strings.Contains(want, ":")]
	}
	a, err := netip.ParseAddr(value)
	return err == nil && netip.MustParsePrefix(want).Contains(a.Unmap())
}

func numbers(a, b string) (int, bool) {
	decimal := regexp.MustCompile(`^-?(\d+(\.\d*)?|\.\d+)$`)
	if !decimal.MatchString(a) || !decimal.MatchString(b) {
		return 0, false
	}
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return map[bool]int{true: -1}[x < y] + map[bool]int{true: 1}[x > y], true
}

func dates(a, b string) (int, bool) {
	x, errX := date(a)
	y, errY := date(b)
	return x.Compare(y), errX == nil && errY == nil
}

func date(s string) (time.Time, error) {
	if regexp.MustCompile(`^\d{5,11}$`).MatchString(s) {
		n, err := strconv.Atoi(s)
		return time.Unix(int64(n), 0), err
	}
	for layout, shape := range map[string]string{
		"2006": `^\d{4}$`, "2006-01": `^\d{4}-\d\d$`, "2006-01-02": `^\d{4}-\d\d-\d\d$`, "2006-01-02T15:04Z07:00": `^.{16}(Z|.\d\d:\d\d)$`,
	} {
		if regexp.MustCompile(shape).MatchString(s) {
			return time.Parse(layout, s)
		}
	}
	return time.Parse(time.RFC3339Nano, s)
}
