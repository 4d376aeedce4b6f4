package server

import (
	"cmp"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/sealwright/sealwright/internal/remote"
)

// sweep calls every operation that the SDKs have for the services here, about a
// repository, a profile and what else there is, and tells what came of each by
// "service:Operation".
func (f *federation) sweep(b bearer, repository, profile string) map[string]error {
	c := b.config(f.Server)
	results := map[string]error{}
	for service, client := range map[string]any{
		"ecr": ecr.NewFromConfig(c), "iam": iam.NewFromConfig(c), "signer": signer.NewFromConfig(c, signer.WithAPIOptions(remote.WithoutHostPrefix)),
		"sts": sts.NewFromConfig(c), "cloudtrail": cloudtrail.NewFromConfig(c),
	} {
		v := reflect.ValueOf(client)
		for i := range v.NumMethod() {
			name, method := v.Type().Method(i).Name, v.Method(i)
			if !method.Type().IsVariadic() || method.Type().NumIn() != 3 || method.Type().NumOut() != 2 {
				continue
			}
			results[service+":"+name] = f.call(method, words{f, service, repository, profile})
		}
	}
	return results
}

// call calls an operation with what its client says is required.
func (f *federation) call(method reflect.Value, w words) error {
	input := reflect.New(method.Type().In(1).Elem())
	for range 5 {
		err, _ := method.Call([]reflect.Value{reflect.ValueOf(f.Context()), input})[1].Interface().(error)
		var missing smithy.InvalidParamsError
		if !errors.As(err, &missing) {
			return err
		}
		for _, m := range missing.Errs() {
			_, path, _ := strings.Cut(m.(smithy.InvalidParamError).Field(), ".")
			field, _, _ := strings.Cut(path, ".")
			field, _, _ = strings.Cut(field, "[")
			w.fill(input.Elem().FieldByName(field), field)
		}
	}
	return errors.New("the client still misses something")
}

// words are what operations are called with.
type words struct {
	*federation
	service, repository, profile string
}

func (w words) fill(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		w.fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		w.fill(v.Index(0), name)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		w.fill(key, "Key")
		w.fill(value, "Value")
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Now()))
			return
		}
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				w.fill(v.Field(i), field.Name)
			}
		}
	case reflect.String:
		if values := reflect.New(v.Type()).Elem().MethodByName("Values"); values.IsValid() {
			v.Set(values.Call(nil)[0].Index(0))
			return
		}
		v.SetString(w.text(name))
	case reflect.Uint8:
		v.SetUint('x')
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}

// text is a value that gets as far as the decision.
func (w words) text(name string) string {
	const policies, policy = "arn:aws:iam::" + ours + ":policy/", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	repository, profile := "arn:aws:ecr:us-east-1:"+ours+":repository/"+w.repository, "arn:aws:signer:us-east-1:"+ours+":/signing-profiles/"+w.profile
	text := map[string]string{
		"RepositoryName": w.repository, "RepositoryNames": w.repository, "ProfileName": w.profile, "UploadId": "01234567-89ab-cdef-0123-456789abcdef", "LayerDigest": digestOf("x"), "LayerDigests": digestOf("x"),
		"SubjectId": digestOf("x"), "ImageDigest": digestOf("x"), "JobId": "01234567-89ab-cdef-0123-456789abcdef", "ProfileVersion": "ABCDEFGHIJ", "PlatformId": "Notation-OCI-SHA384-ECDSA",
		"PolicyArn": policies + "one", "PermissionsBoundary": policies + "one", "PolicySourceArn": "arn:aws:iam::" + ours + ":role/ci", "RoleArn": roleARN,
		"OpenIDConnectProviderArn": w.arn, "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA", "VersionId": "v1", "ActionNames": "ecr:PutImage", "PolicyDocument": policy, "PolicyInputList": policy,
		"ThumbprintList": strings.Repeat("a", 40), "AssumeRolePolicyDocument": policy, "RoleSessionName": "job-2", "WebIdentityToken": "none", "ResourceArn": repository,
		"JobArn": "arn:aws:signer:us-east-1:" + ours + ":/signing-jobs/01234567-89ab-cdef-0123-456789abcdef", "ProfileVersionArn": profile + "/ABCDEFGHIJ", "CertificateHashes": strings.Repeat("a", 96),
		"ReportGeneration": "x",
	}[name]
	if name == "ResourceArn" && w.service == "signer" {
		return profile
	}
	return cmp.Or(text, "some-name")
}

// notOffered are the codes of operations that nobody can call.
var notOffered = []string{"InvalidAction", "UnknownOperationException", "UnsupportedOperationException"}

// works are the operations of a sweep, sorted, that were neither denied nor are not
// offered.
func works(t *testing.T, results map[string]error) (all []string) {
	t.Helper()
	denials := 0
	for name, err := range results {
		var api smithy.APIError
		switch errors.As(err, &api); {
		case api != nil && strings.Contains(api.ErrorCode(), "AccessDenied"):
			denials++
		case api == nil || !slices.Contains(notOffered, api.ErrorCode()):
			all = append(all, name)
		}
	}
	if denials < leastDenied {
		t.Errorf("only %d operations were denied", denials)
	}
	slices.Sort(all)
	return all
}

// leastDenied keeps the sweep from passing by what it can no longer call.
const leastDenied = 250

// doorsOf are the requests of /v2 about a repository.
func doorsOf(repository string) []string {
	digest := digestOf("x")
	return []string{"GET _catalog", "GET NAME/tags/list", "GET NAME/manifests/v1", "HEAD NAME/manifests/v1", "PUT NAME/manifests/v1", "DELETE NAME/manifests/v1", "GET NAME/blobs/" + digest,
		"HEAD NAME/blobs/" + digest, "DELETE NAME/blobs/" + digest, "POST NAME/blobs/uploads/", "GET NAME/blobs/uploads/x", "PATCH NAME/blobs/uploads/x", "PUT NAME/blobs/uploads/x?digest=" + digest,
		"DELETE NAME/blobs/uploads/x", "GET NAME/referrers/" + digest}
}

// TestNothingElseWorks: with the credentials of a federated job no operation of any
// service works but those that its role is for, and once the session is cut off
// none does, through neither door. Who one is may always be asked.
func TestNothingElseWorks(t *testing.T) {
	f := newFederation(t)
	b := f.job()
	if got, want := works(t, f.sweep(b, "other", "release")), []string{"ecr:GetAuthorizationToken", "sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	refused := func(repository string) {
		t.Helper()
		for _, door := range doorsOf(repository) {
			method, path, _ := strings.Cut(strings.Replace(door, "NAME", repository, 1), " ")
			r, err := http.NewRequestWithContext(t.Context(), method, f.URL()+"/v2/"+path, strings.NewReader("{}"))
			must(t, err)
			r.Header.Set("Authorization", "Basic "+b.token)
			response, err := http.DefaultClient.Do(r)
			must(t, err)
			response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %s", method, path, response.Status)
			}
		}
	}
	refused("other")
	f.allow("AWSRevokeOlderSessions", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}}]}`)
	if got, want := works(t, f.sweep(b, "app", "ci")), []string{"sts:AssumeRoleWithWebIdentity", "sts:GetCallerIdentity"}; !slices.Equal(got, want) {
		t.Errorf("after the end: %q, want %q", got, want)
	}
	refused("app")
}
