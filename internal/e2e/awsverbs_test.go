package e2e

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
)

// verbs runs the program's AWS verbs as a user would.
type verbs struct{ client }

// get runs a command that must succeed and reads its output into v.
func (u verbs) get(v any, args string) {
	u.t.Helper()
	if out := u.must(append([]string{"sealwright"}, strings.Fields(args)...)...); v != nil {
		decode(u.t, out, v)
	}
}

// refuse runs a command that must fail with the service's error.
func (u verbs) refuse(want, args string) {
	u.t.Helper()
	u.fails(want, append([]string{"sealwright"}, strings.Fields(args)...)...)
}

// TestAWSVerbsOfSigner drives every Signer operation without the aws program.
func TestAWSVerbsOfSigner(t *testing.T) {
	s := start(t, t.TempDir())
	u := verbs{client{t, s.environ(t.TempDir())}}
	var identity struct{ UserID, Account, Arn string }
	u.get(&identity, "sts get-caller-identity")
	if identity.Account != account || identity.UserID != account || identity.Arn != "arn:aws:iam::"+account+":root" {
		t.Errorf("get-caller-identity: %+v", identity)
	}

	var platforms struct{ Platforms []struct{ PlatformID string } }
	u.get(&platforms, "signer list-signing-platforms")
	if len(platforms.Platforms) == 0 {
		t.Error("list-signing-platforms: none")
	}
	u.get(nil, "signer get-signing-platform --platform-id "+platform)

	var made struct{ Arn, ProfileVersion, ProfileVersionArn string }
	u.get(&made, "signer put-signing-profile --profile-name verbs --platform-id "+platform+" --signature-validity-period value=12,type=MONTHS --tags team=a")
	var profile struct {
		Status                  string
		SignatureValidityPeriod struct {
			Value int
			Type  string
		}
		Tags map[string]string
	}
	u.get(&profile, "signer get-signing-profile --profile-name verbs")
	if p := profile.SignatureValidityPeriod; made.Arn != profileARN("verbs") || p.Value != 12 || p.Type != "MONTHS" || profile.Status != "Active" || profile.Tags["team"] != "a" {
		t.Errorf("put-signing-profile: %+v, get-signing-profile: %+v", made, profile)
	}

	u.get(nil, "signer tag-resource --tags team=a,stage=test --resource-arn "+profileARN("verbs"))
	u.get(nil, "signer untag-resource --tag-keys stage --resource-arn "+profileARN("verbs"))
	var tagged struct{ Tags map[string]string }
	u.get(&tagged, "signer list-tags-for-resource --resource-arn "+profileARN("verbs"))
	if len(tagged.Tags) != 1 || tagged.Tags["team"] != "a" {
		t.Errorf("list-tags-for-resource: %+v", tagged)
	}

	payload := filepath.Join(t.TempDir(), "payload")
	descriptor := `{"targetArtifact":{"digest":"sha256:` + strings.Repeat("ab", 32) + `","mediaType":"application/vnd.oci.image.manifest.v1+json","size":1}}`
	if err := os.WriteFile(payload, []byte(descriptor), 0o600); err != nil {
		t.Fatal(err)
	}
	var signed struct{ JobID, JobOwner, Signature string }
	u.get(&signed, "signer sign-payload --profile-name verbs --payload-format application/vnd.cncf.notary.payload.v1+json --payload fileb://"+payload)
	if envelope, err := base64.StdEncoding.DecodeString(signed.Signature); err != nil || !strings.Contains(string(envelope), `"payload"`) {
		t.Errorf("sign-payload: signature %.80q", signed.Signature)
	}
	u.verifyJob(signed.JobID, made.ProfileVersion)

	u.get(nil, "signer revoke-signature --reason lost --job-id "+signed.JobID)
	var jobs struct {
		Jobs []struct {
			JobID     string
			IsRevoked bool
		}
	}
	u.get(&jobs, "signer list-signing-jobs --is-revoked")
	if len(jobs.Jobs) != 1 || jobs.Jobs[0].JobID != signed.JobID || !jobs.Jobs[0].IsRevoked {
		t.Errorf("list-signing-jobs --is-revoked: %+v", jobs)
	}
	u.endProfiles(made.ProfileVersion)
}

