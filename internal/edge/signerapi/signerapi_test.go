package signerapi_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/notaryproject/notation-core-go/signature/jws"

	"github.com/sealwright/sealwright/internal/edge/signerapi"
	"github.com/sealwright/sealwright/internal/envelope"
)

const (
	platformID = "Notation-OCI-SHA384-ECDSA"
	payload    = `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":942}}`
	profileARN = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/"
)

func (w *world) put(t testing.TB, name string) *signer.PutSigningProfileOutput {
	t.Helper()
	out, err := w.client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: &name, PlatformId: aws.String(platformID)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func signInput(name string) *signer.SignPayloadInput {
	return &signer.SignPayloadInput{
		ProfileName: &name, ProfileOwner: aws.String(account), Payload: []byte(payload), PayloadFormat: aws.String(envelope.PayloadMediaType),
	}
}

func (w *world) sign(t testing.TB, name string) *signer.SignPayloadOutput {
	t.Helper()
	out, err := w.client.SignPayload(t.Context(), signInput(name))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// revoked asks about a signature what a verifier asks.
func (w *world) revoked(t testing.TB, signature []byte) []string {
	t.Helper()
	out, err := w.client.GetRevocationStatus(t.Context(), w.query(t, signature))
	if err != nil {
		t.Fatal(err)
	}
	return out.RevokedEntities
}

func (w *world) query(t testing.TB, signature []byte) *signer.GetRevocationStatusInput {
	t.Helper()
	e, err := envelope.Parse(signature)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := w.authority.Leaf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &signer.GetRevocationStatusInput{
		PlatformId: aws.String(platformID), ProfileVersionArn: &e.ProfileVersionARN, JobArn: &e.JobARN,
		SignatureTimestamp: &e.SigningTime, CertificateHashes: []string{leaf.Hash, strings.Repeat("0", 192)},
	}
}

func TestProfileLife(t *testing.T) {
	w := newWorld(t)
	tags := map[string]string{"team": "build", "cost/center": "7"}
	put, err := w.client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{
		ProfileName: aws.String("image"), PlatformId: aws.String(platformID), Tags: tags, SigningParameters: map[string]string{"a": "b"},
		SignatureValidityPeriod: &types.SignatureValidityPeriod{Type: types.ValidityTypeMonths, Value: 12},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *put.Arn != profileARN+"image" || *put.ProfileVersionArn != *put.Arn+"/"+*put.ProfileVersion || len(*put.ProfileVersion) != 10 {
		t.Errorf("put: %s, %s, %s", *put.Arn, *put.ProfileVersion, *put.ProfileVersionArn)
	}
	get, err := w.client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("image"), ProfileOwner: aws.String(account)})
	if err != nil {
		t.Fatal(err)
	}
	if get.Status != types.SigningProfileStatusActive || *get.PlatformDisplayName != "Notation for container registries" || !maps.Equal(get.Tags, tags) ||
		get.SigningParameters["a"] != "b" || get.SignatureValidityPeriod.Value != 12 || get.SignatureValidityPeriod.Type != types.ValidityTypeMonths ||
		*get.ProfileVersionArn != *put.ProfileVersionArn || *get.Arn != *put.Arn || get.RevocationRecord != nil || *get.PlatformId != platformID {
		t.Errorf("get: %+v", get)
	}
	if _, err := w.client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("image")}); err != nil {
		t.Fatal(err)
	}
	effective := time.Now().Add(-time.Hour)
	if _, err := w.client.RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{
		ProfileName: aws.String("image"), ProfileVersion: put.ProfileVersion, Reason: aws.String("leaked"), EffectiveTime: &effective,
	}); err != nil {
		t.Fatal(err)
	}
	get, err = w.client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("image")})
	if err != nil {
		t.Fatal(err)
	}
	if r := get.RevocationRecord; get.Status != types.SigningProfileStatusRevoked || *get.StatusReason != "leaked" || r == nil ||
		!r.RevocationEffectiveFrom.Equal(effective.Truncate(time.Second)) || r.RevokedAt.Before(effective) || *r.RevokedBy != "arn:aws:iam::111122223333:root" {
		t.Errorf("revoked: %+v, %+v", get, r)
	}
}

func TestDefaultsOfProfile(t *testing.T) {
	w := newWorld(t)
	first, second := w.put(t, "image"), w.put(t, "image")
	if *first.ProfileVersion != *second.ProfileVersion {
		t.Error("putting the same again made another version")
	}
	get, err := w.client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("image")})
	if err != nil {
		t.Fatal(err)
	}
	if v := get.SignatureValidityPeriod; v.Value != 135 || v.Type != types.ValidityTypeMonths || get.Tags == nil || len(get.Tags) != 0 {
		t.Errorf("get: %+v, tags %v", v, get.Tags)
	}
}

