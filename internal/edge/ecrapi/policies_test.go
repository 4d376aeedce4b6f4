package ecrapi_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/arn"
)

const (
	pullPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"let them pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},
		"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	shutPolicy = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:SetRepositoryPolicy"}}`
)

func TestRepositoryPolicy(t *testing.T) {
	w := newWorld(t)
	get := func() error {
		_, err := w.client.GetRepositoryPolicy(w.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: app})
		return err
	}
	remove := func() (*ecr.DeleteRepositoryPolicyOutput, error) {
		return w.client.DeleteRepositoryPolicy(w.ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: app})
	}
	set := func(text string) (*ecr.SetRepositoryPolicyOutput, error) {
		return w.client.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: app, PolicyText: &text})
	}
	wantError[*types.RepositoryNotFoundException](w, get())
	_, err := set(pullPolicy)
	wantError[*types.RepositoryNotFoundException](w, err)
	_, err = remove()
	wantError[*types.RepositoryNotFoundException](w, err)
	w.create(*app)
	wantError[*types.RepositoryPolicyNotFoundException](w, get())
	_, err = remove()
	wantError[*types.RepositoryPolicyNotFoundException](w, err)

	out, err := set(pullPolicy)
	w.must(err)
	same(w, []any{out.PolicyText, out.RepositoryName, out.RegistryId}, []any{pullPolicy, app, account})
	found, err := w.client.GetRepositoryPolicy(w.ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: app})
	w.must(err)
	same(w, []any{found.PolicyText, found.RepositoryName, found.RegistryId}, []any{pullPolicy, app, account})
	gone, err := remove()
	w.must(err)
	same(w, gone.PolicyText, pullPolicy)
	wantError[*types.RepositoryPolicyNotFoundException](w, get())
}

func TestPoliciesThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	for text, says := range map[string]string{
		"":   "Syntax errors in policy",
		"{}": "Statement",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}`: "s3:GetObject is not one of ecr",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*"}}`:                        "Principal",
		strings.Repeat(" ", 10_241): "10240",
	} {
		_, err := w.client.SetRepositoryPolicy(w.ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: app, PolicyText: &text, Force: true})
		wantError[*types.InvalidParameterException](w, err, says)
		_, err = w.client.PutRegistryPolicy(w.ctx, &ecr.PutRegistryPolicyInput{PolicyText: &text})
		wantError[*types.InvalidParameterException](w, err, says)
	}
}

func TestRegistryPolicy(t *testing.T) {
	w := newWorld(t)
	get := func() (*ecr.GetRegistryPolicyOutput, error) {
		return w.client.GetRegistryPolicy(w.ctx, &ecr.GetRegistryPolicyInput{})
	}
	_, err := get()
	wantError[*types.RegistryPolicyNotFoundException](w, err)
	_, err = w.client.DeleteRegistryPolicy(w.ctx, &ecr.DeleteRegistryPolicyInput{})
	wantError[*types.RegistryPolicyNotFoundException](w, err)
	put, err := w.client.PutRegistryPolicy(w.ctx, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(pullPolicy)})
	w.must(err)
	same(w, []any{put.PolicyText, put.RegistryId}, []any{pullPolicy, account})
	found, err := get()
	w.must(err)
	same(w, []any{found.PolicyText, found.RegistryId}, []any{pullPolicy, account})

	w.create(*app)
	attached, _, err := w.registry.Policies(w.ctx, arn.Repository(region, account, *app))
	w.must(err)
	same(w, len(attached), 1)
	gone, err := w.client.DeleteRegistryPolicy(w.ctx, &ecr.DeleteRegistryPolicyInput{})
	w.must(err)
	same(w, gone.PolicyText, pullPolicy)
	_, err = get()
	wantError[*types.RegistryPolicyNotFoundException](w, err)
}
