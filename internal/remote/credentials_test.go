package remote_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/remote"
)

// helperName is the credential helper these tests run: the test program itself,
// which knows one login.
const helperName = "docker-credential-testing"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == helperName {
		os.Exit(actAsHelper(os.Args[1]))
	}
	os.Exit(m.Run())
}

// actAsHelper answers "get" for every server whose name says it is kept by a
// helper, and notes what else it was asked for in the file $HELPER_LOG.
func actAsHelper(action string) int {
	var input strings.Builder
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		input.WriteString(lines.Text())
	}
	if action != "get" {
		f, err := os.OpenFile(os.Getenv("HELPER_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		fmt.Fprintln(f, action, input.String())
		f.Close()
		return 0
	}
	if !strings.HasPrefix(input.String(), "helped") {
		fmt.Println("credentials not found in native keychain")
		return 1
	}
	fmt.Printf(`{"ServerURL":%q,"Username":"from-helper","Secret":"s"}`, input.String())
	return 0
}

// home makes an empty home directory, a PATH on which only our helper is, and
// returns the directory and the helper's log.
func home(t *testing.T) (dir, log string) {
	t.Helper()
	dir = t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, helperName)); err != nil {
		t.Fatal(err)
	}
	log = filepath.Join(dir, "helper.log")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
	t.Setenv("PATH", bin)
	t.Setenv("HELPER_LOG", log)
	return dir, log
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// plaintext is the "auths" of a configuration file with one login, p:q.
func plaintext(server string) string { return fmt.Sprintf(`{"auths":{%q:{"auth":"cDpx"}}}`, server) }

func TestWhereALoginIsFound(t *testing.T) {
	const own = "from-own-file"
	for _, tt := range []struct {
		name, notation, docker, server, want string
	}{
		{"our own file, without any configuration", "", "", "plain:5000", own},
		{"our own file before what is in the clear", plaintext("plain:5000"), "", "plain:5000", own},
		{"in the clear, for want of better", plaintext("other:5000"), "", "other:5000", "p"},
		{"Docker's, if Notation's says nothing", `{"signatureFormat":"jws"}`, plaintext("other:5000"), "other:5000", "p"},
		{"not Docker's, if Notation's says something", plaintext("third:1"), plaintext("other:5000"), "other:5000", ""},
		{"the helper for all servers", `{"credsStore":"testing"}`, "", "helped:1", "from-helper"},
		{"the helper for one server", "", `{"credHelpers":{"helped:1":"testing"}}`, "helped:1", "from-helper"},
		{"our own file, if the helper has none", `{"credsStore":"testing"}`, "", "plain:5000", own},
		{"our own file as the helper, which is not run", `{"credsStore":"sealwright"}`, "", "plain:5000", own},
		{"nowhere", "", "", "unknown:1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := home(t)
			notation := filepath.Join(dir, "notation.json")
			if tt.notation != "" {
				write(t, notation, tt.notation)
			}
			if tt.docker != "" {
				write(t, filepath.Join(dir, "docker", "config.json"), tt.docker)
			}
			file, err := remote.UserCredentialFile()
			if err != nil {
				t.Fatal(err)
			}
			if err := file.Set("plain:5000", remote.Login{Username: own, Secret: "s"}); err != nil {
				t.Fatal(err)
			}
			found, err := remote.FindCredentials(notation)
			if err != nil {
				t.Fatal(err)
			}
			got, err := found.Get(context.Background(), tt.server)
			if err != nil || got.Username != tt.want {
				t.Errorf("got %q, %v, want %q", got.Username, err, tt.want)
			}
		})
	}
}

