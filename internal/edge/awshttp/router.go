package awshttp

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// route is a row of a table, with its service and its input's and output's shape.
type route struct {
	service  *Service
	op       *Operation
	label    string // "signer:SignPayload"
	in, out  *shape
	segments []string                                 // REST-JSON: the path's, "{" before a label's name
	limit    func(arn.AccountID) (wait time.Duration) // nil: none
}

// router finds operations. It is built once and only read afterwards.
type router struct {
	rest    []*route          // literals before labels
	targets map[string]*route // by X-Amz-Target
	actions map[string]*route // by "version action"
	sample  map[Protocol]*Service
}

// add checks a service's table and adds its rows.
func (t *router) add(s *Service, limit func(string) func(arn.AccountID) time.Duration) error {
	if err := s.check(); err != nil {
		return err
	}
	if t.sample[s.Protocol] == nil {
		t.sample[s.Protocol] = s
	}
	seen := map[string]bool{}
	for i := range s.Operations {
		r, err := newRoute(s, &s.Operations[i])
		if err == nil && seen[r.op.Name] {
			err = fmt.Errorf("the name appears twice")
		}
		if err == nil {
			r.limit = limit(r.label)
			err = t.place(r)
		}
		if err != nil {
			return fmt.Errorf("awshttp: %s %s: %w", s.SigningName, s.Operations[i].Name, err)
		}
		seen[r.op.Name] = true
	}
	return nil
}

func (s *Service) check() error {
	switch {
	case s.SigningName == "":
		return fmt.Errorf("awshttp: a service without a signing name")
	case codecs[s.Protocol] == nil:
		return fmt.Errorf("awshttp: %s: unknown protocol", s.SigningName)
	case s.Protocol == JSON11 && s.TargetPrefix == "":
		return fmt.Errorf("awshttp: %s: JSON 1.1 needs a target prefix", s.SigningName)
	case s.Protocol == Query && (s.Version == "" || s.Namespace == ""):
		return fmt.Errorf("awshttp: %s: query needs a version and a namespace", s.SigningName)
	}
	return nil
}

func newRoute(s *Service, op *Operation) (*route, error) {
	if op.Name == "" || op.handle == nil {
		return nil, fmt.Errorf("make rows with Op, and name them")
	}
	if op.Action == "" && !op.Public {
		return nil, fmt.Errorf("the row has no access action")
	}
	if slices.ContainsFunc(op.readers, func(read reflect.Type) bool { return read != op.in }) {
		return nil, fmt.Errorf("Also and WithKeys must read the operation's input, %v", op.in)
	}
	in, err := shapeOf(op.in)
	if err != nil {
		return nil, err
	}
	out, err := shapeOf(op.out)
	if err != nil {
		return nil, err
	}
	if in.kind != structKind || out.kind != structKind {
		return nil, fmt.Errorf("input and output must be structs")
	}
	r := &route{service: s, op: op, label: s.SigningName + ":" + op.Name, in: in, out: out}
	return r, r.checkLocations()
}

// checkLocations sees to it that each member can travel where it is said to.
func (r *route) checkLocations() error {
	var members []string
	for _, f := range r.in.fields {
		switch {
		case f.in != inBody && r.service.Protocol != RESTJSON:
			return fmt.Errorf("member %s: only REST-JSON has path and query members", f.name)
		case f.in == inPath && f.shape.kind >= structKind, f.in == inQuery && !f.shape.flat():
			return fmt.Errorf("member %s does not fit its location", f.name)
		case f.in == inPath:
			members = append(members, f.name)
		}
	}
	for _, f := range r.out.fields {
		if f.in != inBody {
			return fmt.Errorf("output member %s must be in the body", f.name)
		}
	}
	if r.service.Protocol != RESTJSON {
		return nil
	}
	return r.parsePath(members)
}

