package server

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/sealwright/sealwright/internal/access"
)

// ciPolicy lets a user sign under one profile and push to one repository.
const ciPolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
	{"Effect":"Allow","Action":"signer:SignPayload","Resource":"arn:aws:signer:us-east-1:111122223333:/signing-profiles/build_?"},
	{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:PutImage"],"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/build/*"}]}`

// newCI makes a user with ciPolicy.
func (f *fort) newCI(t testing.TB) aws.Credentials {
	t.Helper()
	_, err := f.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: user("ci")})
	must(t, err)
	must(t, f.access.PutInlinePolicy(t.Context(), user("ci"), "ci", ciPolicy))
	key, secret, err := f.access.CreateAccessKey(t.Context(), ours, "ci")
	must(t, err)
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: secret}
}

// TestEscalationByUsers: who may sign under one profile and push to one repository
// may do nothing else.
func TestEscalationByUsers(t *testing.T) {
	f := newFort(t)
	ci := f.newCI(t)
	by := func(a attack) attack {
		a.by = ci
		return a
	}
	profile := func(name string) attack { return by(sign(`{"profileName":"` + name + `",` + payload + `}`)) }
	repository := func(operation, body string) attack {
		return by(target("AmazonEC2ContainerRegistry_V20150921."+operation, body))
	}
	const who = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: "
	no := func(action, resource string) string {
		return who + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"
	}
	const profiles, app = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/", "arn:aws:ecr:us-east-1:111122223333:repository/app"
	f.repel(t, []row{
		{"another profile", profile("prod"), 403, denied, no("signer:SignPayload", profiles+"prod")},
		{"two letters for one ?", profile("build_10"), 403, denied, no("signer:SignPayload", profiles+"build_10")},
		{"another case", profile("BUILD_1"), 403, denied, no("signer:SignPayload", profiles+"BUILD_1")},
		{"its profile, in another account", by(sign(`{"profileName":"build_1","profileOwner":"` + theirs + `",` + payload + `}`)), 403, denied, who},
		{"the end of a profile", by(cancel()), 403, denied, no("signer:CancelSigningProfile", profiles+"prod")},
		{"the end of its own profile", by(attack{method: "DELETE", path: "/signing-profiles/build_1"}), 403, denied, no("signer:CancelSigningProfile", profiles+"build_1")},
		{"a profile of its own", by(attack{method: "PUT", path: "/signing-profiles/build_1", body: `{"platformId":"Notation-OCI-SHA384-ECDSA"}`}), 403, denied, no("signer:PutSigningProfile", profiles+"build_1")},
		{"all profiles", by(attack{method: "GET", path: "/signing-profiles"}), 403, denied, no("signer:ListSigningProfiles", "*")},
		{"all jobs", by(attack{method: "GET", path: "/signing-jobs"}), 403, denied, no("signer:ListSigningJobs", "*")},
		{"a deleted repository", repository("DeleteRepository", `{"repositoryName":"app"}`), 400, denied, no("ecr:DeleteRepository", app)},
		{"all repositories", repository("DescribeRepositories", `{}`), 400, denied, who},
		{"a repository among its own", repository("DescribeRepositories", `{"repositoryNames":["build/x","app"]}`), 400, denied, who},
		{"images elsewhere", repository("ListImages", `{"repositoryName":"app"}`), 400, denied, no("ecr:ListImages", app)},
		{"a policy of its repository", repository("SetRepositoryPolicy", `{"repositoryName":"build/x","policyText":"{}"}`), 400, denied, who},
	})
	stolen := aws.Credentials{AccessKeyID: ci.AccessKeyID, SecretAccessKey: f.owner.SecretAccessKey}
	f.repel(t, []row{{"the owner's secret under its key", with(cancel(), func(a *attack) { a.by = stolen }), 403, mismatch, ""}})
}

// TestDenialsTellNothing: who may not do a thing is told the same whether there is
// something or not.
func TestDenialsTellNothing(t *testing.T) {
	f := newFort(t)
	ci := f.newCI(t)
	token, err := ecr.NewFromConfig(bearer{credentials: ci}.config(f.Server)).GetAuthorizationToken(t.Context(), nil)
	must(t, err)
	signed := func(a attack) func(string) (int, string) {
		return func(name string) (int, string) {
			b := a
			b.by, b.path, b.body = ci, strings.ReplaceAll(a.path, "NAME", name), strings.ReplaceAll(a.body, "NAME", name)
			response, body := f.send(t, b)
			return response.StatusCode, body
		}
	}
	registry := func(method, path string) func(string) (int, string) {
		return func(name string) (int, string) {
			r, err := http.NewRequestWithContext(t.Context(), method, f.URL()+"/v2/"+strings.ReplaceAll(path, "NAME", name), nil)
			must(t, err)
			r.Header.Set("Authorization", "Basic "+*token.AuthorizationData[0].AuthorizationToken)
			response, err := http.DefaultClient.Do(r)
			must(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			must(t, err)
			return response.StatusCode, string(body)
		}
	}
	ecrTarget := func(operation, more string) func(string) (int, string) {
		return signed(target("AmazonEC2ContainerRegistry_V20150921."+operation, `{"repositoryName":"NAME"`+more+`}`))
	}
	digest := digestOf("x")
	for name, ask := range map[string]struct {
		there, absent string
		of            func(name string) (int, string)
	}{
		"SignPayload":          {"prod", "none", signed(sign(`{"profileName":"NAME",` + payload + `}`))},
		"GetSigningProfile":    {"prod", "none", signed(attack{method: "GET", path: "/signing-profiles/NAME"})},
		"PutSigningProfile":    {"prod", "none", signed(attack{method: "PUT", path: "/signing-profiles/NAME", body: `{"platformId":"Notation-OCI-SHA384-ECDSA"}`})},
		"CancelSigningProfile": {"prod", "none", signed(attack{method: "DELETE", path: "/signing-profiles/NAME"})},
		"CreateRepository":     {"app", "non", ecrTarget("CreateRepository", "")},
		"DeleteRepository":     {"app", "non", ecrTarget("DeleteRepository", "")},
		"ListImages":           {"app", "non", ecrTarget("ListImages", "")},
		"BatchGetImage":        {"app", "non", ecrTarget("BatchGetImage", `,"imageIds":[{"imageTag":"v1"}]`)},
		"tags":                 {"app", "non", registry("GET", "NAME/tags/list")},
		"manifest":             {"app", "non", registry("GET", "NAME/manifests/v1")},
		"manifest by HEAD":     {"app", "non", registry("HEAD", "NAME/manifests/v1")},
		"blob":                 {"app", "non", registry("GET", "NAME/blobs/"+digest)},
		"referrers":            {"app", "non", registry("GET", "NAME/referrers/"+digest)},
		"upload":               {"app", "non", registry("POST", "NAME/blobs/uploads/")},
		"delete":               {"app", "non", registry("DELETE", "NAME/manifests/"+digest)},
	} {
		status, there := ask.of(ask.there)
		other, absent := ask.of(ask.absent)
		there, absent = strings.ReplaceAll(there, ask.there, "NAME"), strings.ReplaceAll(absent, ask.absent, "NAME")
		if there, absent = requestID.ReplaceAllString(there, ""), requestID.ReplaceAllString(absent, ""); status != other || there != absent {
			t.Errorf("%s: %d %s\nfor what exists, and for what does not %d %s", name, status, there, other, absent)
		}
		if status != http.StatusForbidden && !strings.Contains(there, denied) {
			t.Errorf("%s: %d %s, want a denial", name, status, there)
		}
	}
}

// requestID is what differs in any two answers.
var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