func TestWhereALoginIsKept(t *testing.T) {
	dir, log := home(t)
	notation := filepath.Join(dir, "notation.json")
	write(t, notation, `{"credHelpers":{"helped:1":"testing"}}`)
	found, err := remote.FindCredentials(notation)
	if err != nil {
		t.Fatal(err)
	}
	file, _ := remote.UserCredentialFile()
	if err := file.Set("helped:1", remote.Login{Username: "stale", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	for _, server := range []string{"helped:1", "plain:2"} {
		if err := found.Put(context.Background(), server, auth.Credential{Username: "AWS", Password: "secret"}); err != nil {
			t.Fatal(err)
		}
	}
	if asked, _ := os.ReadFile(log); !strings.Contains(string(asked), `"Username":"AWS"`) {
		t.Errorf("the helper was not told: %q", asked)
	}
	users, err := file.List()
	if err != nil || len(users) != 1 || users["plain:2"] != "AWS" {
		t.Errorf("own file has %v, %v; want plain:2 alone", users, err)
	}
	if found.KeptIn("helped:1") != "" || found.KeptIn("plain:2") != file.Path() {
		t.Errorf("KeptIn: %q, %q", found.KeptIn("helped:1"), found.KeptIn("plain:2"))
	}
}

func TestLogoutForgetsEverywhere(t *testing.T) {
	dir, _ := home(t)
	notation := filepath.Join(dir, "notation.json")
	write(t, notation, plaintext("host:1"))
	file, _ := remote.UserCredentialFile()
	if err := file.Set("host:1", remote.Login{Username: "own", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	found, err := remote.FindCredentials(notation)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Delete(context.Background(), "host:1"); err != nil {
		t.Fatal(err)
	}
	if found, err = remote.FindCredentials(notation); err != nil {
		t.Fatal(err)
	}
	if got, err := found.Get(context.Background(), "host:1"); err != nil || got != auth.EmptyCredential {
		t.Errorf("still there: %v, %v", got.Username, err)
	}
}

func TestATokenWithoutAUserKeepsItsKind(t *testing.T) {
	home(t)
	file, _ := remote.UserCredentialFile()
	token := auth.Credential{RefreshToken: "token"}
	if err := file.Put(context.Background(), "host:1", token); err != nil {
		t.Fatal(err)
	}
	if got, err := file.Get(context.Background(), "host:1"); err != nil || got != token {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTheFileIsTheOwnersAlone(t *testing.T) {
	home(t)
	file, _ := remote.UserCredentialFile()
	if err := file.Set("host:1", remote.Login{Username: "u", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file.Path(), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := file.Find("host:1"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file others can read was used: %v", err)
	}
	if err := file.Set("host:2", remote.Login{}); err == nil {
		t.Error("a file others can read was written")
	}
}

func TestErrorsTellNoSecret(t *testing.T) {
	home(t)
	file, _ := remote.UserCredentialFile()
	for _, content := range []string{`{"version":1,"logins":{"h":{"secret":"hunter2"`, `"hunter2"`, `{"version":2,"logins":{"h":{"secret":"hunter2"}}}`} {
		write(t, file.Path(), content)
		_, _, err := file.Find("h")
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", content, err)
		}
		if err := file.Set("h", remote.Login{}); err == nil {
			t.Errorf("%s: overwritten", content)
		}
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	home(t)
	file, _ := remote.UserCredentialFile()
	var wg sync.WaitGroup
	const writers = 16
	for i := range writers {
		wg.Go(func() {
			if err := file.Set(fmt.Sprintf("host:%d", i), remote.Login{Username: "u", Secret: "s"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if users, err := file.List(); err != nil || len(users) != writers {
		t.Errorf("%d logins, %v; want %d", len(users), err, writers)
	}
}

func FuzzCredentialFile(f *testing.F) {
	good, _ := json.Marshal(map[string]any{"version": 1, "logins": map[string]any{"h": map[string]string{"username": "u", "secret": "s"}}})
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"logins":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir())
		file, err := remote.UserCredentialFile()
		if err != nil {
			t.Fatal(err)
		}
		write(t, file.Path(), string(data))
		if _, err := file.List(); err != nil {
			return
		}
		if err := file.Set("added:1", remote.Login{Username: "u", Secret: "s"}); err != nil {
			t.Fatalf("read but not changed: %v", err)
		}
		if login, ok, err := file.Find("added:1"); !ok || err != nil || login.Secret != "s" {
			t.Fatalf("not found again: %v, %v", ok, err)
		}
	})
}
