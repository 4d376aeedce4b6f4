package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/peertest"
)

const (
	region  = "us-east-1"
	account = "111122223333"
)

// service is the program, serving in a process of its own.
type service struct {
	t         *testing.T // nil for a script's
	dir       string
	url       string // as `env` gives it
	host      string // host:port of it
	listening string // host:port of the process
	next      string // the banner's command to type next
	env       map[string]string
	command   *exec.Cmd
	output    *output
}

// output is what a process says, also while it runs.
type output struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said.String()
}

// program is this test binary as the program, under a name that picks the role.
func program(ctx context.Context, name string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Args[0] = name
	return c
}

// start serves from dir and waits until it answers. The process ends with the
// test at the latest.
func start(t *testing.T, dir string, args ...string) *service {
	t.Helper()
	s, err := launch(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(s.kill)
	return s
}

// launch is start for where there is no test yet.
func launch(dir string, args ...string) (*service, error) {
	s := &service{dir: dir, output: &output{}}
	s.command = program(context.Background(), "sealwright", append([]string{"serve", "--data", dir, "--listen", "localhost:0"}, args...)...)
	s.command.Stderr = s.output
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.readBanner(stdout)
	if err := s.ready(); err != nil {
		s.kill()
		return nil, fmt.Errorf("%w\n%s", err, s.output)
	}
	return s, nil
}

// readBanner reads up to what to type next, and keeps the pipe empty after that.
func (s *service) readBanner(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	for s.next == "" && lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if address, ok := strings.CutPrefix(line, "Listening "); ok {
			s.listening = address
		}
		if strings.HasPrefix(line, "eval ") {
			s.next = line
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
}

// ready reads the environment and waits for the service to answer.
func (s *service) ready() error {
	if s.listening == "" {
		return errors.New("the service did not start")
	}
	out, err := program(context.Background(), "sealwright", append([]string{"env", "--data", s.dir}, dataFlags(s.command.Args)...)...).Output()
	if err != nil {
		return fmt.Errorf("env: %w", err)
	}
	s.env = exports(string(out))
	s.url, s.host = s.env["AWS_ENDPOINT_URL"], s.env["SEALWRIGHT_REGISTRY"]
	return awaitHealth(http.DefaultClient, "http://"+s.listening)
}

// exports are the variables that `env` prints.
func exports(script string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(script) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(v, "=")
			all[name] = strings.Trim(value, "'")
		}
	}
	return all
}

// dataFlags are those of serve's flags that `env` needs too.
func dataFlags(args []string) (flags []string) {
	for i, arg := range args {
		if arg == "--database" || arg == "--key-file" || arg == "--key-passphrase-file" {
			flags = append(flags, arg, args[i+1])
		}
	}
	return flags
}

// awaitHealth waits for a service to answer at a URL, a minute at most.
func awaitHealth(web *http.Client, url string) (err error) {
	for range 6000 {
		var response *http.Response
		if response, err = web.Get(url + "/healthz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s: %s", url, response.Status)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// kill ends the process as a power cut would.
func (s *service) kill() {
	if s.command.ProcessState == nil {
		s.command.Process.Kill()
		s.command.Wait()
	}
}

// end asks the process to end and insists that it does so in peace.
func (s *service) end() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("stop: %w\n%s", err, s.output)
	}
	return nil
}

func (s *service) stop() {
	s.t.Helper()
	if err := s.end(); err != nil {
		s.t.Fatal(err)
	}
}

// environ is the environment of a client of the service, with a home of its own.
func (s *service) environ(home string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home + "/.config"}
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

func (s *service) aws() aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: &s.url,
		Credentials:  credentials.NewStaticCredentialsProvider(s.env["AWS_ACCESS_KEY_ID"], s.env["AWS_SECRET_ACCESS_KEY"], ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:   peertest.SDKClient(),
	}
}

func (s *service) signer() *signer.Client { return signer.NewFromConfig(s.aws()) }

func (s *service) ecr() *ecr.Client { return ecr.NewFromConfig(s.aws()) }

// createRepository makes a repository and returns it as an OCI client sees it.
func (s *service) createRepository(name string) *orasremote.Repository {
	s.t.Helper()
	if _, err := s.ecr().CreateRepository(s.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		s.t.Fatal(err)
	}
	return s.repository(name)
}

func (s *service) repository(name string) *orasremote.Repository {
	s.t.Helper()
	r, err := s.openRepository(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// openRepository is a repository as an OCI client sees it.
func (s *service) openRepository(ctx context.Context, name string) (*orasremote.Repository, error) {
	password, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	r, err := orasremote.NewRepository(s.host + "/" + name)
	if err != nil {
		return nil, err
	}
	r.PlainHTTP = true
	r.Client = &auth.Client{Credential: auth.StaticCredential(s.host, auth.Credential{Username: "AWS", Password: password})}
	return r, nil
}

// token is a password for the registry.
func (s *service) token(ctx context.Context) (string, error) {
	out, err := s.ecr().GetAuthorizationToken(ctx, nil)
	if err != nil {
		return "", err
	}
	decoded, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		return "", err
	}
	password, ok := strings.CutPrefix(string(decoded), "AWS:")
	if !ok {
		return "", fmt.Errorf("the token %q is not for the user AWS", decoded)
	}
	return password, nil
}

// password is a registry token.
func (s *service) password() string {
	s.t.Helper()
	password, err := s.token(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return password
}

func profileARN(name string) string {
	return fmt.Sprintf("arn:aws:signer:%s:%s:/signing-profiles/%s", region, account, name)
}
