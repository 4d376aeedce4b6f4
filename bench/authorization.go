package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

const (
	authorizedRepository = "bench/authorization"
	repositoryARN        = "arn:aws:ecr:" + region + ":111122223333:repository/" + authorizedRepository
	authorizationUser    = "bench"
	statements           = 20 // of the user's policy; the one that allows comes last
	turns                = 4  // of each of the two in a round

	// authorizationLimit is what a decision by policies may add to a request.
	authorizationLimit = 5e-6 // seconds
)

// authorization measures what policies cost: the same read by the root user, whom
// nothing but the repository's policy could refuse, and by a user whom its own
// policies have to allow.
type authorization struct {
	images     images
	root, user load.Request
	body       []byte
}

func (e *authorization) prepare(ctx context.Context, b *bench) error {
	if err := b.ours.createRepository(ctx, authorizedRepository); err != nil {
		return err
	}
	_, err := b.ours.ecr.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(authorizedRepository), PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:BatchGetImage"},
			{"Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`)})
	if err != nil {
		return err
	}
	as, err := b.ours.newUser(ctx)
	if err != nil {
		return err
	}
	c, err := load.Dial(ctx, b.ours.registry.address)
	if err != nil {
		return err
	}
	defer c.Close()
	m, err := e.images.push(c, b.ours.registry, authorizedRepository)
	if err != nil {
		return err
	}
	target := "/v2/" + authorizedRepository + "/manifests/" + m.Digest
	if e.root, e.body, err = b.ours.registry.get(ctx, target, "Accept: "+imageManifest); err != nil {
		return err
	}
	e.user, _, err = as.get(ctx, target, "Accept: "+imageManifest)
	return err
}

func (e *authorization) round(ctx context.Context, b *bench, _ int) error {
	var root, user float64 // seconds
	for range turns {
		for request, cpu := range map[*load.Request]*float64{&e.root: &root, &e.user: &user} { // in either order
			l, err := loadServer(ctx, b.ours.process, load.Plan{
				Address: b.ours.registry.address, Connections: readers, Duration: b.duration / turns, Do: repeat(*request, e.body),
			})
			if err != nil {
				return err
			}
			*cpu += l.cpu / turns
		}
	}
	const work = "manifest GET as a user whom policies allow, 16 connections: "
	b.table.Add(table.Measurement{Work: work + "server CPU", Unit: table.Seconds, Value: user, Beside: "the root user", Limit: root})
	b.table.Add(table.Measurement{Work: work + "added", Unit: table.Seconds, Value: user - root, Beside: "what it may add", Limit: authorizationLimit})
	return nil
}

// manyStatements is a policy of which the last statement lets read.
func manyStatements() string {
	var all []string
	for i := range statements - 2 {
		all = append(all, fmt.Sprintf(`{"Effect":"Allow","Action":["ecr:*"],"Resource":"arn:aws:ecr:*:111122223333:repository/team-%d/*","Condition":{"StringEquals":{"aws:ResourceTag/team":"%d"}}}`, i, i))
	}
	all = append(all, `{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}`, `{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"`+repositoryARN+`"}`)
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

// newUser makes a user with a policy of manyStatements, and returns the registry
// as it is for that user.
func (s *service) newUser(ctx context.Context) (registry, error) {
	file := filepath.Join(s.home, "policy.json")
	if err := os.WriteFile(file, []byte(manyStatements()), 0o600); err != nil {
		return registry{}, err
	}
	var key struct {
		AccessKey struct{ AccessKeyID, SecretAccessKey string }
	}
	for _, step := range []struct {
		args []string
		into any
	}{
		{[]string{"create-user", "--user-name", authorizationUser}, nil},
		{[]string{"create-policy", "--policy-name", authorizationUser, "--policy-document", "file://" + file}, nil},
		{[]string{"attach-user-policy", "--user-name", authorizationUser, "--policy-arn", "arn:aws:iam::111122223333:policy/" + authorizationUser}, nil},
		{[]string{"create-access-key", "--user-name", authorizationUser}, &key},
	} {
		text, _, err := s.command(append([]string{"iam"}, step.args...)...).Run(ctx)
		if err == nil && step.into != nil {
			err = json.Unmarshal([]byte(text), step.into)
		}
		if err != nil {
			return registry{}, fmt.Errorf("%s: %w", step.args[0], err)
		}
	}
	login := process.Command{Program: s.program, Args: []string{"ecr", "get-login-password"}, Env: environment(s.home, append(s.exports[:len(s.exports):len(s.exports)],
		"AWS_ACCESS_KEY_ID="+key.AccessKey.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+key.AccessKey.SecretAccessKey)...)}
	password, _, err := login.Run(ctx)
	as := s.registry
	as.header = []string{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:"+strings.TrimSpace(password)))}
	return as, err
}