func TestListSigningProfiles(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.put(t, fmt.Sprintf("profile_%d", i))
	}
	revokedVersion := w.put(t, "profile_5").ProfileVersion
	if _, err := w.client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("profile_2")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{
		ProfileName: aws.String("profile_5"), ProfileVersion: revokedVersion, Reason: aws.String("x"), EffectiveTime: aws.Time(time.Now().Add(-time.Second)),
	}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in   signer.ListSigningProfilesInput
		want string
	}{
		"default":              {signer.ListSigningProfilesInput{}, "0 1 3 4 6"},
		"with canceled":        {signer.ListSigningProfilesInput{IncludeCanceled: true}, "0 1 2 3 4 6"},
		"revoked":              {signer.ListSigningProfilesInput{Statuses: []types.SigningProfileStatus{"Revoked"}}, "5"},
		"canceled and revoked": {signer.ListSigningProfilesInput{Statuses: []types.SigningProfileStatus{"Canceled", "Revoked"}}, "2 5"},
		"all":                  {signer.ListSigningProfilesInput{Statuses: []types.SigningProfileStatus{"Active", "Canceled", "Revoked"}}, "0 1 2 3 4 5 6"},
		"another platform":     {signer.ListSigningProfilesInput{PlatformId: aws.String("other")}, ""},
		"this platform":        {signer.ListSigningProfilesInput{PlatformId: aws.String(platformID)}, "0 1 3 4 6"},
	} {
		for _, size := range []int32{1, 2, 25} {
			c.in.MaxResults = &size
			var got []string
			pages := signer.NewListSigningProfilesPaginator(w.client, &c.in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range page.Profiles {
					got = append(got, strings.TrimPrefix(*p.Arn, profileARN+"profile_"))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, %d a page: %q, want %q", name, size, got, c.want)
			}
		}
	}
}

func TestSignPayload(t *testing.T) {
	w := newWorld(t)
	put := w.put(t, "image")
	out := w.sign(t, "image")
	if *out.JobOwner != account || out.Metadata == nil || len(out.Metadata) != 0 {
		t.Errorf("owner %s, metadata %v", *out.JobOwner, out.Metadata)
	}
	reference, err := jws.ParseEnvelope(out.Signature)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := reference.Verify(); err != nil || string(content.Payload.Content) != payload {
		t.Errorf("verify: %v", err)
	}
	job, err := w.client.DescribeSigningJob(t.Context(), &signer.DescribeSigningJobInput{JobId: out.JobId})
	if err != nil {
		t.Fatal(err)
	}
	if job.Status != types.SigningStatusSucceeded || *job.ProfileName != "image" || *job.ProfileVersion != *put.ProfileVersion ||
		*job.JobInvoker != account || *job.JobOwner != account || *job.RequestedBy != "arn:aws:iam::111122223333:root" || *job.PlatformId != platformID ||
		job.Source != nil || job.SignedObject != nil || job.RevocationRecord != nil || *job.StatusReason == "" ||
		job.CreatedAt.After(*job.CompletedAt) || job.SignatureExpiresAt.Before(time.Now().AddDate(11, 0, 0)) {
		t.Errorf("job %+v", job)
	}
}

