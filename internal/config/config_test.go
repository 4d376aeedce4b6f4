package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// load is what serve does with its command line.
func load(t *testing.T, file string, args ...string) (Config, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Default()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	read := c.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	err := read(path)
	return c, err
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := "region: eu-west-1\naccount: '000000000001'\nlisten: 127.0.0.1:1\nleaf-validity: 5h\npublic-url: [http://a, http://b]\n"
	t.Setenv("SEALWRIGHT_LISTEN", "127.0.0.1:2")
	t.Setenv("SEALWRIGHT_ACCOUNT", "000000000002")
	t.Setenv("SEALWRIGHT_PUBLIC_URL", "http://c")
	c, err := load(t, file, "--account=000000000003", "--trusted-proxy=10.0.0.0/8", "--trusted-proxy=::1", "--insecure-http")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Region, want.Listen, want.Account = "eu-west-1", "127.0.0.1:2", "000000000003"
	want.LeafValidity = 5 * time.Hour
	want.PublicURL = []string{"http://c"}
	want.TrustedProxy = []string{"10.0.0.0/8", "::1"}
	want.InsecureHTTP = true
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestEveryFieldCanBeSetInEachWay(t *testing.T) {
	samples := map[string]string{"bool": "true", "number": "17", "int": "17", "duration": "9h", "strings": "http://x,http://y", "string": "words"}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c := Default()
	c.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		sample, ok := samples[f.Value.Type()]
		if !ok || f.Usage == "" {
			t.Fatalf("%s: no sample for type %q, or no usage", f.Name, f.Value.Type())
		}
		if sample == f.DefValue {
			sample = "false" // the other boolean
		}
		t.Run(f.Name, func(t *testing.T) {
			byFlag, err := load(t, "", "--"+f.Name+"="+sample)
			if err != nil {
				t.Fatal(err)
			}
			text := sample
			if f.Value.Type() == "strings" {
				text = "[" + sample + "]"
			}
			byFile, err := load(t, f.Name+": "+text+"\n")
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv(Variable(f.Name), sample)
			byEnvironment, err := load(t, "")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(byFlag, byFile) || !reflect.DeepEqual(byFlag, byEnvironment) {
				t.Errorf("flag %+v\nfile %+v\nenvironment %+v", byFlag, byFile, byEnvironment)
			}
			if reflect.DeepEqual(byFlag, Default()) {
				t.Error("setting it changed nothing")
			}
		})
	})
}

