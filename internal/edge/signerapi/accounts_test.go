package signerapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
)

// allow lets a principal do something with the profile image.
func (w *world) allow(t *testing.T, statement, action, principal string, version *string) {
	t.Helper()
	_, err := w.client.AddProfilePermission(t.Context(), &signer.AddProfilePermissionInput{ProfileName: aws.String("image"),
		StatementId: &statement, Action: &action, Principal: &principal, ProfileVersion: version})
	if err != nil {
		t.Fatal(err)
	}
}

func describe(ctx context.Context, c *signer.Client, name string) error {
	_, err := c.GetSigningProfile(ctx, &signer.GetSigningProfileInput{ProfileName: &name, ProfileOwner: aws.String(account)})
	return err
}

func revokeJob(ctx context.Context, c *signer.Client, id *string) error {
	_, err := c.RevokeSignature(ctx, &signer.RevokeSignatureInput{JobId: id, JobOwner: aws.String(account), Reason: aws.String("lost")})
	return err
}

// TestAcrossAccounts: another account signs under a profile that permits it. The
// job is the owner's; the profile's permissions bear on it.
func TestAcrossAccounts(t *testing.T) {
	w := newWorld(t)
	version := w.put(t, "image").ProfileVersion
	_, err := w.guest.SignPayload(t.Context(), signInput("image"))
	wantErrorAs[*types.AccessDeniedException](t, err)
	w.allow(t, "sign", "signer:SignPayload", other, version)
	signed, err := w.guest.SignPayload(t.Context(), signInput("image"))
	if err != nil || *signed.JobOwner != account {
		t.Fatal(signed, err)
	}
	job, err := w.client.DescribeSigningJob(t.Context(), &signer.DescribeSigningJobInput{JobId: signed.JobId})
	if err != nil || *job.JobOwner != account || *job.JobInvoker != other || !strings.HasSuffix(*job.RequestedBy, other+":root") {
		t.Fatal(job, err)
	}
	for invoker, n := range map[string]int{other: 1, account: 0} {
		jobs, err := w.client.ListSigningJobs(t.Context(), &signer.ListSigningJobsInput{JobInvoker: &invoker})
		if err != nil || len(jobs.Jobs) != n {
			t.Fatalf("%d jobs of %s, %v", len(jobs.Jobs), invoker, err)
		}
	}
	w.revokeFromOutside(t, signed)
}

// revokeFromOutside revokes a signature that a guest made, once it may.
func (w *world) revokeFromOutside(t *testing.T, signed *signer.SignPayloadOutput) {
	t.Helper()
	if status, err := w.guest.GetRevocationStatus(t.Context(), w.query(t, signed.Signature)); err != nil || len(status.RevokedEntities) != 0 {
		t.Fatal(status, err)
	}
	w.allow(t, "another", "signer:RevokeSignature", other, aws.String("0123456789"))
	wantErrorAs[*types.AccessDeniedException](t, revokeJob(t.Context(), w.guest, signed.JobId))
	w.allow(t, "revoke", "signer:RevokeSignature", other, nil)
	if err := revokeJob(t.Context(), w.guest, signed.JobId); err != nil {
		t.Fatal(err)
	}
	if revoked := w.revoked(t, signed.Signature); len(revoked) != 1 {
		t.Fatal(revoked)
	}
}

// TestDenialsTellNothing: what a stranger is told of a profile, or a job, does not
// depend on whether it exists, and a permission for others changes nothing.
func TestDenialsTellNothing(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	w.allow(t, "sign", "signer:SignPayload", "777788889999", nil)
	signed := w.sign(t, "image")
	denial := func(err error) string {
		t.Helper()
		wantErrorAs[*types.AccessDeniedException](t, err)
		_, text, _ := strings.Cut(err.Error(), "AccessDeniedException")
		return strings.NewReplacer("/image", "/NAME", "/none", "/NAME", *signed.JobId, "ID", "no-job", "ID").Replace(text)
	}
	if there, none := denial(describe(t.Context(), w.guest, "image")), denial(describe(t.Context(), w.guest, "none")); there != none {
		t.Errorf("of a profile: %s\nof none:      %s", there, none)
	}
	if there, none := denial(revokeJob(t.Context(), w.guest, signed.JobId)), denial(revokeJob(t.Context(), w.guest, aws.String("no-job"))); there != none {
		t.Errorf("of a job: %s\nof none:  %s", there, none)
	}
	w.allow(t, "get", "signer:GetSigningProfile", other, nil)
	if err := describe(t.Context(), w.guest, "image"); err != nil {
		t.Error(err)
	}
	_, err := w.guest.SignPayload(t.Context(), signInput("image"))
	denial(err)
}