// verifyJob looks a job up and asks about its revocation.
func (u verbs) verifyJob(id, version string) {
	u.t.Helper()
	var job struct{ ProfileVersion, SignatureExpiresAt, CreatedAt string }
	u.get(&job, "signer describe-signing-job --job-id "+id)
	if job.ProfileVersion != version || job.SignatureExpiresAt <= job.CreatedAt {
		u.t.Errorf("describe-signing-job: %+v", job)
	}
	jobARN := "arn:aws:signer:" + region + ":" + account + ":/signing-jobs/" + id
	var status struct{ RevokedEntities []string }
	u.get(&status, "signer get-revocation-status --platform-id "+platform+" --job-arn "+jobARN+
		" --profile-version-arn "+profileARN("verbs")+"/"+version+" --signature-timestamp 2020-01-01T00:00:00Z"+
		" --certificate-hashes "+strings.Repeat("0", 192)+" "+strings.Repeat("1", 192))
	if len(status.RevokedEntities) != 1 || status.RevokedEntities[0] != jobARN {
		u.t.Errorf("get-revocation-status of another second and leaf: %+v, want the job", status)
	}
}

// endProfiles revokes one profile, cancels another, and pages through both.
func (u verbs) endProfiles(version string) {
	u.t.Helper()
	u.get(nil, "signer revoke-signing-profile --profile-name verbs --profile-version "+version+" --reason lost --effective-time 2020-01-01T00:00:00Z")
	u.get(nil, "signer put-signing-profile --profile-name another --platform-id "+platform)
	u.get(nil, "signer cancel-signing-profile --profile-name another")
	type page struct {
		Profiles  []struct{ ProfileName, Status string }
		NextToken string
	}
	var first, second page
	u.get(&first, "signer list-signing-profiles --include-canceled --statuses Canceled Revoked --max-items 1")
	u.get(&second, "signer list-signing-profiles --include-canceled --statuses Canceled Revoked --page-size 1 --starting-token "+first.NextToken)
	if len(first.Profiles) != 1 || len(second.Profiles) != 1 || first.Profiles[0] == second.Profiles[0] || second.NextToken != "" {
		u.t.Errorf("list-signing-profiles: %+v, then %+v", first, second)
	}
	u.refuse("An error occurred (ResourceNotFoundException) when calling the GetSigningProfile operation: ", "signer get-signing-profile --profile-name nothing_here")
	u.refuse("An error occurred (ValidationException) when calling the PutSigningProfile operation: ", "signer put-signing-profile --profile-name x --platform-id "+platform)
}

