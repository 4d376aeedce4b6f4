package awshttp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// row makes an operation that does nothing.
func row[In any](name, action string) awshttp.Operation {
	return awshttp.Op(name, action, awshttp.AnyResource, func(context.Context, *awshttp.Call, *In) (*nothing, error) { return nil, nil })
}

type untagged struct{ A string }
type twice struct {
	A string `json:"a" query:"a"`
}
type hiddenField struct {
	a string
}
type embedded struct{ untagged }
type channel struct {
	A chan int `json:"a"`
}
type recursive struct {
	A []recursive `json:"a"`
}
type label struct {
	A string `path:"a"`
}
type listLabel struct {
	A []string `path:"a"`
}
type deepQuery struct {
	A []struct{} `query:"a"`
}
type badPattern struct {
	A string `json:"a" validate:"pattern=("`
}
type badRule struct {
	A string `json:"a" validate:"minimum=1"`
}
type badBound struct {
	A string `json:"a" validate:"min=x"`
}
type enumOnInt struct {
	A int `json:"a" validate:"enum=A|B"`
}
type eachOnString struct {
	A string `json:"a" each:"min=1"`
}
type keyOnList struct {
	A []string `json:"a" key:"min=1"`
}
type intKeys struct {
	A map[int]string `json:"a"`
}
type nameless struct {
	A string `json:",omitempty"`
}

func TestNewRefuses(t *testing.T) {
	rest := func(rows ...awshttp.Operation) awshttp.Service {
		return awshttp.Service{SigningName: "s", Protocol: awshttp.RESTJSON, Operations: rows}
	}
	json := func(rows ...awshttp.Operation) awshttp.Service {
		return awshttp.Service{SigningName: "s", Protocol: awshttp.JSON11, TargetPrefix: "T", Operations: rows}
	}
	tests := map[string]struct {
		services []awshttp.Service
		says     string
	}{
		"no action":           {[]awshttp.Service{json(row[nothing]("A", ""))}, "no access action"},
		"no name":             {[]awshttp.Service{json(row[nothing]("", "a"))}, "name them"},
		"not made by Op":      {[]awshttp.Service{json(awshttp.Operation{Name: "A", Action: "a"})}, "with Op"},
		"a name twice":        {[]awshttp.Service{json(row[nothing]("A", "a"), row[nothing]("A", "a"))}, "twice"},
		"a target twice":      {[]awshttp.Service{json(row[nothing]("A", "a")), json(row[nothing]("A", "a"))}, "taken"},
		"a route twice":       {[]awshttp.Service{rest(row[nothing]("A", "a").At("GET", "/a"), row[nothing]("B", "a").At("GET", "/a"))}, "taken"},
		"labels that overlap": {[]awshttp.Service{rest(row[label]("A", "a").At("GET", "/{a}"), row[label]("B", "a").At("GET", "/{a}"))}, "taken"},
		"not placed":          {[]awshttp.Service{rest(row[nothing]("A", "a"))}, "At"},
		"a label unread":      {[]awshttp.Service{rest(row[nothing]("A", "a").At("GET", "/{a}"))}, "must be the same"},
		"a member unplaced":   {[]awshttp.Service{rest(row[label]("A", "a").At("GET", "/a"))}, "must be the same"},
		"a list in the path":  {[]awshttp.Service{rest(row[listLabel]("A", "a").At("GET", "/{a}"))}, "does not fit"},
		"structs in a query":  {[]awshttp.Service{rest(row[deepQuery]("A", "a").At("GET", "/a"))}, "does not fit"},
		"a path in JSON 1.1":  {[]awshttp.Service{json(row[label]("A", "a"))}, "only REST-JSON"},
		"a field untagged":    {[]awshttp.Service{json(row[untagged]("A", "a"))}, "exactly one of the tags"},
		"a field twice":       {[]awshttp.Service{json(row[twice]("A", "a"))}, "exactly one of the tags"},
		"a field hidden":      {[]awshttp.Service{json(row[hiddenField](hiddenField{"A"}.a, "a"))}, "exported"},
		"an embedded struct":  {[]awshttp.Service{json(row[embedded]("A", "a"))}, "exactly one"},
		"a nameless field":    {[]awshttp.Service{json(row[nameless]("A", "a"))}, "must give a name"},
		"a channel":           {[]awshttp.Service{json(row[channel]("A", "a"))}, "no form on the wire"},
		"a recursive type":    {[]awshttp.Service{json(row[recursive]("A", "a"))}, "contains itself"},
		"integer keys":        {[]awshttp.Service{json(row[intKeys]("A", "a"))}, "keys must be strings"},
		"a bad pattern":       {[]awshttp.Service{json(row[badPattern]("A", "a"))}, "missing closing"},
		"an unknown rule":     {[]awshttp.Service{json(row[badRule]("A", "a"))}, "unknown constraint"},
		"a bad bound":         {[]awshttp.Service{json(row[badBound]("A", "a"))}, "invalid syntax"},
		"an enum of integers": {[]awshttp.Service{json(row[enumOnInt]("A", "a"))}, "do not fit"},
		"each on a string":    {[]awshttp.Service{json(row[eachOnString]("A", "a"))}, "list or a map"},
		"key on a list":       {[]awshttp.Service{json(row[keyOnList]("A", "a"))}, "belongs to a map"},
		"an input no struct":  {[]awshttp.Service{json(row[string]("A", "a"))}, "must be structs"},
		"no signing name":     {[]awshttp.Service{{Protocol: awshttp.RESTJSON}}, "signing name"},
		"no protocol":         {[]awshttp.Service{{SigningName: "s"}}, "unknown protocol"},
		"no target prefix":    {[]awshttp.Service{{SigningName: "s", Protocol: awshttp.JSON11}}, "target prefix"},
		"no version":          {[]awshttp.Service{{SigningName: "s", Protocol: awshttp.Query}}, "version"},
	}
	s, _ := newAccess(t)
	for name, test := range tests {
		_, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: region}, test.services...)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error with %q", name, err, test.says)
		}
	}
	if _, err := awshttp.New(awshttp.Options{}); err == nil {
		t.Error("New without options succeeded")
	}
}