func TestMistakesAreNamed(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"unknown key", "publik-url: [http://a]", nil, "publik-url"},
		{"bad yaml", "region: [", nil, "config.yaml"},
		{"bad duration", "", []string{"--leaf-validity=soon"}, "leaf-validity"},
		{"short leaf", "", []string{"--leaf-validity=1m"}, "leaf-validity: 1m0s: want 1h to 240h"},
		{"account", "", []string{"--account=12"}, "account: \"12\" is not an account ID"},
		{"region", "", []string{"--region=US East"}, "region: \"US East\""},
		{"plain HTTP beyond loopback", "", []string{"--listen=0.0.0.0:5000"}, "--insecure-http"},
		{"every interface", "", []string{"--listen=:5000"}, "--insecure-http"},
		{"no port", "", []string{"--listen=localhost"}, "want host:port"},
		{"half of TLS", "", []string{"--tls-cert=a"}, "give both"},
		{"URL with a path", "", []string{"--public-url=https://a/b"}, "public-url"},
		{"URL without a scheme", "", []string{"--public-url=a.example"}, "public-url"},
		{"proxy", "", []string{"--trusted-proxy=nginx"}, "trusted-proxy: \"nginx\""},
		{"no data", "", []string{"--data="}, "data: name a directory"},
		{"no time for an upload", "", []string{"--upload-idle=1s"}, "upload-idle"},
		{"no time for a blob", "", []string{"--blob-grace=1s"}, "blob-grace"},
		{"no time between collections", "", []string{"--collect-interval=1ms"}, "collect-interval"},
		{"no time to wait", "", []string{"--waiting-referrers=1s"}, "waiting-referrers"},
		{"no upload", "", []string{"--max-upload=0"}, "max-upload"},
		{"no uploads", "", []string{"--max-uploads=0"}, "max-uploads"},
		{"no time for a header", "", []string{"--header-timeout=0s"}, "header-timeout"},
		{"no time between requests", "", []string{"--idle-timeout=0s"}, "idle-timeout"},
		{"no memory for reads", "", []string{"--read-cache=0"}, "read-cache"},
		{"log of nothing known", "", []string{"--access-log=some"}, "access-log: \"some\""},
		{"small audit file", "", []string{"--audit-file-size=1"}, "audit-file-size"},
		{"no time for an audit file", "", []string{"--audit-file-age=1s"}, "audit-file-age"},
		{"audit files kept for no time", "", []string{"--audit-file-keep=-1h"}, "audit-file-keep"},
		{"audit may not be behind", "", []string{"--audit-max-entries=0"}, "audit-max-entries"},
		{"audit may not be late", "", []string{"--audit-max-lag=1s"}, "audit-max-lag"},
		{"reads of nothing known", "", []string{"--audit-reads=some"}, "audit-reads: \"some\""},
		{"no rate", "", []string{"--audit-rate=0"}, "audit-rate"},
		{"journal kept for no time", "", []string{"--journal-keep=1h"}, "journal-keep"},
		{"journal's reads kept for no time", "", []string{"--journal-keep-reads=1h"}, "journal-keep-reads"},
		{"reads kept longer than changes", "", []string{"--journal-keep=48h"}, "journal-keep-reads"},
		{"keys of no issuer", "", []string{"--oidc-keys=keys.json"}, `oidc-keys: "keys.json": want ISSUER=FILE`},
		{"keys in no file", "", []string{"--oidc-keys=https://a.example="}, "want ISSUER=FILE"},
		{"keys of an issuer that is no URL", "", []string{"--oidc-keys=a.example=keys.json"}, "want ISSUER=FILE"},
		{"keys of an issuer without a host", "", []string{"--oidc-keys=https://=keys.json"}, "want ISSUER=FILE"},
		{"keys of an issuer over something else", "", []string{"--oidc-keys=file://a/b=keys.json"}, "want ISSUER=FILE"},
		{"keys given twice", "", []string{"--oidc-keys=https://a.example=a.json", "--oidc-keys=https://a.example=b.json"}, "each issuer once"},
		{"log format", "", []string{"--log-format=xml"}, "log-format: \"xml\""},
		{"admin without a port", "", []string{"--admin-listen=localhost"}, "admin-listen"},
		{"admin for strangers", "", []string{"--admin-listen=:5001", "--insecure-http"}, "--admin-token-file"},
		{"admin's token on a plain network", "", []string{"--admin-listen=0.0.0.0:5001", "--admin-token-file=a"}, "--insecure-http"},
		{"a token for nobody", "", []string{"--admin-token-file=a"}, "admin-token-file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(t, tt.file, tt.args...)
			if err == nil {
				err = c.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestGoodSettings(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"--listen=127.0.0.1:0"}, {"--listen=[::1]:0"},
		{"--listen=:0", "--insecure-http"},
		{"--listen=:443", "--tls-cert=a", "--tls-key=b"},
		{"--public-url=https://registry.example.com", "--trusted-proxy=10.0.0.1"},
		{"--admin-listen=localhost:5001"}, {"--admin-listen=[::1]:0", "--admin-token-file=a"},
		{"--admin-listen=:5001", "--admin-token-file=a", "--insecure-http"},
		{"--access-log=off", "--log-format=json"},
		{"--oidc-keys=https://a.example=a=b.json", "--oidc-keys=https://a.example/path=b.json"},
	} {
		c, err := load(t, "", args...)
		if err == nil {
			err = c.Validate()
		}
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}