// TestAWSVerbsOfECR drives every ECR operation without the aws program.
func TestAWSVerbsOfECR(t *testing.T) {
	s := start(t, t.TempDir())
	u := verbs{client{t, s.environ(t.TempDir())}}
	u.get(nil, "ecr create-repository --repository-name curl --tags Key=team,Value=a")
	var repositories struct {
		Repositories []struct{ RepositoryName, RepositoryURI string }
	}
	u.get(&repositories, "ecr describe-repositories --repository-names curl")
	if len(repositories.Repositories) != 1 || repositories.Repositories[0].RepositoryURI != s.host+"/curl" {
		t.Errorf("describe-repositories: %+v", repositories)
	}
	repositoryARN := "arn:aws:ecr:" + region + ":" + account + ":repository/curl"
	u.get(nil, "ecr tag-resource --tags Key=stage,Value=test --resource-arn "+repositoryARN)
	u.get(nil, "ecr untag-resource --tag-keys team --resource-arn "+repositoryARN)
	if tags := u.must("sealwright", "ecr", "list-tags-for-resource", "--resource-arn", repositoryARN); !strings.Contains(tags, `"Key": "stage"`) || strings.Contains(tags, "team") {
		t.Errorf("list-tags-for-resource: %s", tags)
	}
	if password := u.must("sealwright", "ecr", "get-login-password"); len(strings.TrimSpace(password)) < 40 {
		t.Errorf("get-login-password: %q", password)
	}
	var authorization struct {
		AuthorizationData []struct{ AuthorizationToken, ProxyEndpoint string }
	}
	u.get(&authorization, "ecr get-authorization-token")
	if len(authorization.AuthorizationData) != 1 || !strings.Contains(authorization.AuthorizationData[0].ProxyEndpoint, s.host) {
		t.Errorf("get-authorization-token: %+v", authorization)
	}

	image := pushImage(t, s, nil, "v1", "v2")
	signature := pushImage(t, s, &image)
	u.readImages(image, signature)

	var deleted struct {
		ImageIds []struct{ ImageDigest, ImageTag string }
		Failures []struct{ FailureCode string }
	}
	u.get(&deleted, "ecr batch-delete-image --repository-name curl --image-ids imageTag=v2 imageTag=v9")
	if len(deleted.ImageIds) != 1 || deleted.ImageIds[0].ImageTag != "v2" || len(deleted.Failures) != 1 || deleted.Failures[0].FailureCode != "ImageNotFound" {
		t.Errorf("batch-delete-image: %+v", deleted)
	}
	u.refuse("(RepositoryNotEmptyException)", "ecr delete-repository --repository-name curl")
	u.get(nil, "ecr delete-repository --repository-name curl --force")
	u.refuse("(RepositoryNotFoundException)", "ecr list-images --repository-name curl")
}

// readImages lists an image and its signature in every way there is.
func (u verbs) readImages(image, signature ocispec.Descriptor) {
	u.t.Helper()
	var list struct {
		ImageIds []struct{ ImageDigest, ImageTag string }
	}
	u.get(&list, "ecr list-images --repository-name curl --filter tagStatus=TAGGED")
	if len(list.ImageIds) != 2 || list.ImageIds[0].ImageDigest != image.Digest.String() {
		u.t.Errorf("list-images: %+v", list)
	}
	var images struct {
		ImageDetails []struct{ ImageDigest, SubjectManifestDigest, ArtifactMediaType string }
	}
	u.get(&images, "ecr describe-images --repository-name curl --image-ids imageDigest="+signature.Digest.String())
	if len(images.ImageDetails) != 1 || images.ImageDetails[0].SubjectManifestDigest != image.Digest.String() {
		u.t.Errorf("describe-images: %+v", images)
	}
	var referrers struct {
		Referrers []struct{ Digest, ArtifactType string }
	}
	u.get(&referrers, "ecr list-image-referrers --repository-name curl --subject-id imageDigest="+image.Digest.String()+" --filter artifactTypes=application/vnd.example.signature")
	if len(referrers.Referrers) != 1 || referrers.Referrers[0].Digest != signature.Digest.String() {
		u.t.Errorf("list-image-referrers: %+v", referrers)
	}
	var got struct {
		Images []struct{ ImageManifest string }
	}
	u.get(&got, "ecr batch-get-image --repository-name curl --image-ids imageTag=v1")
	if len(got.Images) != 1 || int64(len(got.Images[0].ImageManifest)) != image.Size {
		u.t.Errorf("batch-get-image: %+v", got)
	}
}

// pushImage pushes an image without layers, or what refers to subject.
func pushImage(t *testing.T, s *service, subject *ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	t.Helper()
	repository := s.repository("curl")
	options := oras.PackManifestOptions{Subject: subject}
	artifactType := "application/vnd.example.image"
	if subject != nil {
		artifactType = "application/vnd.example.signature"
	}
	d, err := oras.PackManifest(t.Context(), repository, oras.PackManifestVersion1_1, artifactType, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if err := repository.Tag(t.Context(), d, tag); err != nil {
			t.Fatal(err)
		}
	}
	return d
}
