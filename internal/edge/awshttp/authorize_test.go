package awshttp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
)

// judge answers as it is told and remembers what it was asked.
type judge struct {
	asked []access.Request
	deny  string // the action that is denied
	err   error
}

func (j *judge) Authorize(_ context.Context, r access.Request) (access.Decision, error) {
	j.asked = append(j.asked, r)
	if r.Action == j.deny {
		return access.Decision{Reason: "because no identity-based policy allows the " + r.Action + " action"}, j.err
	}
	return access.Decision{Allowed: true}, j.err
}

type thingIn struct {
	Name string   `json:"name" validate:"required"`
	Tags []string `json:"tags"`
}

func thing(name string) awshttp.Operation {
	return awshttp.Op(name, "signer:"+name, func(_ *awshttp.Call, in *thingIn) string { return "arn:thing:" + in.Name },
		func(_ context.Context, c *awshttp.Call, in *thingIn) (*thingIn, error) {
			if len(c.Context.Keys) != 0 && c.Context.Keys[0].Values[0] != in.Name {
				return nil, errors.New("the handler has other keys than its row")
			}
			return in, nil
		}).At("POST", "/"+strings.ToLower(name))
}

func things() awshttp.Service {
	tag := func(_ *awshttp.Call, in *thingIn) (needs []awshttp.Need) {
		for _, t := range in.Tags {
			needs = append(needs, awshttp.Need{Action: "signer:Tag", Resource: t})
		}
		return needs
	}
	name := func(_ context.Context, _ *awshttp.Call, in *thingIn) ([]access.Key, error) {
		if in.Name == "lost" {
			return nil, access.ErrNoAccount
		}
		return []access.Key{{Name: "signer:Name", Values: []string{in.Name}}}, nil
	}
	return awshttp.Service{
		SigningName: "signer", Protocol: awshttp.RESTJSON, Validation: "ValidationException", GlobalRegion: "us-gov-west-1",
		Translate: func(error) awshttp.Error { return awshttp.Error{Code: "AccessDeniedException", Status: 403} },
		Operations: []awshttp.Operation{
			awshttp.WithKeys(awshttp.Also(thing("Make"), tag), name), thing("Plain"), thing("Whoami").AsPermitted(),
		},
	}
}

// judged is a world whose decisions are a judge's.
func judged(t testing.TB, j *judge, secure bool) *world {
	t.Helper()
	w := &world{Log: &logBuffer{}}
	w.Access, w.Root = newAccess(t)
	h, err := awshttp.New(awshttp.Options{
		Authenticator: w.Access, Authorizer: j, Region: region, Logger: slog.New(slog.NewTextHandler(w.Log, nil)),
		SourceIP: func(*http.Request) string { return "203.0.113.9" }, Secure: func(*http.Request) bool { return secure },
	}, things())
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(h)
	t.Cleanup(w.Close)
	return w
}

// TestRequestContext: conditions are told what the request says of itself, the
// service's keys among it, and every need is asked for.
func TestRequestContext(t *testing.T) {
	j := &judge{}
	w := judged(t, j, true)
	post := func(path, scope string) answer {
		return send(t, w.sign(t, request{method: "POST", path: path, body: `{"name":"n","tags":["a","b"]}`, region: scope, header: map[string]string{"User-Agent": "agent/1"}}))
	}
	context := access.RequestContext{Region: region, SourceIP: "203.0.113.9", UserAgent: "agent/1", Secure: true}
	keyed := context
	keyed.Keys = []access.Key{{Name: "signer:Name", Values: []string{"n"}}}
	elsewhere := context
	elsewhere.Region = "us-gov-west-1"
	who := access.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
	ask := func(action, resource string, c access.RequestContext) access.Request {
		return access.Request{Principal: who, Action: action, Resource: resource, Context: c}
	}
	for _, test := range []struct {
		path, scope string
		want        []access.Request
	}{
		{"/make", region, []access.Request{ask("signer:Make", "arn:thing:n", keyed), ask("signer:Tag", "a", keyed), ask("signer:Tag", "b", keyed)}},
		{"/plain", "us-gov-west-1", []access.Request{ask("signer:Plain", "arn:thing:n", elsewhere)}},
		{"/whoami", region, nil},
	} {
		j.asked = nil
		if a := post(test.path, test.scope); a.status != 200 {
			t.Errorf("%s: %d %s", test.path, a.status, a.body)
		}
		for i := range j.asked {
			j.asked[i].Principal = access.Principal{Account: j.asked[i].Principal.Account, ARN: j.asked[i].Principal.ARN, UserID: j.asked[i].Principal.UserID}
		}
		if !reflect.DeepEqual(j.asked, test.want) {
			t.Errorf("%s asked\n%+v, want\n%+v", test.path, j.asked, test.want)
		}
	}
}

