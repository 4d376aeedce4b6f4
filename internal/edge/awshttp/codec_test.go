package awshttp_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// expect says what an answer must be: accepted when code is empty.
type expect struct{ code, says string }

func (e expect) check(t *testing.T, name string, a answer, status int) {
	t.Helper()
	body := strings.NewReplacer(`\"`, `"`, "&#39;", "'", "&#34;", `"`).Replace(a.body)
	if e.code == "" {
		status = 200
	}
	if a.status != status || !strings.Contains(body, e.says) || e.code != "" && !carries(a, status, e.code) {
		t.Errorf("%s: %d %.600s, want %d %s with %q", name, a.status, body, status, e.code, e.says)
	}
}

func TestJSONBodies(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	put := func(body string) answer {
		return send(t, w.sign(t, request{method: "PUT", path: "/signing-profiles/from_path", body: body}))
	}
	const bad = "SerializationException"
	for body, want := range map[string]expect{
		`{"platformId":"p"}`: {},
		` {"platformId":"p","unknown":{"a":[1,{"b":null}]},"tags":null} `: {},
		`{"platformId":"p","tags":{"k":null}}`:                            {},
		`{"platformId":"p","profileName":"from_body"}`:                    {},
		``:                   {"ValidationException", "Value null at 'platformId' failed to satisfy constraint: Member must not be null"},
		`{"PlatformId":"p"}`: {"ValidationException", "Value null at 'platformId'"},
		`{"platformId":1}`:   {bad, "NUMBER_VALUE can not be converted to a String at 'platformId'"},
		`{"platformId":{}}`:  {bad, "Start of structure, map or list found where not expected at 'platformId'"},
		`{"platformId":"p","signatureValidityPeriod":{"value":"3"}}`:              {bad, "STRING_VALUE can not be converted to an Integer at 'signatureValidityPeriod.value'"},
		`{"platformId":"p","signatureValidityPeriod":{"value":1.5}}`:              {bad, "NUMBER_VALUE can not be converted to an Integer"},
		`{"platformId":"p","signatureValidityPeriod":{"value":1e30}}`:             {bad, "an Integer"},
		`{"platformId":"p","signatureValidityPeriod":[]}`:                         {bad, "it must be a Structure"},
		`{"platformId":"p","signatureValidityPeriod":true}`:                       {bad, "BOOLEAN_VALUE can not be converted to a Structure"},
		`{"platformId":"p","signatureValidityPeriod":{"value":-1,"type":"WEEK"}}`: {"ValidationException", "2 validation errors detected: Value '-1' at 'signatureValidityPeriod.value' failed to satisfy constraint: Member must have value greater than or equal to 1; Value 'WEEK' at 'signatureValidityPeriod.type' failed to satisfy constraint: Member must satisfy enum value set: [DAYS, MONTHS, YEARS]"},
		`{"platformId":"p","tags":{"":"v"}}`:                                      {"ValidationException", "Map keys must satisfy constraint: [Member must have length greater than or equal to 1]"},
		`{"platformId":"p","tags":{"k":"` + strings.Repeat("ü", 256) + `"}}`:      {},
		`{"platformId":"p","tags":{"k":"` + strings.Repeat("v", 257) + `"}}`:      {"ValidationException", "Map value must satisfy constraint: [Member must have length less than or equal to 256]"},
		`[]`:                    {bad, "it must be a Structure"},
		`null`:                  {bad, "NULL_VALUE"},
		`"x"`:                   {bad, "STRING_VALUE"},
		`{`:                     {bad, "not well-formed"},
		`{"platformId":"p"`:     {bad, "not well-formed"},
		`{"platformId":"p"} {}`: {bad, "nothing after it"},
		`{"platformId":"p"}x`:   {bad, "nothing after it"},
		`{"platformId":"p","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: {bad, "deeper than 32"},
		"\x00": {bad, "not well-formed"},
	} {
		y.put = putProfileIn{}
		want.check(t, fmt.Sprintf("%.100s", body), put(body), 400)
		if want.code == "" && (y.put.ProfileName != "from_path" || y.put.PlatformID != "p") {
			t.Errorf("%s: the handler had %+v", body, y.put)
		}
		if want.code != "" && y.put.ProfileName != "" {
			t.Errorf("%s: the handler ran", body)
		}
	}
}

func TestBlobsAndTimes(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	sign := func(payload string) answer {
		return send(t, w.sign(t, request{method: "POST", path: "/signing-jobs/with-payload", body: `{"profileName":"good","payloadFormat":"f","payload":` + payload + `}`}))
	}
	for payload, want := range map[string]expect{
		`"e30="`:                                 {says: `"metadata":{},"signature":"e30="`},
		`"e30"`:                                  {"SerializationException", "a Blob (base64) at 'payload'"},
		`"e31="`:                                 {"SerializationException", "a Blob"},
		`""`:                                     {"ValidationException", "Value '' at 'payload' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		`null`:                                   {"ValidationException", "Value null at 'payload'"},
		`12`:                                     {"SerializationException", "NUMBER_VALUE"},
		`"` + strings.Repeat("AAAA", 1366) + `"`: {"ValidationException", "length less than or equal to 4096"},
	} {
		want.check(t, fmt.Sprintf("%.100s", payload), sign(payload), 400)
	}
	for at, want := range map[string]expect{
		`1700000000`:     {},
		`1.7E9`:          {},
		`1700000000.123`: {},
		`"2026-01-01"`:   {"SerializationException", "a Timestamp at 'effectiveTime'"},
		`1e300`:          {"SerializationException", "a Timestamp"},
		`-1e15`:          {"SerializationException", "a Timestamp"},
	} {
		a := send(t, w.sign(t, request{method: "PUT", path: "/signing-profiles/p/revoke", body: `{"effectiveTime":` + at + `}`}))
		want.check(t, at, a, 400)
		if want.code == "" && (a.body != "" || y.revoked.EffectiveTime.Unix() != 1700000000) {
			t.Errorf("%s: body %q, time %v", at, a.body, y.revoked.EffectiveTime)
		}
	}
}

func TestRESTLocations(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	for target, want := range map[string]expect{
		"GET /signing-jobs": {},
		"GET /signing-jobs?maxResults=25&isRevoked=false":                                       {},
		"GET /signing-jobs?maxResults=0":                                                        {"ValidationException", "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"GET /signing-jobs?maxResults=26":                                                       {"ValidationException", "Member must have value less than or equal to 25"},
		"GET /signing-jobs?maxResults=x":                                                        {"SerializationException", `The value "x" at 'maxResults' can not be converted to an Integer`},
		"GET /signing-jobs?isRevoked=yes":                                                       {"SerializationException", "a Boolean"},
		"GET /signing-jobs?signatureExpiresBefore=1":                                            {"SerializationException", "a Timestamp"},
		"GET /signing-jobs?signatureExpiresBefore=2026-08-01T00:00:00Z":                         {says: `"createdAt":1785542400`},
		"GET /signing-jobs?signatureExpiresBefore=2026-08-01T00:00:00.123%2B01:00":              {says: `"createdAt":1785538800.123`},
		"GET /signing-jobs?" + strings.Repeat("a&", 1001):                                       {"SerializationException", "more than 1000 parameters"},
		"DELETE /tags/arn%3Aaws%3Asigner%3Aus-east-1%3A111122223333%3A%2Fp?tagKeys=a&tagKeys=b": {},
		"DELETE /tags/arn%3Aaws%3Asigner%3Aus-east-1%3A111122223333%3A%2Fp":                     {"ValidationException", "Value null at 'tagKeys'"},
		"DELETE /tags/arn%3Aaws%3Asigner%3Aus-east-1%3A111122223333%3A%2Fp?tagKeys=":            {"ValidationException", "Value '[]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length greater than or equal to 1]"},
	} {
		method, path, _ := strings.Cut(target, " ")
		want.check(t, target, send(t, w.sign(t, request{method: method, path: path})), 400)
	}
}

func TestUnknownOperations(t *testing.T) {
	w := newWorld(t, (&toy{}).signer(), ecrToy(), queryToy())
	for _, test := range []struct {
		q      request
		status int
		want   expect
	}{
		{request{method: "GET", path: "/nowhere"}, 404, expect{"UnknownOperationException", "check the endpoint"}},
		{request{method: "POST", path: "/signing-jobs"}, 404, expect{"UnknownOperationException", "which takes GET"}},
		{request{method: "GET", path: "/signing-jobs/"}, 404, expect{"UnknownOperationException", ""}},
		{request{method: "POST", path: "/"}, 404, expect{"UnknownOperationException", ""}},
		{request{method: "POST", path: "/", header: map[string]string{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.Nothing"}}, 400,
			expect{"UnknownOperationException", "AmazonEC2ContainerRegistry_V20150921.Nothing"}},
		{request{method: "GET", path: "/", header: map[string]string{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.CreateRepository"}}, 400,
			expect{"UnknownOperationException", "take POST"}},
		{request{method: "GET", path: "/?Action=Nothing&Version=2011-06-15"}, 400, expect{"InvalidAction", "Could not find operation Nothing for version 2011-06-15"}},
	} {
		a := send(t, w.sign(t, test.q))
		test.want.check(t, test.q.method+" "+test.q.path, a, test.status)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	w := newWorld(t, (&toy{}).signer(), ecrToy(), queryToy())
	target := map[string]string{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.CreateRepository"}
	big := `{"repositoryName":"` + strings.Repeat("x", 1000) + `"}`
	expect{"RequestEntityTooLargeException", "at most 1000"}.check(t, "a declared length",
		send(t, w.sign(t, request{method: "POST", path: "/", service: "ecr", header: target, body: big})), 413)
	r := w.sign(t, request{method: "POST", path: "/", service: "ecr", header: target, body: ""})
	r.Body, r.ContentLength = readCloser(big), -1
	expect{"RequestEntityTooLargeException", "more than 1000"}.check(t, "no declared length", send(t, r), 413)
	huge := strings.Repeat("x", 256<<10)
	expect{"RequestEntityTooLargeException", "at most 262144"}.check(t, "the default",
		send(t, w.sign(t, request{method: "POST", path: "/signing-jobs/with-payload", body: huge + "x"})), 413)
	expect{"RequestEntityTooLarge", "at most 262144"}.check(t, "an unsigned form",
		send(t, w.sign(t, request{method: "POST", path: "/", header: formType, body: huge + "x"})), 413)
}

var formType = map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

func TestQueryProtocol(t *testing.T) {
	w := newWorld(t, queryToy())
	for form, want := range map[string]expect{
		"Name=a%3Cb":                      {says: `<EchoResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><EchoResult><Name>a&lt;b</Name>`},
		"Name=a&Name=b":                   {"MalformedInput", "is there twice"},
		"Action=Open":                     {"MalformedInput", "Action"},
		"List.member.1=x&List.member.2=y": {says: "<List><member>x</member><member>y</member></List>"},
		"List.member.2=y":                 {says: "<List></List>"},
		"Structs.member.1.Count=3&Structs.member.1.Blob=e30%3D&Structs.member.2.Count=4": {says: "<Structs><member><Count>3</Count><Blob>e30=</Blob></member><member><Count>4</Count></member></Structs>"},
		"Part.Count=5": {says: "<Part><Count>5</Count></Part>"},
		"Map.entry.1.key=b&Map.entry.1.value=2&Map.entry.2.key=a&Map.entry.2.value=1": {says: "<Map><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry></Map>"},
		"At=2026-08-01T00:00:00Z": {says: "<At>2026-08-01T00:00:00Z</At>"},
		"Part.Count=x":            {"MalformedInput", `The value "x" at 'Part.Count' can not be converted to an Integer`},
		"Name=toolong":            {"ValidationError", "1 validation error detected: Value 'toolong' at 'Name'"},
		"Name=%zz":                {"MalformedInput", "percent-encoded"},
	} {
		a := send(t, w.sign(t, request{method: "POST", path: "/", service: "sts", header: formType, body: "Action=Echo&Version=2011-06-15&" + form}))
		want.check(t, form, a, 400)
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/xml") != true || !strings.Contains(a.body, "<RequestId>"+a.header.Get("X-Amzn-Requestid")+"</RequestId>") {
			t.Errorf("%s: %v %s", form, a.header, a.body)
		}
	}
	a := send(t, w.sign(t, request{method: "GET", path: "/?Action=Echo&Version=2011-06-15&Name=abc", service: "sts"}))
	expect{says: "<Name>abc</Name>"}.check(t, "in the query string", a, 0)
	a = send(t, w.sign(t, request{method: "POST", path: "/?Action=Open", service: "sts", header: formType, body: "Action=Echo&Version=2011-06-15"}))
	expect{"MalformedInput", "must be in the body"}.check(t, "in both", a, 400)
	a = send(t, w.presign(t, request{method: "POST", path: "/", service: "sts", header: formType, body: "Action=Echo&Version=2011-06-15&Name=abc"}))
	expect{says: "<Name>abc</Name>"}.check(t, "presigned", a, 0)
}

func TestPublicOperationAndGlobalRegion(t *testing.T) {
	w := newWorld(t, queryToy())
	r := w.sign(t, request{method: "POST", path: "/", service: "sts", header: formType, body: url.Values{"Action": {"Open"}, "Version": {"2011-06-15"}, "Name": {"x"}}.Encode()})
	r.Header.Del("Authorization")
	expect{says: "<OpenResult><Name>x</Name>"}.check(t, "unsigned", send(t, r), 0)
	for scope, want := range map[string]expect{"aws-global": {}, "eu-west-1": {"SignatureDoesNotMatch", "this service is us-east-1"}} {
		a := send(t, w.sign(t, request{method: "GET", path: "/?Action=Echo&Version=2011-06-15", service: "sts", region: scope}))
		want.check(t, scope, a, 403)
	}
}

// TestMembersAreThereOnce: what stands in front of the service might read the
// other one.
func TestMembersAreThereOnce(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	for _, body := range []string{
		`{"platformId":"p","platformId":"p"}`, `{"platformId":"p","platform\u0049d":"q"}`, `{"platformId":null,"platformId":"p"}`,
		`{"platformId":"p","signatureValidityPeriod":{"value":1,"type":"DAYS","value":2}}`,
		`{"platformId":"p","tags":{"k":"v","k":"w"}}`, `{"platformId":"p","tags":{"k":null,"k":"w"}}`,
	} {
		a := send(t, w.sign(t, request{method: "PUT", path: "/signing-profiles/good", body: body}))
		expect{"SerializationException", "has a member twice at"}.check(t, body, a, 400)
	}
}