func TestRevokeSignature(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	out := w.sign(t, "image")
	if got := w.revoked(t, out.Signature); got == nil || len(got) != 0 {
		t.Errorf("revoked %q", got)
	}
	for range 2 {
		if _, err := w.client.RevokeSignature(t.Context(), &signer.RevokeSignatureInput{JobId: out.JobId, JobOwner: aws.String(account), Reason: aws.String("leaked")}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.revoked(t, out.Signature); !slices.Equal(got, []string{"arn:aws:signer:us-east-1:111122223333:/signing-jobs/" + *out.JobId}) {
		t.Errorf("revoked %q", got)
	}
	job, err := w.client.DescribeSigningJob(t.Context(), &signer.DescribeSigningJobInput{JobId: out.JobId})
	if err != nil {
		t.Fatal(err)
	}
	if r := job.RevocationRecord; r == nil || *r.Reason != "leaked" || *r.RevokedBy != "arn:aws:iam::111122223333:root" || r.RevokedAt == nil {
		t.Errorf("record %+v", r)
	}
}

func TestListSigningJobs(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	var ids []string
	for range 5 {
		ids = append(ids, *w.sign(t, "image").JobId)
	}
	slices.Reverse(ids)
	if _, err := w.client.RevokeSignature(t.Context(), &signer.RevokeSignatureInput{JobId: &ids[1], Reason: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	later, sooner := time.Now().AddDate(12, 0, 0), time.Now().AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		in   signer.ListSigningJobsInput
		want []string
	}{
		"all":            {signer.ListSigningJobsInput{}, ids},
		"succeeded":      {signer.ListSigningJobsInput{Status: types.SigningStatusSucceeded}, ids},
		"failed":         {signer.ListSigningJobsInput{Status: types.SigningStatusFailed}, nil},
		"revoked":        {signer.ListSigningJobsInput{IsRevoked: true}, ids[1:2]},
		"invoker":        {signer.ListSigningJobsInput{JobInvoker: aws.String("444455556666")}, nil},
		"requested by":   {signer.ListSigningJobsInput{RequestedBy: aws.String("arn:aws:iam::111122223333:root")}, ids},
		"another":        {signer.ListSigningJobsInput{RequestedBy: aws.String("arn:aws:iam::111122223333:user/x")}, nil},
		"platform":       {signer.ListSigningJobsInput{PlatformId: aws.String("other")}, nil},
		"expires before": {signer.ListSigningJobsInput{SignatureExpiresBefore: &later}, ids},
		"before too":     {signer.ListSigningJobsInput{SignatureExpiresBefore: &sooner}, nil},
		"expires after":  {signer.ListSigningJobsInput{SignatureExpiresAfter: &sooner}, ids},
	} {
		for _, size := range []int32{2, 5} {
			c.in.MaxResults = &size
			var got []string
			pages := signer.NewListSigningJobsPaginator(w.client, &c.in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, j := range page.Jobs {
					got = append(got, *j.JobId)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %d a page: %q, want %q", name, size, got, c.want)
			}
		}
	}
}

func TestPlatforms(t *testing.T) {
	w := newWorld(t)
	get, err := w.client.GetSigningPlatform(t.Context(), &signer.GetSigningPlatformInput{PlatformId: aws.String(platformID)})
	if err != nil {
		t.Fatal(err)
	}
	if *get.DisplayName != "Notation for container registries" || !get.RevocationSupported || get.SigningConfiguration.EncryptionAlgorithmOptions.DefaultValue != types.EncryptionAlgorithmEcdsa {
		t.Errorf("get %+v", get)
	}
	list, err := w.client.ListSigningPlatforms(t.Context(), &signer.ListSigningPlatformsInput{MaxResults: aws.Int32(1)})
	if err != nil || len(list.Platforms) != 1 || *list.Platforms[0].PlatformId != platformID || list.NextToken != nil {
		t.Errorf("list %+v, %v", list, err)
	}
	none, err := w.client.ListSigningPlatforms(t.Context(), &signer.ListSigningPlatformsInput{Partner: aws.String("AWSLambda")})
	if err != nil || len(none.Platforms) != 0 {
		t.Errorf("list %+v, %v", none, err)
	}
}

func TestRootHandler(t *testing.T) {
	w := newWorld(t)
	root := httptest.NewServer(signerapi.RootHandler(w.authority.RootsPEM))
	defer root.Close()
	answer, err := http.Get(root.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	roots, _ := w.authority.RootsPEM(t.Context())
	if block, _ := pem.Decode(body); err != nil || block == nil || !bytes.Equal(body, roots) || answer.Header.Get("Content-Type") != "application/pem-certificate-chain" {
		t.Errorf("%v: %s", err, body)
	}
	for method, want := range map[string]int{http.MethodHead: 200, http.MethodPost: 405} {
		request := httptest.NewRequest(method, "/", nil)
		recorder := httptest.NewRecorder()
		signerapi.RootHandler(w.authority.RootsPEM).ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("%s: %d", method, recorder.Code)
		}
	}
	recorder := httptest.NewRecorder()
	signerapi.RootHandler(func(context.Context) ([]byte, error) { return nil, nil }).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("without a root: %d", recorder.Code)
	}
}

func TestCRLHandler(t *testing.T) {
	w := newWorld(t)
	cas, err := w.authority.Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	away := func(context.Context, string) ([]byte, error) { return nil, errors.New("the store is away") }
	for _, tt := range []struct {
		path string
		crl  func(context.Context, string) ([]byte, error)
		want int
	}{
		{cas.Active + ".crl", w.authority.CRL, 200}, {cas.Active, w.authority.CRL, 404}, {"00.crl", w.authority.CRL, 404},
		{cas.Active + ".crl", away, 503},
	} {
		recorder := httptest.NewRecorder()
		signerapi.CRLHandler(tt.crl).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, signerapi.CRLPath+tt.path, nil))
		if recorder.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.path, recorder.Code, tt.want)
		}
		if _, err := x509.ParseRevocationList(recorder.Body.Bytes()); tt.want == 200 && (err != nil || recorder.Header().Get("Content-Type") != "application/pkix-crl") {
			t.Errorf("%s: %v, %v", tt.path, recorder.Header(), err)
		}
	}
}
