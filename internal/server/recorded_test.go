package server

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/journal"
)

// told does a bit of everything, and returns what the journal then has.
func told(t *testing.T, c config.Config) (records []audit.Record, secrets []string) {
	t.Helper()
	s, stop := run(t, c)
	root := awsConfig(t, s)
	registry, users := ecr.NewFromConfig(root), iam.NewFromConfig(root)
	try := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(_ any, err error) {
		t.Helper()
		if err == nil {
			t.Fatal("it was not refused")
		}
	}
	try(registry.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}))
	try(registry.DescribeRepositories(t.Context(), nil))
	try(registry.BatchCheckLayerAvailability(t.Context(), &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("app"), LayerDigests: []string{"sha256:" + strings.Repeat("0", 64)}}))
	try(users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("mallory")}))
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("mallory")})
	try(key, err)
	mallory := root.Copy()
	mallory.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	refused(registry.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("none")}))
	refused(ecr.NewFromConfig(mallory).DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app")}))
	refused(signer.NewFromConfig(mallory, withoutPrefix(s)).ListSigningJobs(t.Context(), nil))
	wrong := root.Copy()
	wrong.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, "wrong", "")
	refused(ecr.NewFromConfig(wrong).DescribeRepositories(t.Context(), nil))

	token, err := registry.GetAuthorizationToken(t.Context(), nil)
	try(token, err)
	for _, authorization := range []string{"", "Basic " + *token.AuthorizationData[0].AuthorizationToken, "Basic QVdTOndyb25n"} {
		r, err := http.NewRequest(http.MethodGet, s.URL()+"/v2/app/tags/list", nil)
		try(r, err)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Set("User-Agent", "curl\tforged")
		response, err := http.DefaultClient.Do(r)
		try(response, err)
		response.Body.Close()
	}
	credentials, err := root.Credentials.Retrieve(t.Context())
	try(credentials, err)
	stop() // what was answered last is written, too
	s, err = open(t, c)
	try(s, err)
	defer s.Close()
	var after journal.Position
	for {
		entries, err := s.records.Journal().Read(t.Context(), after, 100)
		try(entries, err)
		if len(entries) == 0 {
			return records, []string{*key.AccessKey.SecretAccessKey, credentials.SecretAccessKey, *token.AuthorizationData[0].AuthorizationToken}
		}
		for _, e := range entries {
			records, after = append(records, audit.RecordOf(e)), e.Position
		}
	}
}

func TestRefusalsAndReadsAreRecorded(t *testing.T) {
	changes := []string{"CreateRepository", "CreateUser", "CreateAccessKey"}
	refusals := []string{"DeleteRepository RepositoryNotFoundException", "DeleteRepository AccessDeniedException", "ListSigningJobs AccessDeniedException",
		"DescribeRepositories InvalidSignatureException", "VerifyAuthorizationToken UNAUTHORIZED"}
	api := []string{"DescribeRepositories", "GetAuthorizationToken"}
	data := []string{"BatchCheckLayerAvailability", "ListImages"}
	for setting, want := range map[string][]string{
		"none": slices.Concat(changes, refusals),
		"api":  slices.Concat(changes, refusals, api),
		"all":  slices.Concat(changes, refusals, api, data),
	} {
		t.Run(setting, func(t *testing.T) {
			c := settings(t)
			c.AuditReads = setting
			records, secrets := told(t, c)
			var got []string
			for _, r := range records {
				if r.EventType == "AwsApiCall" {
					got = append(got, strings.TrimSpace(r.EventName+" "+r.ErrorCode))
				}
				checkRecord(t, r, secrets)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("recorded %q\nwant     %q", got, want)
			}
		})
	}
}

// hangsUp is the transport of a client that is gone once it is answered.
type hangsUp struct{ to http.Handler }

func (h hangsUp) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, gone := context.WithCancel(r.Context())
	defer gone()
	answer := httptest.NewRecorder()
	r = r.Clone(ctx)
	r.RequestURI, r.Host, r.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "127.0.0.1:1"
	func() {
		defer func() { recover() }() // [http.ErrAbortHandler] cuts the connection
		h.to.ServeHTTP(cutOff{answer, gone}, r)
	}()
	return answer.Result(), nil
}

// cutOff takes the head of an answer, and nothing more.
type cutOff struct {
	*httptest.ResponseRecorder
	gone context.CancelFunc
}

func (c cutOff) WriteHeader(code int) {
	c.gone()
	c.ResponseRecorder.WriteHeader(code)
}

func (c cutOff) Write([]byte) (int, error) {
	c.gone()
	return 0, net.ErrClosed
}

// TestWhoHangsUpIsRecorded: not waiting for the answer is no way to read, or to
// probe, unseen.
func TestWhoHangsUpIsRecorded(t *testing.T) {
	c := settings(t)
	c.AuditReads = "all"
	s, _ := run(t, c)
	patient := ecr.NewFromConfig(awsConfig(t, s))
	if _, err := patient.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	token, err := patient.GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	impatient := &http.Client{Transport: hangsUp{s.handler}}
	registry := ecr.NewFromConfig(awsConfig(t, s), func(o *ecr.Options) { o.HTTPClient = impatient })
	registry.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
	registry.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("none")})
	for _, authorization := range []string{*token.AuthorizationData[0].AuthorizationToken, "QVdTOndyb25n"} {
		r, err := http.NewRequest(http.MethodGet, s.URL()+"/v2/app/tags/list", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Basic "+authorization)
		if _, err := impatient.Do(r); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"DescribeImages", "DeleteRepository RepositoryNotFoundException", "ListImages", "VerifyAuthorizationToken UNAUTHORIZED"}
	if err := s.recorder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := s.records.Journal().Read(t.Context(), journal.Position(0), 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		r := audit.RecordOf(e)
		got = append(got, strings.TrimSpace(r.EventName+" "+r.ErrorCode))
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not among what is recorded: %q", name, got)
		}
	}
}

// checkRecord holds a record against what each must be.
func checkRecord(t *testing.T, r audit.Record, secrets []string) {
	t.Helper()
	line := string(r.Line())
	for _, s := range secrets {
		if strings.Contains(line, s) {
			t.Errorf("a secret is in %s", line)
		}
	}
	if !json.Valid([]byte(line)) || strings.Count(line, "\n") != 1 || r.RecipientAccountID != "111122223333" && r.EventSource != "sealwright" || r.EventID == "" {
		t.Errorf("not a record: %s", line)
	}
	denied := strings.HasPrefix(r.ErrorCode, "AccessDenied")
	switch {
	case denied && (r.AdditionalEventData == nil || !strings.Contains(r.AdditionalEventData.Reason, "because") || r.UserName() != "mallory"):
		t.Errorf("a denial without its reason: %s", line)
	case denied && r.EventName == "DeleteRepository" && (len(r.Resources) != 1 || r.Resources[0].ARN != "arn:aws:ecr:us-east-1:111122223333:repository/app"):
		t.Errorf("a denial without its resource: %s", line)
	case r.ErrorCode == "InvalidSignatureException" && (r.UserIdentity.ARN != "" || r.UserIdentity.AccessKeyID == ""):
		t.Errorf("whoever signs wrongly is named, or not by the key: %s", line)
	case r.ReadOnly != slices.Contains([]string{"DescribeRepositories", "ListSigningJobs", "GetAuthorizationToken", "BatchCheckLayerAvailability", "ListImages", "VerifyAuthorizationToken"}, r.EventName):
		t.Errorf("readOnly is wrong: %s", line)
	}
}
