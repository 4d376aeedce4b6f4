package server

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	mismatch   = "InvalidSignatureException"
	incomplete = "IncompleteSignatureException"
	malformed  = "SerializationException"
	invalid    = "ValidationException"
	denied     = "AccessDeniedException"
	unknown    = "UnknownOperationException"
)

// payload is the rest of a SignPayload's body.
var payload = `"payload":"` + base64.StdEncoding.EncodeToString([]byte(`{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"`+digestOf("x")+`","size":1}}`)) +
	`","payloadFormat":"application/vnd.cncf.notary.payload.v1+json"`

var (
	jsonType = [2]string{"Content-Type", "application/json"}
	formType = [2]string{"Content-Type", "application/x-www-form-urlencoded"}
)

func sign(body string) attack {
	return attack{method: "POST", path: "/signing-jobs/with-payload", body: body, header: [][2]string{jsonType}}
}

// cancel ends the profile, if it gets through.
func cancel() attack { return attack{method: "DELETE", path: "/signing-profiles/prod"} }

func target(name, body string) attack {
	return attack{method: "POST", path: "/", body: body, service: "ecr",
		header: [][2]string{{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", name}}}
}

func deleteApp() attack {
	return target("AmazonEC2ContainerRegistry_V20150921.DeleteRepository", `{"repositoryName":"app"}`)
}

func form(body string) attack {
	return attack{method: "POST", path: "/", body: body, service: "sts", header: [][2]string{formType}}
}

const identity = "Action=GetCallerIdentity&Version=2011-06-15"

// with returns a as change makes it.
func with(a attack, change func(*attack)) attack {
	change(&a)
	return a
}

func tampered(a attack, tamper func(*http.Request)) attack {
	a.tamper = tamper
	return a
}

func presigned(a attack, tamper func(*http.Request)) attack {
	a.presigned, a.tamper = true, tamper
	return a
}

// wired edits the bytes of a request.
func wired(a attack, old, new string) attack {
	a.raw = func(text string) string { return strings.Replace(text, old, new, 1) }
	return a
}

func addHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func TestEscalationByCredentials(t *testing.T) {
	f := newFort(t)
	stolen := func(id, secret, token string) func(*attack) {
		return func(a *attack) { a.by = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token} }
	}
	id, secret := f.owner.AccessKeyID, f.owner.SecretAccessKey
	at := func(d time.Duration) func(*attack) { return func(a *attack) { a.at = d } }
	const unrecognized = "UnrecognizedClientException"
	f.repel(t, []row{
		{"no credentials", with(cancel(), func(a *attack) { a.unsigned = true }), 403, "MissingAuthenticationTokenException", ""},
		{"an unknown key", with(cancel(), stolen("AKIAAAAAAAAAAAAAAAAA", secret, "")), 403, unrecognized, ""},
		{"a key cut short", with(cancel(), stolen(id[:19], secret, "")), 403, unrecognized, ""},
		{"a key too long", with(cancel(), stolen(id+"A", secret, "")), 403, unrecognized, ""},
		{"a key in lower case", with(cancel(), stolen(strings.ToLower(id), secret, "")), 403, unrecognized, ""},
		{"a key with a wildcard", with(cancel(), stolen("AKIA*", secret, "")), 403, unrecognized, ""},
		{"a secret cut short", with(cancel(), stolen(id, secret[:39], "")), 403, mismatch, ""},
		{"no secret", with(cancel(), stolen(id, "", "")), 403, mismatch, ""},
		{"a made-up session token", with(cancel(), stolen(id, secret, "token")), 403, unrecognized, ""},
		{"a session token of a megabyte", with(cancel(), stolen(id, secret, strings.Repeat("A", 1<<20))), 431, "", ""},
		{"expired", with(cancel(), at(-5*time.Minute-2*time.Second)), 403, mismatch, "Signature expired"},
		{"of the future", with(cancel(), at(6*time.Minute)), 403, mismatch, "not yet current"},
		{"of yesterday", with(cancel(), at(-24*time.Hour)), 403, mismatch, "Signature expired"},
		{"presigned and expired", presigned(with(cancel(), func(a *attack) { a.path += "?X-Amz-Expires=10"; a.at = -12 * time.Second }), nil), 403, mismatch, "Signature expired"},
		{"presigned in the future", presigned(with(cancel(), at(6*time.Minute)), nil), 403, mismatch, "not yet current"},
		{"presigned for a year", presigned(with(cancel(), func(a *attack) { a.path += "?X-Amz-Expires=31536000" }), nil), 403, incomplete, "604800"},
		{"another region's", with(cancel(), func(a *attack) { a.region = "eu-west-1" }), 403, mismatch, "this service is us-east-1"},
		{"the registry's, for a profile", with(cancel(), func(a *attack) { a.service = "ecr" }), 403, mismatch, "correct service: 'signer'"},
		{"a profile's, for the registry", with(deleteApp(), func(a *attack) { a.service = "signer" }), 400, mismatch, "correct service: 'ecr'"},
		{"another region's, of a global service", with(form(identity), func(a *attack) { a.region = "eu-west-1" }), 403, "SignatureDoesNotMatch", "this service is us-east-1"},
	})
}

// TestEscalationByReplay sends the very bytes of a good request again when they
// are no longer good.
func TestEscalationByReplay(t *testing.T) {
	f := newFort(t)
	for name, a := range map[string]attack{
		"headers":   {method: "GET", path: "/signing-jobs"},
		"presigned": {method: "GET", path: "/signing-jobs?X-Amz-Expires=300", presigned: true},
	} {
		f.shift.Store(0)
		r := f.request(t, a)
		replay := a
		replay.tamper = func(again *http.Request) { again.URL, again.Header = r.URL, r.Header.Clone() }
		if response, body := f.send(t, replay); response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", name, response.StatusCode, body)
		}
		f.shift.Store(int64(5*time.Minute + 2*time.Second))
		response, body := f.send(t, replay)
		if codeOf(response, body) != mismatch || !strings.Contains(body, "Signature expired") {
			t.Errorf("%s, replayed: %d %s", name, response.StatusCode, body)
		}
	}
}

func TestEscalationByHeaders(t *testing.T) {
	f := newFort(t)
	again := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Add(name, r.Header.Get(name)) }
	}
	f.repel(t, []row{
		{"two Authorization headers", tampered(cancel(), again("Authorization")), 403, incomplete, "one Authorization"},
		{"a password first", wired(cancel(), "Authorization:", "Authorization: Basic QVdTOng=\r\nAuthorization:"), 403, incomplete, "one Authorization"},
		{"two signatures in one header", tampered(cancel(), func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+","+r.Header.Get("Authorization"))
		}), 403, incomplete, "repeated parameter"},
		{"header and query at once", presigned(cancel(), addHeader("Authorization", "AWS4-HMAC-SHA256 Credential=x")), 403, incomplete, "not in both"},
		{"two times", tampered(cancel(), again("X-Amz-Date")), 403, incomplete, "one 'X-Amz-Date'"},
		{"an empty second token", with(cancel(), func(a *attack) {
			a.tamper = func(r *http.Request) { r.Header["X-Amz-Security-Token"] = []string{"", ""} }
		}), 403, incomplete, "at most one"},
		{"an unsigned token", tampered(cancel(), addHeader("X-Amz-Security-Token", "t")), 403, mismatch, "'SignedHeader'"},
		{"two hosts", wired(cancel(), "Host:", "Host: localhost\r\nHost:"), 400, "", ""},
		{"a space before the colon", wired(cancel(), "Authorization:", "Authorization :"), 400, "", ""},
		{"a space in the host", wired(cancel(), "Host: ", "Host: a b"), 400, "", ""},
		{"a strange host", tampered(cancel(), func(r *http.Request) { r.Host = "signer.us-east-1.amazonaws.com" }), 421, "MisdirectedRequestException", ""},
		{"a byte 0 in a header", wired(cancel(), "Authorization: ", "Authorization: \x00"), 400, "", ""},
		{"a folded header", wired(cancel(), ", SignedHeaders", ",\r\n X, SignedHeaders"), 403, incomplete, "unknown or repeated"},
		{"an unsigned target", tampered(cancel(), addHeader("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository")), 403, mismatch, "'SignedHeader'"},
		{"a target in lower case", target("amazonec2containerregistry_v20150921.deleterepository", `{"repositoryName":"app"}`), 400, unknown, ""},
		{"a target with a space inside", target("AmazonEC2ContainerRegistry_V20150921. DeleteRepository", `{"repositoryName":"app"}`), 400, unknown, ""},
		{"a target with a tab", target("AmazonEC2ContainerRegistry_V20150921.\tDeleteRepository", `{"repositoryName":"app"}`), 400, unknown, ""},
		{"a target of another version", target("AmazonEC2ContainerRegistry_V20160101.DeleteRepository", `{"repositoryName":"app"}`), 400, unknown, ""},
		{"two targets", with(deleteApp(), func(a *attack) {
			a.header = append(a.header, [2]string{"X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.ListImages"})
		}), 400, unknown, ""},
		{"a target exchanged", tampered(target("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", `{"repositoryName":"app"}`),
			func(r *http.Request) {
				r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository")
			}), 400, mismatch, ""},
		{"a target without its method", with(deleteApp(), func(a *attack) { a.method = "GET"; a.body = "" }), 400, unknown, "take POST"},
		{"credentials in a trailer", with(cancel(), func(a *attack) {
			a.unsigned, a.method, a.path, a.header = true, "POST", "/signing-jobs/with-payload", [][2]string{jsonType}
			a.raw = func(text string) string {
				head, _, _ := strings.Cut(text, "\r\n\r\n")
				head = strings.Replace(head, "Content-Length: 0", "Transfer-Encoding: chunked\r\nTrailer: Authorization", 1)
				return head + "\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x\r\n\r\n"
			}
		}), 403, "MissingAuthenticationTokenException", ""},
		{"a streaming signature", with(sign(`{"profileName":"prod",`+payload+`}`), func(a *attack) {
			a.header = append(a.header, [2]string{"X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, [2]string{"Content-Encoding", "aws-chunked"})
		}), 403, mismatch, "X-Amz-Content-Sha256"},
		{"a streamed body", with(sign("2;chunk-signature=00\r\n{}\r\n0;chunk-signature=00\r\n\r\n"), func(a *attack) {
			a.header = append(a.header, [2]string{"Content-Encoding", "aws-chunked"})
		}), 400, malformed, ""},
		{"an unsigned payload", with(sign(`{"profileName":"prod",`+payload+`}`), func(a *attack) {
			a.header = append(a.header, [2]string{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"})
		}), 403, mismatch, "X-Amz-Content-Sha256"},
	})
}

// TestOverridesMeanNothing: a request is what its first line says.
func TestOverridesMeanNothing(t *testing.T) {
	f := newFort(t)
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Host", "X-Forwarded-Prefix"} {
		value := "DELETE"
		if strings.HasSuffix(name, "Url") || strings.HasPrefix(name, "X-Forwarded") {
			value = "/signing-profiles/prod/revoke"
		}
		for _, path := range []string{"/signing-profiles/prod", "/signing-profiles/prod?_method=DELETE"} {
			response, body := f.send(t, attack{method: "GET", path: path, header: [][2]string{{name, value}}})
			if response.StatusCode != http.StatusOK || f.plunder(t) != "" {
				t.Errorf("%s %s: %d %s, and there are %s", name, path, response.StatusCode, body, f.plunder(t))
			}
		}
	}
}

