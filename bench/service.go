package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/bench/internal/process"
)

const (
	platform = "Notation-OCI-SHA384-ECDSA"
	profile  = "bench_profile"
	region   = "us-east-1"
)

// maxImages raises the quota of images in a repository, which is no more than
// ECR's by default, so that pushes onto 100,000 are not refused.
const maxImages = "SEALWRIGHT_MAX_IMAGES=1000000"

// service is a sealwright that serves, with clients of its root account.
type service struct {
	program  string
	data     string
	home     string
	process  *process.Process
	startup  time.Duration // from its start to the first 200
	exports  []string      // NAME=value, as `sealwright env` prints them
	password string        // of the registry's user AWS

	registry registry
	signer   *signer.Client
	ecr      *ecr.Client
}

// startService starts the program on a free port with its data in dir/data,
// which may exist, and makes clients for it.
func startService(ctx context.Context, program, dir string) (*service, error) {
	s := &service{program: program, data: filepath.Join(dir, "data"), home: filepath.Join(dir, "home")}
	if err := s.serve(ctx); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		s.process.Stop()
		return nil, s.process.Explain(err)
	}
	return s, nil
}

// serve starts the process and waits until it answers.
func (s *service) serve(ctx context.Context) error {
	if err := os.MkdirAll(s.home, 0o700); err != nil {
		return err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	s.registry = registry{address: address, host: "localhost:" + port}
	if s.process, err = process.Start(ctx, environment(s.home, maxImages), s.program, "serve", "--data", s.data, "--listen", s.registry.host); err != nil {
		return err
	}
	if s.startup, err = s.process.AwaitOK(ctx, "http://"+address+"/healthz"); err != nil {
		s.process.Stop()
	}
	return err
}

// restart stops the process and starts it anew on the same data and another
// port: what it held in memory is gone.
func (s *service) restart(ctx context.Context) error {
	header := s.registry.header
	s.process.Stop()
	if err := s.serve(ctx); err != nil {
		return err
	}
	s.registry.header = header // a token outlives the process
	return nil
}

// connect reads the root account's key and gets a registry token with it.
func (s *service) connect(ctx context.Context) error {
	text, _, err := process.Command{Program: s.program, Args: []string{"env", "--data", s.data}, Env: environment(s.home)}.Run(ctx)
	if err != nil {
		return err
	}
	s.exports = parseExports(text)
	config := s.awsConfig()
	s.signer, s.ecr = signer.NewFromConfig(config), ecr.NewFromConfig(config)
	token, err := s.ecr.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return err
	}
	basic := aws.ToString(token.AuthorizationData[0].AuthorizationToken)
	userPassword, err := base64.StdEncoding.DecodeString(basic)
	if err != nil {
		return fmt.Errorf("the authorization token is not base64: %w", err)
	}
	s.password = strings.TrimPrefix(string(userPassword), "AWS:")
	s.registry.header = []string{"Authorization: Basic " + basic}
	return nil
}

// awsConfig is the configuration that an SDK would load from our exports.
func (s *service) awsConfig() aws.Config {
	credentials := aws.Credentials{AccessKeyID: s.export("AWS_ACCESS_KEY_ID"), SecretAccessKey: s.export("AWS_SECRET_ACCESS_KEY")}
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.export("AWS_ENDPOINT_URL")),
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} }, // an error must not be hidden by a second try
	}
}

// parseExports reads `export NAME=value` lines, with or without single quotes.
func parseExports(text string) (exports []string) {
	for line := range strings.Lines(text) {
		assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
		if name, value, has := strings.Cut(assignment, "="); ok && has {
			exports = append(exports, name+"="+strings.Trim(value, "'"))
		}
	}
	return exports
}

func (s *service) export(name string) string {
	for _, e := range s.exports {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// command is a run of one of the program's verbs as a client of the service.
func (s *service) command(args ...string) process.Command {
	return process.Command{Program: s.program, Args: args, Env: environment(s.home, s.exports...)}
}

// createRepository makes a repository, as ECR wants before a push.
func (s *service) createRepository(ctx context.Context, name string) error {
	_, err := s.ecr.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String(name)})
	return err
}

// putProfile makes the signing profile, or finds it as it was, and returns its
// ARN and that of its version.
func (s *service) putProfile(ctx context.Context) (arn, versionARN string, err error) {
	out, err := s.signer.PutSigningProfile(ctx, &signer.PutSigningProfileInput{ProfileName: aws.String(profile), PlatformId: aws.String(platform)})
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.Arn), aws.ToString(out.ProfileVersionArn), nil
}
