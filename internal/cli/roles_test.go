package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealwright/sealwright/internal/cli"
)

// helper runs the credential helper in this process.
func helper(t *testing.T, action, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"/usr/local/bin/" + cli.CredentialHelperRole}
	if action != "" {
		args = append(args, action)
	}
	code := cli.Main(args, cli.IO{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr})
	return result{stdout.String(), stderr.String(), code}
}

func TestCredentialHelperProtocol(t *testing.T) {
	home(t)
	login := `{"ServerURL":"localhost:5000","Username":"AWS","Secret":"s3cret"}`
	for _, tt := range []struct {
		action, stdin, stdout string
		code                  int
	}{
		{"get", "localhost:5000", "credentials not found in native keychain\n", 1},
		{"list", "", "{}\n", 0},
		{"store", login, "", 0},
		{"get", "localhost:5000\n", login + "\n", 0},
		{"list", "", `{"localhost:5000":"AWS"}` + "\n", 0},
		{"store", strings.Replace(login, "s3cret", "new", 1), "", 0},
		{"get", "localhost:5000", strings.Replace(login, "s3cret", "new", 1) + "\n", 0},
		{"get", "", "no credentials server URL\n", 1},
		{"erase", "", "no credentials server URL\n", 1},
		{"store", `{"Username":"AWS","Secret":"s"}`, "no credentials server URL\n", 1},
		{"store", `{"ServerURL":"localhost:5000","Secret":"s"}`, "no credentials username\n", 1},
		{"erase", "localhost:5000", "", 0},
		{"erase", "localhost:5000", "", 0},
		{"get", "localhost:5000", "credentials not found in native keychain\n", 1},
	} {
		if got := helper(t, tt.action, tt.stdin); got.stdout != tt.stdout || got.code != tt.code || got.stderr != "" {
			t.Errorf("%s %q: %+v, want %d %q", tt.action, tt.stdin, got, tt.code, tt.stdout)
		}
	}
	for _, action := range []string{"", "destroy"} {
		if got := helper(t, action, ""); got.code != 1 || !strings.Contains(got.stdout, "usage: ") {
			t.Errorf("%q: %+v", action, got)
		}
	}
	if got := helper(t, "store", `{"ServerURL":"h","Username":"u","Secret":"s3cret"`); got.code != 1 || strings.Contains(got.stdout, "s3cret") {
		t.Errorf("broken login: %+v", got)
	}
	if got := helper(t, "get", strings.Repeat("x", 2<<20)); got.code != 1 || !strings.Contains(got.stdout, "too long") {
		t.Errorf("endless request: %d", got.code)
	}
}

func TestHelperAndLoginShareTheirLogins(t *testing.T) {
	notation := home(t)
	host, digest, password := service(t)
	stored, err := json.Marshal(map[string]string{"ServerURL": host, "Username": "AWS", "Secret": password})
	if err != nil {
		t.Fatal(err)
	}
	if got := helper(t, "store", string(stored)); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	run(t, "", "list", host+"/app@"+digest).ok(t)
	write(t, filepath.Join(notation, "config.json"), []byte(`{"credsStore":"sealwright"}`))
	run(t, "", "list", host+"/app@"+digest).ok(t)
	run(t, "", "logout", host).ok(t)
	if got := helper(t, "get", host); got.code != 1 {
		t.Errorf("%+v", got)
	}
	if got := run(t, password, "login", "-u", "AWS", "--password-stdin", host).ok(t); got.stderr != "" {
		t.Errorf("our helper is configured, but login says %q", got.stderr)
	}
}

func TestPluginInstallSelf(t *testing.T) {
	notation := home(t)
	plugin := filepath.Join(notation, "plugins", "com.amazonaws.signer.notation.plugin", cli.PluginRole)
	if got := run(t, "", "plugin", "install", "--self").ok(t); !strings.HasPrefix(got.stdout, "Successfully installed plugin com.amazonaws.signer.notation.plugin, version 1.0.") {
		t.Errorf("%q", got.stdout)
	}
	for path, want := range map[string]os.FileMode{plugin: 0o755, filepath.Dir(plugin): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	cmd := exec.Command(plugin, "get-plugin-metadata")
	cmd.Stdin = strings.NewReader("{}")
	out, err := cmd.Output()
	var metadata struct{ Name, URL string }
	if err != nil || json.Unmarshal(out, &metadata) != nil || metadata.Name != "com.amazonaws.signer.notation.plugin" {
		t.Errorf("the installed plugin answers %s, %v", out, err)
	}
	run(t, "", "plugin", "install", "--self").ok(t)
	t.Setenv(foreign, "1")
	run(t, "", "plugin", "install", "--self").fails(t, "is another plugin: theirs, version 1.0.350", "--force")
	run(t, "", "plugin", "install", "--self", "--force").ok(t)
	write(t, plugin, []byte("no program"))
	run(t, "", "plugin", "install", "--self").fails(t, "does not answer as a plugin", "--force")
	if read(t, plugin) != "no program" {
		t.Error("a refused install replaced the file")
	}
	run(t, "", "plugin", "install", "--self", "--force").ok(t)
}

func TestPluginInstallSelfUsesLibexec(t *testing.T) {
	home(t)
	libexec := t.TempDir()
	t.Setenv("NOTATION_LIBEXEC", libexec)
	run(t, "", "plugin", "install", "--self").ok(t)
	if _, err := os.Stat(filepath.Join(libexec, "plugins", "com.amazonaws.signer.notation.plugin", cli.PluginRole)); err != nil {
		t.Error(err)
	}
}

// A role that waits for its input ends at the first signal: nothing else would
// end it.
func TestSignalEndsAWaitingRole(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home(t)
	for role, action := range map[string]string{cli.CredentialHelperRole: "store", cli.PluginRole: "verify-signature"} {
		cmd := exec.Command(self, action)
		cmd.Args[0] = role
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// More than a pipe holds: once it is written, the role is reading.
		if _, err := input.Write(bytes.Repeat([]byte(" "), 512<<10)); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
			t.Errorf("%s ended with %v", role, cmd.ProcessState)
		}
	}
}
