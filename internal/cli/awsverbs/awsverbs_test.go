package awsverbs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/cli/awsverbs"
)

// request is what a command put on the wire.
type request struct {
	Line   string // method and path with query
	Host   string
	Target string // X-Amz-Target
	Body   string
}

// wire is a server that answers from a list, the last again and again, and
// keeps what it was asked. It stands at the AWS SDK's endpoint; nothing of the
// SDK is replaced.
type wire struct {
	*httptest.Server
	requests []request
	answers  []answer
}

type answer struct {
	status int
	code   string // X-Amzn-ErrorType
	body   string
}

func serve(t *testing.T, answers ...answer) *wire {
	t.Helper()
	w := &wire{answers: answers}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "1",
		"AWS_ENDPOINT_URL": w.URL, "AWS_ENDPOINT_URL_SIGNER": "", "AWS_ENDPOINT_URL_ECR": "", "AWS_ENDPOINT_URL_STS": "",
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_DISABLE_HOST_PREFIX_INJECTION": "", "HTTP_PROXY": "", "http_proxy": "",
	} {
		t.Setenv(name, value)
		if value == "" {
			os.Unsetenv(name) // an empty AWS_ENDPOINT_URL_SIGNER is not the same as none
		}
	}
	return w
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.requests = append(w.requests, request{
		Line: r.Method + " " + r.URL.RequestURI(), Host: r.Host, Target: r.Header.Get("X-Amz-Target"), Body: string(body),
	})
	a := w.answers[min(len(w.requests), len(w.answers))-1]
	if a.code != "" {
		rw.Header().Set("X-Amzn-ErrorType", a.code)
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(max(a.status, 200))
	io.WriteString(rw, a.body)
}

