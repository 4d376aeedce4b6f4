package server

import (
	"net/http"
	"strings"
	"testing"
)

// TestAttacksWouldSucceed: what the suite's attacks are made of does work when
// nothing is wrong with it.
func TestAttacksWouldSucceed(t *testing.T) {
	f := newFort(t)
	for name, a := range map[string]attack{
		"a form":          form(identity),
		"sign":            sign(`{"profileName":"prod",` + payload + `}`),
		"delete":          deleteApp(),
		"presigned":       presigned(attack{method: "GET", path: "/signing-profiles/prod"}, nil),
		"presigned form":  presigned(form(identity), nil),
		"presigned query": presigned(attack{method: "GET", path: "/?" + identity, service: "sts"}, nil),
	} {
		if response, body := f.send(t, a); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
	if response, body := f.send(t, cancel()); response.StatusCode != http.StatusOK || f.plunder(t) == "" {
		t.Errorf("cancel: %d %s", response.StatusCode, body)
	}
}

func TestEscalationByPresignedURLs(t *testing.T) {
	f := newFort(t)
	read := attack{method: "GET", path: "/signing-profiles/prod"}
	const noMatch = "does not match the signature"
	f.repel(t, []row{
		{"with another method", presigned(read, func(r *http.Request) { r.Method = "DELETE" }), 403, mismatch, noMatch},
		{"with another path", presigned(with(cancel(), func(a *attack) { a.path = "/signing-profiles/test" }), func(r *http.Request) { r.URL.Path = "/signing-profiles/prod" }), 403, mismatch, noMatch},
		{"with another body", presigned(sign(`{"profileName":"test",`+payload+`}`), nil), 404, "ResourceNotFoundException", ""},
		{"with a body of the same length", with(presigned(sign(`{"profileName":"test",`+payload+`}`), nil), func(a *attack) {
			a.raw = func(text string) string { return strings.Replace(text, `"test"`, `"prod"`, 1) }
		}), 403, mismatch, noMatch},
		{"at another of our names", presigned(cancel(), func(r *http.Request) { r.Host = strings.Replace(r.URL.Host, "localhost", "127.0.0.1", 1) }), 403, mismatch, noMatch},
		{"at a strange name", presigned(cancel(), func(r *http.Request) { r.Host = "example.com" }), 421, "MisdirectedRequestException", ""},
		{"with a parameter more", presigned(attack{method: "GET", path: "/?Action=GetCallerIdentity&Version=2011-06-15", service: "sts"},
			func(r *http.Request) { r.URL.RawQuery += "&Action=AssumeRole" }), 400, "MalformedInput", "is there twice"},
		{"with a target", presigned(attack{method: "POST", path: "/", service: "ecr", body: `{"repositoryName":"app"}`},
			addHeader("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository")), 400, mismatch, "'SignedHeader'"},
		{"for another service", presigned(with(cancel(), func(a *attack) { a.service = "sts" }), nil), 403, mismatch, "correct service: 'signer'"},
	})
}

func TestEscalationByTargets(t *testing.T) {
	f := newFort(t)
	first := func(line string) func(*attack) {
		return func(a *attack) {
			a.raw = func(text string) string {
				_, rest, _ := strings.Cut(text, "\r\n")
				return line + "\r\n" + rest
			}
		}
	}
	f.repel(t, []row{
		{"another host in absolute form", with(cancel(), first("DELETE http://example.com/signing-profiles/prod HTTP/1.1")), 421, "MisdirectedRequestException", ""},
		{"our other name in absolute form", with(cancel(), first("DELETE http://127.0.0.1/signing-profiles/prod HTTP/1.1")), 403, mismatch, ""},
		{"another path in absolute form", with(attack{method: "DELETE", path: "/signing-profiles/test"}, first("DELETE "+f.URL()+"/signing-profiles/prod HTTP/1.1")), 403, mismatch, ""},
		{"another scheme in absolute form", with(cancel(), first("DELETE ftp://"+f.Address()+"/signing-profiles//prod HTTP/1.1")), 400, malformed, ""},
		{"no path", with(cancel(), first("DELETE signing-profiles/prod HTTP/1.1")), 400, "", ""},
		{"a tunnel", with(cancel(), first("CONNECT "+f.Address()+" HTTP/1.1")), 400, malformed, ""},
		{"an empty segment", attack{method: "DELETE", path: "/signing-profiles//prod"}, 400, malformed, "'//'"},
		{"a leading empty segment", with(cancel(), first("DELETE //signing-profiles/prod HTTP/1.1")), 400, malformed, "'//'"},
		{"a dotted segment", with(cancel(), first("DELETE /signing-jobs/../signing-profiles/prod HTTP/1.1")), 400, malformed, "'..'"},
		{"an encoded dotted segment", with(cancel(), first("DELETE /signing-jobs/%2e%2E/signing-profiles/prod HTTP/1.1")), 400, malformed, "'..'"},
		{"a backslash", with(cancel(), first(`DELETE /signing-jobs\..\signing-profiles/prod HTTP/1.1`)), 404, unknown, ""},
		{"an encoded slash between segments", attack{method: "DELETE", path: "/signing-profiles%2Fprod"}, 404, unknown, ""},
		{"an encoded slash in a label", attack{method: "PUT", path: "/signing-profiles/prod%2Frevoke", body: "{}"}, 400, invalid, ""},
		{"a label encoded twice", attack{method: "DELETE", path: "/signing-profiles/pr%256Fd"}, 400, invalid, ""},
		{"an encoded byte 0", attack{method: "DELETE", path: "/signing-profiles/prod%00"}, 400, invalid, ""},
		{"an encoded line feed", attack{method: "DELETE", path: "/signing-profiles/prod%0A"}, 400, invalid, ""},
		{"a path in upper case", attack{method: "DELETE", path: "/Signing-Profiles/prod"}, 404, unknown, ""},
		{"a path with a parameter", attack{method: "DELETE", path: "/signing-profiles;x/prod"}, 404, unknown, ""},
		{"a slash at the end", attack{method: "DELETE", path: "/signing-profiles/prod/"}, 404, unknown, ""},
		{"a method in lower case", with(cancel(), first("delete /signing-profiles/prod HTTP/1.1")), 404, unknown, ""},
	})
}

func TestEscalationByNames(t *testing.T) {
	f := newFort(t)
	ending := func(name string) attack { return attack{method: "DELETE", path: "/signing-profiles/" + name} }
	tags := func(arn string) attack {
		return attack{method: "GET", path: "/tags/" + strings.NewReplacer(":", "%3A", "/", "%2F", "*", "%2A", "?", "%3F").Replace(arn)}
	}
	repository := func(name string) attack {
		return target("AmazonEC2ContainerRegistry_V20150921.DeleteRepository", `{"repositoryName":"`+name+`"}`)
	}
	const parameter, notAllowed = "InvalidParameterException", "is not authorized to perform"
	f.repel(t, []row{
		{"a wildcard for a profile", ending("*"), 400, invalid, ""},
		{"a wildcard in a profile", ending("pro*"), 400, invalid, ""},
		{"a ? in a profile", ending("pro%3F"), 400, invalid, ""},
		{"a wildcard for a repository", repository("*"), 400, parameter, ""},
		{"a ? in a repository", repository("ap?"), 400, parameter, ""},
		{"a dotted repository", repository("x/../app"), 400, parameter, ""},
		{"a repository in upper case", repository("APP"), 400, parameter, ""},
		{"a policy variable", repository("${aws:username}"), 400, parameter, ""},
		{"a Cyrillic letter", ending("pr%D0%BEd"), 400, invalid, ""},
		{"a full-width letter", ending("pr%EF%BD%8Fd"), 400, invalid, ""},
		{"a zero-width joiner", ending("pr%E2%80%8Dod"), 400, invalid, ""},
		{"a broken encoding", ending("prod%C0%80"), 400, invalid, ""},
		{"a Cyrillic repository", repository(`\u0430pp`), 400, parameter, ""},
		{"a profile in another case", ending("PROD"), 404, "ResourceNotFoundException", ""},
		{"their profile", sign(`{"profileName":"prod","profileOwner":"` + theirs + `",` + payload + `}`), 403, denied, notAllowed},
		{"their profile, with a wildcard", sign(`{"profileName":"prod","profileOwner":"************",` + payload + `}`), 400, invalid, ""},
		{"their repository", target("AmazonEC2ContainerRegistry_V20150921.DeleteRepository", `{"registryId":"`+theirs+`","repositoryName":"app"}`), 400, denied, notAllowed},
		{"their repository among ours", target("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", `{"registryId":"`+theirs+`","repositoryNames":["app"]}`), 400, denied, notAllowed},
		{"everything of theirs", target("AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", `{"registryId":"`+theirs+`"}`), 400, denied, notAllowed},
		{"tags of their profile", tags("arn:aws:signer:us-east-1:" + theirs + ":/signing-profiles/prod"), 403, denied, notAllowed},
		{"tags of another service's thing", tags("arn:aws:ecr:us-east-1:" + theirs + ":repository/app"), 403, denied, notAllowed},
		{"tags of an ARN in upper case", tags("ARN:AWS:SIGNER:us-east-1:" + ours + ":/signing-profiles/prod"), 403, denied, notAllowed},
		{"tags of an ARN with wildcards", tags("arn:aws:signer:*:*:/signing-profiles/*"), 403, denied, notAllowed},
	})
}

func TestEscalationByBodies(t *testing.T) {
	f := newFort(t)
	const prod = `{"profileName":"prod",`
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	f.repel(t, []row{
		{"two profiles", sign(prod + `"profileName":"prod",` + payload + `}`), 400, malformed, "twice"},
		{"two profiles, one escaped", sign(prod + `"profile\u004eame":"prod",` + payload + `}`), 400, malformed, "twice"},
		{"a member in another case", sign(`{"ProfileName":"prod",` + payload + `}`), 400, invalid, "null"},
		{"a member with a look-alike", sign(`{"ſprofileName":"prod","profıleName":"prod",` + payload + `}`), 400, invalid, "null"},
		{"two repositories", target("AmazonEC2ContainerRegistry_V20150921.DeleteRepository", `{"repositoryName":"x","repositoryName":"app"}`), 400, malformed, "twice"},
		{"two documents", sign(prod + payload + `}{"profileName":"test"}`), 400, malformed, "nothing after it"},
		{"a list of documents", sign(`[` + prod + payload + `}]`), 400, malformed, ""},
		{"deep nesting", sign(prod + `"x":` + deep + `,` + payload + `}`), 400, malformed, "nests deeper"},
		{"very deep nesting", sign(prod + `"x":` + strings.Repeat("[", 100_000)), 400, malformed, "exceeded max depth"},
		{"a byte-order mark", sign("\ufeff" + prod + payload + `}`), 400, malformed, ""},
		{"UTF-16", sign("{\x00\"\x00"), 400, malformed, ""},
		{"a compressed body", with(sign("\x1f\x8b\x08\x00"), func(a *attack) { a.header = append(a.header, [2]string{"Content-Encoding", "gzip"}) }), 400, malformed, ""},
		{"a form for a profile", with(sign("profileName=prod"), func(a *attack) { a.header = [][2]string{formType} }), 400, malformed, ""},
		{"a body too large", sign(prod + `"x":"` + strings.Repeat("x", 300<<10) + `"}`), 413, "RequestEntityTooLargeException", ""},
		{"an empty action", form("Action=&Version=2011-06-15"), 400, "MissingAction", ""},
		{"no action", form("Version=2011-06-15"), 400, "MissingAction", ""},
		{"two actions", form("Action=AssumeRole&" + identity), 400, "MalformedInput", "twice"},
		{"two actions, one encoded", form("%41ction=AssumeRole&" + identity), 400, "MalformedInput", "twice"},
		{"an action in the query too", with(form(identity), func(a *attack) { a.path = "/?Action=AssumeRole" }), 400, "MalformedInput", "must be in the body"},
		{"an action in the query only", with(form(""), func(a *attack) { a.path = "/?" + identity }), 400, "MalformedInput", "must be in the body"},
		{"an action in another case", form("Action=getcalleridentity&Version=2011-06-15"), 400, "InvalidAction", ""},
		{"an action with a space", form("Action=GetCallerIdentity%20&Version=2011-06-15"), 400, "InvalidAction", ""},
		{"a thousand and one parameters", form(identity + strings.Repeat("&a=b", 1000)), 400, "MalformedInput", "more than 1000"},
		{"a form with another body", with(form(identity), func(a *attack) {
			a.raw = func(text string) string { return strings.Replace(text, "GetCallerId", "GetCallerIc", 1) }
		}), 400, "InvalidAction", ""},
		{"a form and a target", with(form(identity), func(a *attack) {
			a.header = append(a.header, [2]string{"X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"})
		}), 400, mismatch, "correct service: 'ecr'"},
	})
}
