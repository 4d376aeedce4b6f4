package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"
	"oras.land/oras-go/v2/content"

	"github.com/sealwright/sealwright/internal/discovery/issuertest"
)

// TestScripts runs the scripts of testdata. Each has a home of its own. Beside
// the program under its three names they have these commands more:
//
//	service [flag...]	serve from $WORK/data and take up what `sealwright env` says
//	shutdown	end the service in peace
//	root ACCOUNT	take up an account's root access key
//	become USER	take up a new access key of an IAM user
//	await REGEXP VERB...	run a verb again and again until its output matches
//	issuer FILE...	put the host of the OpenID Connect issuer into files, for ISSUER_HOST
//	token FILE SUBJECT	write the issuer's token for a subject and sts.amazonaws.com
//	logged VAR	wait until the newest signing job is in the transparency log, and set VAR to it
//	push REPOSITORY:TAG VAR	push an image, as any OCI client would, and set VAR to its digest
func TestScripts(t *testing.T) {
	issuer := issuertest.New(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("PLUGIN", "com.amazonaws.signer.notation.plugin")
			env.Setenv("ISSUER", issuer.URL)
			env.Setenv("ISSUER_HOST", issuerHost(issuer))
			env.Values[serviceKey{}] = new(*service)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"service":  serviceCommand,
			"shutdown": shutdownCommand,
			"push":     pushCommand,
			"become":   becomeCommand,
			"root":     rootCommand,
			"logged":   loggedCommand,
			"await":    awaitCommand,
			"issuer":   func(ts *testscript.TestScript, neg bool, args []string) { issuerCommand(ts, neg, args, issuer) },
			"token":    func(ts *testscript.TestScript, neg bool, args []string) { tokenCommand(ts, neg, args, issuer) },
		},
	})
}

// serviceKey finds the service that a script has started.
type serviceKey struct{}

func serviceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! service")
	}
	s, err := launch(ts.MkAbs("data"), args...)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Defer(s.kill)
	*ts.Value(serviceKey{}).(**service) = s
	for name, value := range s.env {
		ts.Setenv(name, value)
	}
}

func shutdownCommand(ts *testscript.TestScript, neg bool, _ []string) {
	if neg {
		ts.Fatalf("unsupported: ! shutdown")
	}
	if err := (*ts.Value(serviceKey{}).(**service)).end(); err != nil {
		ts.Fatalf("%v", err)
	}
}

func rootCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: root ACCOUNT")
	}
	out, err := program(context.Background(), "sealwright", "env", "--data", ts.MkAbs("data"), "--account", args[0]).Output()
	ts.Check(err)
	for name, value := range exports(string(out)) {
		ts.Setenv(name, value)
	}
}

func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await REGEXP VERB...")
	}
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) {
		err = ts.Exec("sealwright", args[1:]...)
		if err == nil && wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("in vain: %v\n%s", err, ts.ReadFile("stdout"))
}

func becomeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: become USER")
	}
	create := program(context.Background(), "sealwright", "iam", "create-access-key", "--user-name", args[0])
	create.Env = []string{"HOME=" + ts.Getenv("HOME")}
	for name := range (*ts.Value(serviceKey{}).(**service)).env {
		create.Env = append(create.Env, name+"="+ts.Getenv(name))
	}
	out, err := create.Output()
	ts.Check(err)
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	ts.Check(json.Unmarshal(out, &made))
	ts.Setenv("AWS_ACCESS_KEY_ID", made.AccessKey.AccessKeyId)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", made.AccessKey.SecretAccessKey)
}

// issuerHost is what stands for an issuer in ARNs and condition keys.
func issuerHost(issuer *issuertest.Issuer) string { return strings.TrimPrefix(issuer.URL, "http://") }

func issuerCommand(ts *testscript.TestScript, neg bool, args []string, issuer *issuertest.Issuer) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: issuer FILE...")
	}
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "ISSUER_HOST", issuerHost(issuer))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func tokenCommand(ts *testscript.TestScript, neg bool, args []string, issuer *issuertest.Issuer) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: token FILE SUBJECT")
	}
	token := issuer.Token(time.Now(), map[string]any{"sub": args[1], "aud": "sts.amazonaws.com"})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(token), 0o600))
}

func pushCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: push REPOSITORY:TAG VARIABLE")
	}
	s := *ts.Value(serviceKey{}).(**service)
	name, tag, _ := strings.Cut(args[0], ":")
	digest, err := s.pushImage(context.Background(), name, tag)
	if err != nil {
		ts.Fatalf("push %s: %v", args[0], err)
	}
	ts.Setenv(args[1], digest)
}

// pushImage pushes an image whose content is its own name.
func (s *service) pushImage(ctx context.Context, name, tag string) (string, error) {
	r, err := s.openRepository(ctx, name)
	if err != nil {
		return "", err
	}
	layer := []byte(name + ":" + tag)
	d := content.NewDescriptorFromBytes(ocispec.MediaTypeImageLayer, layer)
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: d, Layers: []ocispec.Descriptor{d},
	})
	if err != nil {
		return "", err
	}
	if err := r.Push(ctx, d, bytes.NewReader(layer)); err != nil {
		return "", err
	}
	m := content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, manifest)
	return m.Digest.String(), r.PushReference(ctx, m, bytes.NewReader(manifest), tag)
}
