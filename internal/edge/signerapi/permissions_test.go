package signerapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"

	"github.com/sealwright/sealwright/internal/access"
)

// permit adds a permission on the profile image.
func permit(action, principal, statement string) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		_, err := c.AddProfilePermission(ctx, &signer.AddProfilePermissionInput{
			ProfileName: aws.String("image"), Action: &action, Principal: &principal, StatementId: &statement,
		})
		return err
	}
}

// role makes a role of the account and returns its ARN.
func (w *world) role(t testing.TB, path, name string) string {
	t.Helper()
	i, err := w.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: access.IdentityKey{Account: account, Kind: access.Role, Name: name}, Path: path,
		Trust: `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`})
	if err != nil {
		t.Fatal(err)
	}
	return i.ARN().String()
}

func (w *world) permissions(t testing.TB, name string) *signer.ListProfilePermissionsOutput {
	t.Helper()
	out, err := w.client.ListProfilePermissions(t.Context(), &signer.ListProfilePermissionsInput{ProfileName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantErrorAs[T error](t testing.TB, err error) {
	t.Helper()
	var want T
	if !errors.As(err, &want) {
		t.Fatalf("got %v, want %T", err, want)
	}
}

func TestProfilePermissions(t *testing.T) {
	w := newWorld(t)
	version := w.put(t, "image").ProfileVersion
	if none := w.permissions(t, "image"); none.RevisionId != nil || len(none.Permissions) != 0 || none.PolicySizeBytes != 0 {
		t.Fatalf("before the first: %+v", none)
	}
	role := w.role(t, "/ci/eu/", "build")
	first, err := w.client.AddProfilePermission(t.Context(), &signer.AddProfilePermissionInput{ProfileName: aws.String("image"),
		Action: aws.String("signer:SignPayload"), Principal: &role, StatementId: aws.String("ci.sign-1"), ProfileVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	in := &signer.AddProfilePermissionInput{ProfileName: aws.String("image"), Action: aws.String("signer:RevokeSignature"),
		Principal: aws.String("444455556666"), StatementId: aws.String("revoke"), RevisionId: first.RevisionId}
	second, err := w.client.AddProfilePermission(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.client.AddProfilePermission(t.Context(), in) // stale
	wantErrorAs[*types.ConflictException](t, err)
	in.RevisionId = nil
	_, err = w.client.AddProfilePermission(t.Context(), in) // taken
	wantErrorAs[*types.ConflictException](t, err)

	all := w.permissions(t, "image")
	if *all.RevisionId != *second.RevisionId || len(all.Permissions) != 2 || all.PolicySizeBytes == 0 {
		t.Fatalf("got %+v", all)
	}
	if p := all.Permissions[0]; *p.Action != "signer:SignPayload" || *p.Principal != role || *p.StatementId != "ci.sign-1" || *p.ProfileVersion != *version {
		t.Fatalf("got %+v", p)
	}
	w.removePermissions(t, *first.RevisionId, *second.RevisionId)
}

func (w *world) removePermissions(t *testing.T, stale, current string) {
	t.Helper()
	remove := func(statement, revision string) (string, error) {
		out, err := w.client.RemoveProfilePermission(t.Context(), &signer.RemoveProfilePermissionInput{
			ProfileName: aws.String("image"), StatementId: &statement, RevisionId: &revision})
		if err != nil {
			return "", err
		}
		return *out.RevisionId, nil
	}
	_, err := remove("revoke", stale)
	wantErrorAs[*types.ConflictException](t, err)
	_, err = remove("none", current)
	wantErrorAs[*types.ResourceNotFoundException](t, err)
	next, err := remove("ci.sign-1", current)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = remove("revoke", next); err != nil {
		t.Fatal(err)
	}
	if none := w.permissions(t, "image"); len(none.Permissions) != 0 || none.RevisionId == nil || *none.RevisionId == next {
		t.Fatalf("after the last: %+v", none)
	}
}

func TestPermissionsOfProfilesThatAreNot(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.ListProfilePermissions(t.Context(), &signer.ListProfilePermissionsInput{ProfileName: aws.String("image")})
	wantErrorAs[*types.ResourceNotFoundException](t, err)
	add := permit("signer:SignPayload", "444455556666", "s")
	wantErrorAs[*types.ResourceNotFoundException](t, add(t.Context(), w.client))
	w.put(t, "image")
	if _, err := w.client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("image")}); err != nil {
		t.Fatal(err)
	}
	wantErrorAs[*types.ValidationException](t, add(t.Context(), w.client))
}

// TestPermissionPages fills a profile up to its limit and lists it in pages.
func TestPermissionPages(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	role := w.role(t, "/"+strings.Repeat("p", 400)+"/", "r")
	var added int
	for {
		err := permit("signer:GetSigningProfile", role, fmt.Sprint("s", added))(t.Context(), w.client)
		if err != nil {
			wantErrorAs[*types.ServiceLimitExceededException](t, err)
			break
		}
		added++
	}
	if added < 26 || added > 60 {
		t.Fatalf("%d permissions were let in", added)
	}
	in := &signer.ListProfilePermissionsInput{ProfileName: aws.String("image")}
	for i := 0; i < added; {
		page, err := w.client.ListProfilePermissions(t.Context(), in)
		if err != nil || page.PolicySizeBytes > 20<<10 {
			t.Fatal(page, err)
		}
		for _, p := range page.Permissions {
			if *p.StatementId != fmt.Sprint("s", i) {
				t.Fatalf("%s at place %d", *p.StatementId, i)
			}
			i++
		}
		if (page.NextToken == nil) != (i == added) {
			t.Fatalf("a token after %d of %d: %v", i, added, page.NextToken)
		}
		in.NextToken = page.NextToken
	}
	in.NextToken = aws.String("bm9uZQ")
	_, err := w.client.ListProfilePermissions(t.Context(), in)
	wantErrorAs[*types.ValidationException](t, err)
}
