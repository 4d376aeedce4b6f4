package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/server"
	"github.com/sealwright/sealwright/internal/signerplugin"
)

const (
	quickstartRepository = "quickstart"
	quickstartProfile    = "quickstart_profile"
	quickstartPlatform   = "Notation-OCI-SHA384-ECDSA"
)

func (a *app) quickstartCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "quickstart",
		Short: "See an image pushed, signed, verified, and refused once tampered with or revoked",
		Long: `Run the whole procedure on a service of its own in a temporary directory: create
a repository, push an image (this program), create a signing profile, sign,
verify; then see a tampered image and a revoked signature refused. Nothing is
left behind. The exit code is 0 only if each step did what it should.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return quickstart(cmd.Context(), a.IO)
		},
	}
}

// quickstart runs the tour in a directory that it removes again.
func quickstart(ctx context.Context, streams IO) (err error) {
	dir, err := os.MkdirTemp("", "sealwright-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := &tour{out: streams.Out, dir: dir}
	return t.withService(ctx, t.walk)
}

// tour is one run of the quickstart.
type tour struct {
	out      io.Writer
	dir      string
	registry string // host:port
	profile  string // ARN
	image    string // reference by digest
	password string // of the registry, as `login` got it
}

// withService runs do beside a service, in an environment that points our own
// verbs, which do runs, at it and away from the user's files.
func (t *tour) withService(ctx context.Context, do func(context.Context) error) error {
	settings := config.Default()
	settings.Data = filepath.Join(t.dir, "data")
	settings.Listen = "localhost:0"
	s, err := server.Open(ctx, settings, server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	restore, err := t.enter(ctx, s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	defer restore()
	running, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(running) }()
	fmt.Fprintf(t.out, "A service of its own runs at %s, in %s.\n", s.URL(), t.dir)
	err = do(ctx)
	stop()
	return errors.Join(err, <-stopped)
}

// enter sets the environment of the tour and returns how to leave it.
func (t *tour) enter(ctx context.Context, s *server.Server) (leave func(), err error) {
	root, err := s.RootCredentials(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, err := s.Directory().Endpoint()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint.URL)
	if err != nil {
		return nil, err
	}
	t.registry = u.Host
	set := map[string]string{
		"AWS_CONFIG_FILE":             filepath.Join(t.dir, "aws-config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.dir, "aws-credentials"),
		"XDG_CONFIG_HOME":             filepath.Join(t.dir, "config"),
		"XDG_CACHE_HOME":              filepath.Join(t.dir, "cache"),
		"DOCKER_CONFIG":               filepath.Join(t.dir, "docker"),
	}
	for _, v := range variables(endpoint, "", root) {
		set[v[0]] = v[1]
	}
	unset := append([]string{envConfig, envCache, envLibexec, envUsername, envPassword}, unsetVariables...)
	return setEnvironment(set, unset), nil
}

// setEnvironment changes the environment of this process and returns how to put
// it back.
func setEnvironment(set map[string]string, unset []string) (restore func()) {
	before := map[string]*string{}
	remember := func(name string) {
		before[name] = nil
		if v, ok := os.LookupEnv(name); ok {
			before[name] = &v
		}
	}
	for name, v := range set {
		remember(name)
		os.Setenv(name, v)
	}
	for _, name := range unset {
		remember(name)
		os.Unsetenv(name)
	}
	return func() {
		for name, v := range before {
			if v == nil {
				os.Unsetenv(name)
			} else {
				os.Setenv(name, *v)
			}
		}
	}
}

// walk is the tour itself.
func (t *tour) walk(ctx context.Context) error {
	steps := []struct {
		title string
		run   func(context.Context) error
	}{
		{"Create a repository", t.createRepository},
		{"Log in to the registry", t.login},
		{"Push an image: this program", t.push},
		{"Create a signing profile", t.createProfile},
		{"Trust what the profile signs", t.trust},
		{"Sign the image", t.sign},
		{"Verify it", t.verify},
		{"Tamper with the image: verification must fail", t.tamper},
		{"Revoke the signature: verification must fail", t.revoke},
	}
	for i, s := range steps {
		fmt.Fprintf(t.out, "\n[%d/%d] %s\n", i+1, len(steps), s.title)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("step %d, %q: %w", i+1, s.title, err)
		}
	}
	fmt.Fprintf(t.out, "\nEverything did what it should. Start your own with: sealwright serve\n")
	return nil
}

func (t *tour) createRepository(ctx context.Context) error {
	_, err := t.do(ctx, "", "ecr", "create-repository", "--repository-name", quickstartRepository)
	return err
}

func (t *tour) login(ctx context.Context) error {
	out, err := t.quietly(ctx, "", "ecr", "get-login-password")
	if err != nil {
		return err
	}
	t.password = strings.TrimSpace(out)
	_, err = t.do(ctx, t.password, "login", "--username", "AWS", "--password-stdin", t.registry)
	return err
}

func (t *tour) push(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	image, err := packProgram(program, filepath.Join(t.dir, "layer.tar"))
	if err != nil {
		return err
	}
	digest, err := t.repository().push(ctx, image, "latest")
	if err != nil {
		return err
	}
	t.image = t.registry + "/" + quickstartRepository + "@" + digest
	fmt.Fprintf(t.out, "    Pushed %s (%d MiB)\n", t.image, image.layer.Size>>20)
	return nil
}

func (t *tour) createProfile(ctx context.Context) error {
	out, err := t.do(ctx, "", "signer", "put-signing-profile", "--profile-name", quickstartProfile, "--platform-id", quickstartPlatform)
	if err != nil {
		return err
	}
	var made struct {
		ARN string `json:"arn"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		return err
	}
	t.profile = made.ARN
	return nil
}

