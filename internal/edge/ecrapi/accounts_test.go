package ecrapi_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

// other is an account beside the installation's first.
const (
	other    = arn.AccountID("444455556666")
	guestKey = "AKIAGUEST00000000000"
)

// guests knows the root user of another account too.
type guests struct{ *access.Service }

func (g guests) Credential(ctx context.Context, accessKeyID, sessionToken string) (string, access.Principal, error) {
	if accessKeyID == guestKey {
		return "secret", access.Principal{Account: other, ARN: arn.Root(other).String(), UserID: string(other)}, nil
	}
	return g.Service.Credential(ctx, accessKeyID, sessionToken)
}

// attached gives access the policies of the world's registry.
type attached struct{ *world }

func (a attached) ResourcePolicies(ctx context.Context, resource arn.ARN) (documents []access.Document, tags map[string]string, err error) {
	policies, tags, err := a.registry.Policies(ctx, resource)
	for _, p := range policies {
		documents = append(documents, access.Document{Name: p.Name, Text: p.Text})
	}
	return documents, tags, err
}

// denied ends the test unless err is a denial.
func (w *world) denied(err error) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
		w.Fatalf("got %v, want a denial", err)
	}
}

// TestAcrossAccounts: another account's registry is used where its policies let,
// under registryId; the caller's own is another one.
func TestAcrossAccounts(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	image := w.image(*app, "v1")
	get := func(registryID *string) (*ecr.BatchGetImageOutput, error) {
		return w.guest.BatchGetImage(w.ctx, &ecr.BatchGetImageInput{RepositoryName: app, RegistryId: registryID, ImageIds: []types.ImageIdentifier{byTag("v1")}})
	}
	_, err := get(nil)
	wantError[*types.RepositoryNotFoundException](w, err)
	_, err = get(aws.String(string(account)))
	w.denied(err)
	for _, whole := range []bool{false, true} {
		w.permit(whole, pullPolicy)
		out, err := get(aws.String(string(account)))
		w.must(err)
		same(w, []any{out.Images[0].ImageManifest, out.Images[0].RegistryId}, []any{string(image.Content), account})
		_, err = w.guest.PutImage(w.ctx, &ecr.PutImageInput{RepositoryName: app, RegistryId: aws.String(string(account)), ImageManifest: aws.String("{}")})
		w.denied(err)
		_, err = w.guest.GetRepositoryPolicy(w.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: app, RegistryId: aws.String(string(account))})
		w.denied(err)
		w.permit(whole, "")
		_, err = get(aws.String(string(account)))
		w.denied(err)
	}
}

// permit sets or, without a text, deletes the policy of the repository or of the
// whole registry.
func (w *world) permit(whole bool, text string) {
	w.Helper()
	var err error
	switch {
	case whole && text == "":
		_, err = w.client.DeleteRegistryPolicy(w.ctx, &ecr.DeleteRegistryPolicyInput{})
	case whole:
		_, err = w.client.PutRegistryPolicy(w.ctx, &ecr.PutRegistryPolicyInput{PolicyText: &text})
	case text == "":
		_, err = w.client.DeleteRepositoryPolicy(w.ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: app})
	default:
		_, err = w.client.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: app, PolicyText: &text})
	}
	w.must(err)
}

// TestLockOut: a policy that would shut out who sets it needs force; the root
// user of the account can always set another.
func TestLockOut(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	guest := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:SetRepositoryPolicy"}}`
	w.permit(false, guest)
	set := func(text string, force bool) error {
		_, err := w.guest.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: app, RegistryId: aws.String(string(account)), PolicyText: &text, Force: force})
		return err
	}
	w.must(set(guest, false))
	for _, text := range []string{shutPolicy, pullPolicy} {
		wantError[*types.InvalidParameterException](w, set(text, false), "prevent you", "force")
	}
	w.must(set(shutPolicy, true))
	w.denied(set(guest, true))
	w.permit(false, guest)
	w.must(set(guest, false))
}