// run executes a command line, without the program's name.
func run(args ...string) (stdout string, err error) {
	root := &cobra.Command{Use: "sealwright", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(awsverbs.Commands()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetArgs(args)
	err = root.ExecuteContext(context.Background())
	return out.String(), err
}

// Each operation's command line becomes the request that AWS documents.
func TestRequests(t *testing.T) {
	const ecr = "AmazonEC2ContainerRegistry_V20150921."
	for _, c := range []struct {
		args string
		want request
	}{
		{"signer put-signing-profile --profile-name web --platform-id P --signature-validity-period value=3,type=MONTHS --tags team=a,stage=b --signing-parameters {\"x\":\"y\"}",
			request{Line: "PUT /signing-profiles/web", Body: `{"platformId":"P","signatureValidityPeriod":{"type":"MONTHS","value":3},"signingParameters":{"x":"y"},"tags":{"stage":"b","team":"a"}}`}},
		{"signer get-signing-profile --profile-name web --profile-owner 111122223333",
			request{Line: "GET /signing-profiles/web?profileOwner=111122223333"}},
		{"signer list-signing-profiles --statuses Active Canceled --include-canceled",
			request{Line: "GET /signing-profiles?includeCanceled=true&statuses=Active&statuses=Canceled"}},
		{"signer cancel-signing-profile --profile-name web",
			request{Line: "DELETE /signing-profiles/web"}},
		{"signer sign-payload --profile-name web --payload aGVsbG8= --payload-format application/json",
			request{Line: "POST /signing-jobs/with-payload", Body: `{"payload":"aGVsbG8=","payloadFormat":"application/json","profileName":"web"}`}},
		{"signer describe-signing-job --job-id j1",
			request{Line: "GET /signing-jobs/j1"}},
		{"signer list-signing-jobs --status Succeeded --is-revoked --signature-expires-after 2030-01-02 --signature-expires-before 1900000000",
			request{Line: "GET /signing-jobs?isRevoked=true&signatureExpiresAfter=2030-01-02T00%3A00%3A00Z&signatureExpiresBefore=2030-03-17T17%3A46%3A40Z&status=Succeeded"}},
		{"signer revoke-signature --job-id j1 --reason lost",
			request{Line: "PUT /signing-jobs/j1/revoke", Body: `{"reason":"lost"}`}},
		{"signer revoke-signing-profile --profile-name web --profile-version 0123456789 --reason lost --effective-time 1700000000",
			request{Line: "PUT /signing-profiles/web/revoke", Body: `{"effectiveTime":1700000000,"profileVersion":"0123456789","reason":"lost"}`}},
		{"signer get-revocation-status --signature-timestamp 2023-01-02T03:04:05Z --platform-id P --profile-version-arn pv --job-arn j --certificate-hashes a b --certificate-hashes c",
			request{Line: "GET /revocations?certificateHashes=a&certificateHashes=b&certificateHashes=c&jobArn=j&platformId=P&profileVersionArn=pv&signatureTimestamp=2023-01-02T03%3A04%3A05Z"}},
		{"signer get-signing-platform --platform-id P",
			request{Line: "GET /signing-platforms/P"}},
		{"signer list-signing-platforms --category AWSIoT",
			request{Line: "GET /signing-platforms?category=AWSIoT"}},
		{"ecr create-repository --repository-name curl --image-scanning-configuration scanOnPush=true --tags Key=a,Value=b Key=c,Value=d --image-tag-mutability IMMUTABLE",
			request{Target: ecr + "CreateRepository", Body: `{"imageScanningConfiguration":{"scanOnPush":true},"imageTagMutability":"IMMUTABLE","repositoryName":"curl","tags":[{"Key":"a","Value":"b"},{"Key":"c","Value":"d"}]}`}},
		{"ecr describe-repositories --repository-names curl tools/jq",
			request{Target: ecr + "DescribeRepositories", Body: `{"repositoryNames":["curl","tools/jq"]}`}},
		{"ecr delete-repository --repository-name curl --force",
			request{Target: ecr + "DeleteRepository", Body: `{"force":true,"repositoryName":"curl"}`}},
		{"ecr delete-repository --repository-name curl --force --no-force",
			request{Target: ecr + "DeleteRepository", Body: `{"repositoryName":"curl"}`}},
		{"ecr list-images --repository-name curl --filter tagStatus=TAGGED",
			request{Target: ecr + "ListImages", Body: `{"filter":{"tagStatus":"TAGGED"},"repositoryName":"curl"}`}},
		{"ecr describe-images --repository-name curl --image-ids imageTag=v1 --max-results 5",
			request{Target: ecr + "DescribeImages", Body: `{"imageIds":[{"imageTag":"v1"}],"maxResults":5,"repositoryName":"curl"}`}},
		{"ecr batch-get-image --image-ids imageTag=v1 imageDigest=sha256:aa --repository-name curl --accepted-media-types a/b c/d",
			request{Target: ecr + "BatchGetImage", Body: `{"acceptedMediaTypes":["a/b","c/d"],"imageIds":[{"imageTag":"v1"},{"imageDigest":"sha256:aa"}],"repositoryName":"curl"}`}},
		{"ecr batch-delete-image --repository-name curl --image-ids [{\"imageTag\":\"v1\"},{\"imageTag\":\"v2\"}]",
			request{Target: ecr + "BatchDeleteImage", Body: `{"imageIds":[{"imageTag":"v1"},{"imageTag":"v2"}],"repositoryName":"curl"}`}},
		{"ecr list-image-referrers --repository-name curl --subject-id imageDigest=sha256:aa --filter artifactTypes=a,b,artifactStatus=ACTIVE",
			request{Target: ecr + "ListImageReferrers", Body: `{"filter":{"artifactStatus":"ACTIVE","artifactTypes":["a","b"]},"repositoryName":"curl","subjectId":{"imageDigest":"sha256:aa"}}`}},
		{"ecr get-authorization-token",
			request{Target: ecr + "GetAuthorizationToken", Body: `{}`}},
		{"sts get-caller-identity",
			request{Body: `Action=GetCallerIdentity&Version=2011-06-15`}},
	} {
		t.Run(strings.Join(strings.Fields(c.args)[:2], " "), func(t *testing.T) {
			reply := `{}`
			if strings.HasPrefix(c.args, "sts") {
				reply = `<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>`
			}
			w := serve(t, answer{body: reply})
			if _, err := run(strings.Fields(c.args)...); err != nil {
				t.Fatal(err)
			}
			if c.want.Line == "" {
				c.want.Line = "POST /"
			}
			c.want.Host = w.Listener.Addr().String() // never with a prefix
			got := w.requests[0]
			got.Body, c.want.Body = canonical(got.Body), canonical(c.want.Body)
			if got != c.want || len(w.requests) != 1 {
				t.Errorf("requests %+v\nwant one %+v", w.requests, c.want)
			}
		})
	}
}

// canonical sorts a JSON object's members; other text it leaves alone.
func canonical(body string) string {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return body
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func TestFilesAndBlobs(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"raw": "hello", "base64": "aGVsbG8=\n", "images.json": ` [{"imageTag":"v1"}]`, "profile": "web"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sign := "signer sign-payload --profile-name file://DIR/profile --payload-format f --payload "
	const signed = `{"payload":"aGVsbG8=","payloadFormat":"f","profileName":"web"}`
	for args, want := range map[string]string{
		sign + "fileb://DIR/raw":                                      signed,
		sign + "file://DIR/base64":                                    signed,
		sign + "aGVsbG8=":                                             signed,
		sign + "hello --cli-binary-format raw-in-base64-out":          signed,
		sign + "file://DIR/raw --cli-binary-format=raw-in-base64-out": signed,
		"ecr batch-delete-image --repository-name curl --image-ids file://DIR/images.json": `{"imageIds":[{"imageTag":"v1"}],"repositoryName":"curl"}`,
	} {
		w := serve(t, answer{body: `{}`})
		if _, err := run(strings.Fields(strings.ReplaceAll(args, "DIR", dir))...); err != nil {
			t.Errorf("%s: %v", args, err)
		} else if got := canonical(w.requests[0].Body); got != want {
			t.Errorf("%s\nsent %s\nwant %s", args, got, want)
		}
	}
}

func TestOutput(t *testing.T) {
	const jobs = `{"jobs":[{"jobId":"j1","isRevoked":true,"source":{"s3":{"bucketName":"b","key":"k","version":"v"}}},{"jobId":"j2","isRevoked":false,"status":"Succeeded"}]}`
	const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId>111122223333</UserId><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:root</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`
	for _, c := range []struct{ name, args, body, want string }{
		{"json", "signer get-signing-profile --profile-name web",
			`{"profileName":"web","status":"Active","signatureValidityPeriod":{"value":3,"type":"MONTHS"},"tags":{"a":"<&>"}}`,
			"{\n    \"profileName\": \"web\",\n    \"signatureValidityPeriod\": {\n        \"type\": \"MONTHS\",\n        \"value\": 3\n    },\n    \"status\": \"Active\",\n    \"tags\": {\n        \"a\": \"<&>\"\n    }\n}\n"},
		{"empty list", "ecr list-images --repository-name curl", `{"imageIds":[]}`, "{\n    \"imageIds\": []\n}\n"},
		{"empty result", "signer cancel-signing-profile --profile-name web", `{}`, ""},
		{"blob", "signer sign-payload --profile-name web --payload aA== --payload-format f --output text", `{"jobId":"j","signature":"aGk="}`, "j\taGk=\n"},
		{"text", "signer list-signing-jobs --output text", jobs,
			"JOBS\tTrue\tj1\t\nS3\tb\tk\tv\nJOBS\tFalse\tj2\tSucceeded\n"},
		{"text of a list", "signer get-signing-platform --platform-id P --output text",
			`{"platformId":"P","maxSizeInMB":1,"revocationSupported":true,"signingImageFormat":{"defaultFormat":"JSON","supportedFormats":["JSON","JSONEmbedded"]}}`,
			"1\tP\tTrue\nSIGNINGIMAGEFORMAT\tJSON\nSUPPORTEDFORMATS\tJSON\nSUPPORTEDFORMATS\tJSONEmbedded\n"},
		{"sts", "sts get-caller-identity", identity,
			"{\n    \"Account\": \"111122223333\",\n    \"Arn\": \"arn:aws:iam::111122223333:root\",\n    \"UserId\": \"111122223333\"\n}\n"},
		{"login password", "ecr get-login-password", `{"authorizationData":[{"authorizationToken":"QVdTOnMzY3JldA=="}]}`, "s3cret\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			serve(t, answer{body: c.body})
			if got, err := run(strings.Fields(c.args)...); err != nil || got != c.want {
				t.Errorf("output %q, error %v\nwant %q", got, err, c.want)
			}
		})
	}
}

// A list is fetched whole, or as much of it as was asked for, and goes on where
// it stopped; the tokens are the aws program's.
func TestPaging(t *testing.T) {
	first := answer{body: `{"profiles":[{"profileName":"aa"},{"profileName":"bb"}],"nextToken":"t2"}`}
	second := answer{body: `{"profiles":[{"profileName":"cc"}]}`}
	const list = "GET /signing-profiles"
	for _, c := range []struct {
		args    string
		answers []answer
		names   string
		next    string
		lines   []string
	}{
		{"", []answer{first, second}, "aa bb cc", "", []string{list, list + "?nextToken=t2"}},
		{"--page-size 2", []answer{first, second}, "aa bb cc", "", []string{list + "?maxResults=2", list + "?maxResults=2&nextToken=t2"}},
		{"--max-items 1", []answer{first}, "aa", `{"nextToken":null,"boto_truncate_amount":1}`, []string{list}},
		{"--max-items 2", []answer{first}, "aa bb", `{"nextToken":"t2"}`, []string{list}},
		{"--max-items 3", []answer{first, second}, "aa bb cc", "", []string{list, list + "?nextToken=t2"}},
		// {"nextToken": null, "boto_truncate_amount": 1} as botocore writes it
		{"--max-items 1 --starting-token eyJuZXh0VG9rZW4iOiBudWxsLCAiYm90b190cnVuY2F0ZV9hbW91bnQiOiAxfQ==", []answer{first}, "bb", `{"nextToken":"t2"}`, []string{list}},
		{"--starting-token eyJuZXh0VG9rZW4iOiAidDIifQ==", []answer{second}, "cc", "", []string{list + "?nextToken=t2"}},
		{"--no-paginate", []answer{first}, "aa bb", "t2", []string{list}},
		{"--max-results 2", []answer{first}, "aa bb", "t2", []string{list + "?maxResults=2"}},
		{"--next-token t2", []answer{second}, "cc", "", []string{list + "?nextToken=t2"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			w := serve(t, c.answers...)
			out, err := run(strings.Fields("signer list-signing-profiles " + c.args)...)
			if err != nil {
				t.Fatal(err)
			}
			names, next := readPage(t, out)
			var lines []string
			for _, r := range w.requests {
				lines = append(lines, r.Line)
			}
			if names != c.names || next != c.next || !reflect.DeepEqual(lines, c.lines) {
				t.Errorf("names %q next %s requests %q\nwant  %q next %s requests %q", names, next, lines, c.names, c.next, c.lines)
			}
		})
	}
	t.Run("text", func(t *testing.T) {
		serve(t, first)
		out, err := run("signer", "list-signing-profiles", "--max-items", "2", "--output", "text")
		if want := "eyJuZXh0VG9rZW4iOiJ0MiJ9\nPROFILES\taa\nPROFILES\tbb\n"; err != nil || out != want {
			t.Errorf("output %q, error %v, want %q", out, err, want)
		}
	})
}

// readPage returns the profiles' names and what the token, ours or the
// service's, says.
func readPage(t *testing.T, out string) (names, next string) {
	t.Helper()
	var page struct {
		Profiles  []struct{ ProfileName string }
		NextToken []byte
	}
	if err := json.Unmarshal([]byte(strings.Replace(out, `"t2"`, `"dDI="`, 1)), &page); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var all []string
	for _, p := range page.Profiles {
		all = append(all, p.ProfileName)
	}
	return strings.Join(all, " "), string(page.NextToken)
}

func TestErrors(t *testing.T) {
	const put = "signer put-signing-profile --profile-name web "
	for _, c := range []struct{ args, want string }{
		{"signer nope", "argument operation: Found invalid choice 'nope': see sealwright signer --help"},
		{"signer put-signing-profile", "the following arguments are required: --profile-name, --platform-id"},
		{put, "the following arguments are required: --platform-id"},
		{put + "--platform-id", "argument --platform-id: expected one argument"},
		{put + "--platform-id P --foo x", "Unknown options: --foo"},
		{put + "--platform-id P extra", "Unknown options: extra"},
		{"signer list-signing-profiles stray --statuses Active", "Unknown options: stray"},
		{put + "--platform-id P --signature-validity-period foo=3", "Parameter validation failed:\nUnknown parameter in signatureValidityPeriod: \"foo\", must be one of: type, value"},
		{put + "--platform-id P --signature-validity-period value=x", "Parameter validation failed:\nInvalid type for parameter signatureValidityPeriod.value: expected an integer, got 'x'"},
		{put + "--platform-id P --signature-validity-period value=3000000000", "Parameter validation failed:\nInvalid type for parameter signatureValidityPeriod.value: expected an integer, got '3000000000'"},
		{put + "--platform-id P --signature-validity-period 3", "Error parsing parameter '--signature-validity-period': Expected: '=', received: 'EOF' for input:\n3\n ^"},
		{put + "--platform-id P --signature-validity-period {", "Error parsing parameter '--signature-validity-period': Invalid JSON: unexpected EOF\nJSON received: {"},
		{put + "--platform-id P --signature-validity-period []", "Parameter validation failed:\nInvalid type for parameter signatureValidityPeriod: expected a structure, got a list"},
		{put + "--platform-id P --signing-material {}", "Parameter validation failed:\nMissing required parameter in signingMaterial: \"certificateArn\""},
		{"signer sign-payload --profile-name web --payload-format f --payload hello", "Parameter validation failed:\nInvalid base64 for parameter payload: give base64, fileb://FILE, or --cli-binary-format raw-in-base64-out"},
		{"signer list-signing-jobs --signature-expires-after soon", "Parameter validation failed:\nInvalid value for parameter signatureExpiresAfter: 'soon' is not a timestamp: give one such as 2026-01-31T09:30:00Z, or seconds since 1970"},
		{"signer list-signing-jobs --no-paginate --max-items 3 --page-size 2", "Cannot specify --no-paginate along with pagination arguments: --page-size, --max-items"},
		{"signer list-signing-jobs --starting-token %%%", "Bad starting token: %%%"},
		{"ecr list-images --repository-name a --filter tagStatus=TAGGED,x", "Parameter validation failed:\nInvalid type for parameter filter.tagStatus: expected a string, got a list"},
		{"ecr describe-repositories --query x", "--query is not supported here: use --output json and a program such as jq"},
		{"ecr describe-repositories --output table", "argument --output: Found invalid choice 'table': use json or text"},
		{"ecr describe-repositories --cli-binary-format hex", "argument --cli-binary-format: Found invalid choice 'hex': use base64 or raw-in-base64-out"},
	} {
		w := serve(t, answer{body: `{}`})
		if out, err := run(strings.Fields(c.args)...); err == nil || err.Error() != c.want || out != "" {
			t.Errorf("%s\nerror %v, output %q\nwant  %s", c.args, err, out, c.want)
		}
		if len(w.requests) > 0 {
			t.Errorf("%s sent %+v", c.args, w.requests)
		}
	}
}

func TestServiceErrors(t *testing.T) {
	serve(t, answer{400, "ValidationException", `{"message":"bad name","code":"x"}`})
	_, err := run("signer", "put-signing-profile", "--profile-name", "web", "--platform-id", "P")
	if want := "An error occurred (ValidationException) when calling the PutSigningProfile operation: bad name"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	t.Run("same token twice", func(t *testing.T) {
		serve(t, answer{body: `{"profiles":[],"nextToken":"t"}`})
		_, err := run("signer", "list-signing-profiles")
		if want := "Error during pagination: The same next token was received twice: t"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
	t.Run("no server", func(t *testing.T) {
		w := serve(t)
		w.Close()
		_, err := run("sts", "get-caller-identity")
		if want := `Could not connect to the endpoint URL: "` + w.URL + `/": `; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
	})
}

// What the environment lacks is said, with what to do.
func TestConfiguration(t *testing.T) {
	w := serve(t, answer{body: `{}`})
	other := httptest.NewServer(w)
	defer other.Close()
	for _, c := range []struct {
		unset, args, want string
	}{
		{"AWS_REGION", "ecr list-images --repository-name a", "You must specify a region"},
		{"AWS_ACCESS_KEY_ID", "ecr list-images --repository-name a", "Unable to locate credentials"},
		{"", "ecr list-images --repository-name a --profile nope", "failed to get shared config profile, nope"},
	} {
		t.Run(c.want, func(t *testing.T) {
			if c.unset != "" {
				t.Setenv(c.unset, "")
			}
			if _, err := run(strings.Fields(c.args)...); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want %s…", err, c.want)
			}
		})
	}
	t.Run("flags win", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL_SIGNER", "http://127.0.0.1:1")
		t.Setenv("AWS_REGION", "")
		if _, err := run("signer", "list-signing-jobs", "--endpoint-url", other.URL, "--region", "eu-west-1"); err != nil {
			t.Error(err)
		}
	})
	t.Run("service endpoint", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
		t.Setenv("AWS_ENDPOINT_URL_SIGNER", other.URL)
		args := "signer get-revocation-status --signature-timestamp 0 --platform-id P --profile-version-arn pv --job-arn j --certificate-hashes a"
		if _, err := run(strings.Fields(args)...); err != nil {
			t.Error(err) // the host has no prefix, or it would not resolve
		}
	})
}

// The help says how each flag is written and which are required.
func TestHelp(t *testing.T) {
	out, err := run("signer", "put-signing-profile", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--platform-id string ", "(required)",
		"--signature-validity-period structure   type=DAYS|MONTHS|YEARS,value=integer\n",
		"--tags map ", "--endpoint-url string",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "(required)"); n != 2 {
		t.Errorf("%d flags are required, want 2:\n%s", n, out)
	}
}

// TestVerbsOnce: a service has each verb once.
func TestVerbsOnce(t *testing.T) {
	for _, service := range awsverbs.Commands() {
		seen := map[string]bool{}
		for _, verb := range service.Commands() {
			if seen[verb.Name()] {
				t.Errorf("%s has %s twice", service.Name(), verb.Name())
			}
			seen[verb.Name()] = true
		}
	}
}