// parsePath takes the path apart and compares its labels with the members that
// travel in it.
func (r *route) parsePath(members []string) error {
	var labels []string
	for _, segment := range strings.Split(strings.TrimPrefix(r.op.Path, "/"), "/") {
		if name, label := strings.CutPrefix(segment, "{"); label {
			labels = append(labels, strings.TrimSuffix(name, "}"))
			segment = "{" + strings.TrimSuffix(name, "}")
		}
		r.segments = append(r.segments, segment)
	}
	slices.Sort(labels)
	slices.Sort(members)
	if !strings.HasPrefix(r.op.Path, "/") || r.op.Method == "" {
		return fmt.Errorf("place it with At")
	}
	if !slices.Equal(labels, members) && !r.op.notOffered {
		return fmt.Errorf("the labels of %q and the path members %v must be the same", r.op.Path, members)
	}
	return nil
}

// flat reports whether a shape can stand in a query string.
func (s *shape) flat() bool {
	return s.kind < structKind || s.kind == listKind && s.elem.kind < structKind
}

func (t *router) place(r *route) error {
	switch r.service.Protocol {
	case RESTJSON:
		return t.placeREST(r)
	case JSON11:
		return placeNamed(t.targets, r.service.TargetPrefix+"."+r.op.Name, r)
	}
	return placeNamed(t.actions, r.service.Version+" "+r.op.Name, r)
}

func placeNamed(table map[string]*route, key string, r *route) error {
	if table[key] != nil {
		return fmt.Errorf("%q is taken", key)
	}
	table[key] = r
	return nil
}

func (t *router) placeREST(r *route) error {
	at, taken := slices.BinarySearchFunc(t.rest, r, compareRoutes)
	if taken {
		return fmt.Errorf("%s %s is taken", r.op.Method, r.op.Path)
	}
	t.rest = slices.Insert(t.rest, at, r)
	return nil
}

// compareRoutes orders routes so that a literal comes before a label, whatever
// the label's name.
func compareRoutes(a, b *route) int {
	if c := strings.Compare(a.op.Method, b.op.Method); c != 0 {
		return c
	}
	return slices.CompareFunc(a.segments, b.segments, func(x, y string) int {
		if isLabel(x) && isLabel(y) {
			return 0
		}
		return strings.Compare(x, y) // '{' sorts after letters
	})
}

func isLabel(segment string) bool { return strings.HasPrefix(segment, "{") }

// findREST finds the route of a method and a path as sent, and its labels,
// decoded.
func (t *router) findREST(method, path string) (*route, map[string]string, error) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var others []string
	for _, r := range t.rest {
		labels, ok, err := r.match(segments)
		switch {
		case !ok:
		case r.op.Method == method:
			return r, labels, err
		default:
			others = append(others, r.op.Method)
		}
	}
	if len(others) > 0 {
		return nil, nil, refuse(unknownOperation, "%.16s is no operation of this path, which takes %s.", method, strings.Join(others, ", "))
	}
	return nil, nil, refuse(unknownOperation, "%.16s %.200q is no operation of this service: check the endpoint and the client's version.", method, path)
}

func (r *route) match(segments []string) (labels map[string]string, ok bool, err error) {
	if len(segments) != len(r.segments) {
		return nil, false, nil
	}
	for i, want := range r.segments {
		if !isLabel(want) && want != segments[i] || isLabel(want) && segments[i] == "" {
			return nil, false, nil
		}
	}
	for i, want := range r.segments {
		if !isLabel(want) {
			continue
		}
		value, bad := unescape(segments[i])
		if labels == nil {
			labels = map[string]string{}
		}
		labels[want[1:]], err = value, bad
		if err != nil {
			return nil, true, err
		}
	}
	return labels, true, nil
}

// findTarget finds the operation of an X-Amz-Target.
func (t *router) findTarget(targets []string) (*route, error) {
	if len(targets) == 1 && t.targets[targets[0]] != nil {
		return t.targets[targets[0]], nil
	}
	return nil, refuse(unknownOperation, "The X-Amz-Target %.128q names no operation of this service: check the endpoint and the client's version.", targets)
}

// findAction finds the operation of a form.
func (t *router) findAction(f form) (*route, error) {
	action, version := f.values["Action"], f.values["Version"]
	if r := t.actions[version+" "+action]; r != nil {
		return r, nil
	}
	if action == "" {
		return nil, Error{Code: "MissingAction", Status: http.StatusBadRequest,
			Message: "The request must contain the parameter Action."}
	}
	return nil, refuse(unknownOperation, "Could not find operation %.64s for version %.16s", action, version)
}