func (t *tour) trust(ctx context.Context) error {
	_, err := t.do(ctx, "", "trust", "install", "--profile", t.profile)
	return err
}

func (t *tour) sign(ctx context.Context) error {
	_, err := t.do(ctx, "", "sign", t.image, "--plugin", signerplugin.Name, "--id", t.profile)
	return err
}

func (t *tour) verify(ctx context.Context) error {
	_, err := t.do(ctx, "", "verify", t.image)
	return err
}

// tamper pushes a changed image and gives it a copy of the good one's signature.
func (t *tour) tamper(ctx context.Context) error {
	tampered, err := t.repository().pushTampered(ctx, t.image)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "    Changed the image and copied the signature to it.\n")
	return t.refused(ctx, t.registry+"/"+quickstartRepository+"@"+tampered)
}

// revoke takes back the one signature that was made.
func (t *tour) revoke(ctx context.Context) error {
	out, err := t.quietly(ctx, "", "signer", "list-signing-jobs")
	if err != nil {
		return err
	}
	var list struct {
		Jobs []struct {
			JobID string `json:"jobId"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Jobs) != 1 {
		return fmt.Errorf("want one signing job, got %q, %v", out, err)
	}
	if _, err := t.do(ctx, "", "signer", "revoke-signature", "--job-id", list.Jobs[0].JobID, "--reason", "quickstart"); err != nil {
		return err
	}
	return t.refused(ctx, t.image)
}

// refused runs verify and insists that it fails.
func (t *tour) refused(ctx context.Context, image string) error {
	if _, err := t.do(ctx, "", "verify", image); err == nil {
		return errors.New("the image was verified, and should have been refused")
	}
	fmt.Fprintf(t.out, "    Refused, as it should be.\n")
	return nil
}

// do runs one of our own verbs, shows it as it would be typed, and shows what it
// says. It returns its standard output.
func (t *tour) do(ctx context.Context, stdin string, args ...string) (string, error) {
	fmt.Fprintf(t.out, "  $ sealwright %s\n", strings.Join(args, " "))
	var said bytes.Buffer
	out, err := run(ctx, IO{In: strings.NewReader(stdin), Err: &said}, args)
	said.WriteString(out)
	if err != nil {
		fmt.Fprintf(&said, "Error: %v\n", err)
	}
	for line := range strings.Lines(said.String()) {
		fmt.Fprintf(t.out, "    %s\n", strings.TrimRight(line, "\n"))
	}
	return out, err
}

// quietly runs one of our own verbs and shows nothing.
func (t *tour) quietly(ctx context.Context, stdin string, args ...string) (string, error) {
	return run(ctx, IO{In: strings.NewReader(stdin), Err: io.Discard}, args)
}

func run(ctx context.Context, streams IO, args []string) (string, error) {
	var out bytes.Buffer
	streams.Out = &out
	root := New(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}