// TestEveryNeedIsNeeded: one need that is denied refuses the request, in AWS's
// words and under the id that the log has.
func TestEveryNeedIsNeeded(t *testing.T) {
	for deny, resource := range map[string]string{"signer:Make": "arn:thing:n", "signer:Tag": "a"} {
		w := judged(t, &judge{deny: deny}, false)
		a := send(t, w.sign(t, request{method: "POST", path: "/make", body: `{"name":"n","tags":["a"]}`}))
		says := fmt.Sprintf("User: arn:aws:iam::%s:root is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action", account, deny, resource, deny)
		if !carries(a, 403, "AccessDeniedException") || !strings.Contains(a.body, `"message":"`+says+`"`) {
			t.Errorf("%s: %d %s, want %s", deny, a.status, a.body, says)
		}
		log := w.Log.String()
		if !strings.Contains(log, `error="`+says+`"`) || !strings.Contains(log, "requestId="+a.header.Get("X-Amzn-Requestid")) || !strings.Contains(log, "level=WARN") {
			t.Errorf("%s: logged %s", deny, log)
		}
	}
}

// TestPermittedNeedsASignature: a permitted row asks nobody, but for who calls.
func TestPermittedNeedsASignature(t *testing.T) {
	w := judged(t, &judge{deny: "signer:Whoami"}, false)
	signed := request{method: "POST", path: "/whoami", body: `{"name":"n"}`}
	if a := send(t, w.sign(t, signed)); a.status != 200 {
		t.Errorf("signed: %d %s", a.status, a.body)
	}
	unsigned := w.sign(t, signed)
	unsigned.Header.Del("Authorization")
	if a := send(t, unsigned); !carries(a, 403, "MissingAuthenticationTokenException") {
		t.Errorf("unsigned: %d %s", a.status, a.body)
	}
}

// TestUndecidedIsNotDenied: not being able to decide is our failure, whatever
// the error's kind, and whatever the service makes of such errors elsewhere.
func TestUndecidedIsNotDenied(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"plain":       {errors.New("a secret detail"), 500, "InternalServiceErrorException"},
		"denied":      {fault.New(fault.Denied, "a secret detail"), 500, "InternalServiceErrorException"},
		"not found":   {fmt.Errorf("%w", access.ErrNoAccount), 500, "InternalServiceErrorException"},
		"unavailable": {fault.Hide(fault.Unavailable, errors.New("a secret detail"), "the store is away"), 503, "ServiceUnavailableException"},
		"an edge's":   {awshttp.Error{Code: "AccessDeniedException", Status: 403, Message: "a secret detail"}, 500, "InternalServiceErrorException"},
	} {
		w := judged(t, &judge{err: test.err}, false)
		a := send(t, w.sign(t, request{method: "POST", path: "/plain", body: `{"name":"n"}`}))
		if !carries(a, test.status, test.code) || strings.Contains(a.body, "secret") || strings.Contains(a.body, "no such") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if !strings.Contains(w.Log.String(), test.err.Error()) {
			t.Errorf("%s: the log does not have the error: %s", name, w.Log)
		}
	}
}

// TestKeysThatCannotBeMade: without its keys a request cannot be decided.
func TestKeysThatCannotBeMade(t *testing.T) {
	j := &judge{}
	w := judged(t, j, false)
	a := send(t, w.sign(t, request{method: "POST", path: "/make", body: `{"name":"lost"}`}))
	if !carries(a, 500, "InternalServiceErrorException") || strings.Contains(a.body, "account") || len(j.asked) > 0 {
		t.Errorf("%d %s, asked %v", a.status, a.body, j.asked)
	}
}

// TestDenialsDoNotTellWhatWasFound: the decision is about what was looked up, and
// the words are about what was asked for.
func TestDenialsDoNotTellWhatWasFound(t *testing.T) {
	j := &judge{deny: "signer:Find"}
	s, root := newAccess(t)
	service := things()
	find := awshttp.Finding(thing("Find"), func(_ context.Context, _ *awshttp.Call, in *thingIn) (string, error) {
		if in.Name == "lost" {
			return "", access.ErrNoAccount
		}
		return "arn:thing:/a/secret/path/" + in.Name, nil
	})
	service.Operations = []awshttp.Operation{find}
	h, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: j, Region: region, Logger: slog.New(slog.DiscardHandler)}, service)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: httptest.NewServer(h), Root: root}
	defer w.Close()
	a := send(t, w.sign(t, request{method: "POST", path: "/find", body: `{"name":"n"}`}))
	if !carries(a, 403, "AccessDeniedException") || !strings.Contains(a.body, "on resource: arn:thing:n because") || len(j.asked) != 1 || j.asked[0].Resource != "arn:thing:/a/secret/path/n" {
		t.Errorf("%d %s, asked %v", a.status, a.body, j.asked)
	}
	if a := send(t, w.sign(t, request{method: "POST", path: "/find", body: `{"name":"lost"}`})); !carries(a, 500, "InternalServiceErrorException") {
		t.Errorf("what cannot be looked up: %d %s", a.status, a.body)
	}
}

func TestRowsReadTheirOwnInput(t *testing.T) {
	s, _ := newAccess(t)
	service := things()
	service.Operations = []awshttp.Operation{awshttp.Also(thing("Make"), func(*awshttp.Call, *nothing) []awshttp.Need { return nil })}
	if _, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: region}, service); err == nil || !strings.Contains(err.Error(), "must read the operation's input") {
		t.Errorf("a row that reads another input was taken: %v", err)
	}
}