// TestEscalationByEndedSessions: credentials of a session that is over are refused
// by each protocol in its words, freshly signed or not, and so is the registry
// token made with them.
func TestEscalationByEndedSessions(t *testing.T) {
	f := newFort(t)
	b := newBearer(t, f.Server, newSession(t, f.Server, "ci"))
	asked := func(a attack) attack {
		a.by = b.credentials
		return a
	}
	if response, body := f.send(t, asked(attack{method: "GET", path: "/signing-profiles"})); response.StatusCode != http.StatusOK || b.get(t, f.Server, "/v2/app/tags/list") != http.StatusOK {
		t.Fatalf("before the end: %d %s", response.StatusCode, body)
	}
	f.shift.Store(int64(time.Hour))
	for _, row := range []row{
		{"a profile", asked(cancel()), 403, "ExpiredTokenException", "expired"},
		{"a presigned request", asked(presigned(cancel(), nil)), 403, "ExpiredTokenException", "expired"},
		{"a repository", asked(deleteApp()), 400, "ExpiredTokenException", "expired"},
		{"who it is", asked(form(identity)), 403, "ExpiredToken", "expired"},
		{"without its token", with(asked(cancel()), func(a *attack) { a.by.SessionToken = "" }), 403, "UnrecognizedClientException", ""},
		{"with a part of its token", with(asked(cancel()), func(a *attack) { a.by.SessionToken = a.by.SessionToken[:len(a.by.SessionToken)-4] }), 403, "UnrecognizedClientException", ""},
	} {
		response, body := f.send(t, row.attack)
		if response.StatusCode != row.status || codeOf(response, body) != row.code || !strings.Contains(body, row.says) {
			t.Errorf("%s: %d %s", row.name, response.StatusCode, body)
		}
	}
	if status := b.get(t, f.Server, "/v2/app/tags/list"); status != http.StatusUnauthorized {
		t.Errorf("the registry token: %d", status)
	}
	f.shift.Store(0)
	if gained := f.plunder(t); gained != "" {
		t.Error(gained)
	}
}
