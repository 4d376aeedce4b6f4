package peers

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/log"
)

// program is the path of the program that is tested.
var program string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "sealwright-peers-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := log.SetLevel("error"); err != nil { // containerd's: it warns of each file system
		return 0, err
	}
	program = filepath.Join(dir, "sealwright")
	build := exec.Command("go", "build", "-o", program, "./cmd/sealwright")
	build.Dir = ".." // the program's module
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// service is the program, serving on a port of its own until the test ends.
type service struct {
	t        *testing.T
	env      []string
	host     string // localhost and the port
	password string // of the user AWS
}

// serve starts the program with an empty data directory.
func serve(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, env: environment(t.TempDir())}
	data := filepath.Join(t.TempDir(), "data")
	serve := s.command("serve", "--data", data, "--listen", "localhost:0")
	var log bytes.Buffer
	serve.Stderr = &log
	banner, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, serve) })
	if err := awaitBanner(banner); err != nil {
		serve.Process.Kill()
		serve.Wait()
		t.Fatalf("%v\n%s", err, &log)
	}
	s.connect(data)
	return s
}

// environment is that of the test without its AWS, sealwright and proxy
// settings, with another home.
func environment(home string) []string {
	env := []string{"HOME=" + home}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "PATH" || name == "TMPDIR" {
			env = append(env, v)
		}
	}
	return env
}

// awaitBanner reads what serve prints up to the command to type next: the
// service answers then. The rest is read and forgotten.
func awaitBanner(out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "eval ") {
			go io.Copy(io.Discard, out)
			return nil
		}
	}
	return errors.New("the service did not start")
}

// stop ends the program as an operator would. It must end well, and soon.
func stop(t *testing.T, serve *exec.Cmd) {
	serve.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(30*time.Second, func() { serve.Process.Kill() })
	defer late.Stop()
	if err := serve.Wait(); err != nil {
		t.Errorf("the service ended with %v", err)
	}
}

// connect takes over what `env` exports, and gets a password.
func (s *service) connect(data string) {
	s.t.Helper()
	for line := range strings.Lines(s.run("env", "--data", data)) {
		assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
		if name, value, has := strings.Cut(assignment, "="); ok && has {
			value = strings.Trim(value, "'")
			s.env = append(s.env, name+"="+value)
			if name == "AWS_ENDPOINT_URL" {
				s.host = strings.TrimPrefix(value, "http://")
			}
		}
	}
	s.password = strings.TrimSpace(s.run("ecr", "get-login-password"))
}

func (s *service) command(args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Env = s.env
	return c
}

// run runs one of the program's verbs and returns what it prints.
func (s *service) run(args ...string) string {
	s.t.Helper()
	c := s.command(args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// repository creates a repository, as ECR wants before a push, and returns the
// name by which clients call it.
func (s *service) repository(name string) string {
	s.t.Helper()
	s.run("ecr", "create-repository", "--repository-name", name)
	return s.host + "/" + name
}
