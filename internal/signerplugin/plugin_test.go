package signerplugin_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/testhelper"
	"github.com/notaryproject/notation-go/dir"
	notationplugin "github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/plugin/proto"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/sealwright/sealwright/internal/signerplugin"
)

// The test program is also the plugin, under the plugin's name.
const program = "notation-" + signerplugin.Name

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == program {
		if err := signerplugin.Execute(context.Background(), signerplugin.New("test/1"), os.Args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	profile        = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/ecr_signing_profile"
	profileVersion = profile + "/aBcDeF0123"
	job            = "arn:aws:signer:us-east-1:111122223333:/signing-jobs/7e8c1c2c-3a76-4a5e-b18a-0c7e7f8e3c9a"
	payloadType    = "application/vnd.cncf.notary.payload.v1+json"
)

// environment leaves no AWS configuration but region and key.
func environment(t *testing.T) {
	t.Helper()
	empty := t.TempDir()
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": filepath.Join(empty, "c"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(empty, "s"),
		"AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_SIGNER": "", "AWS_DEFAULT_REGION": "", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}

// answer starts a service that answers everything with status and body, and
// points the environment at it. It stands in for the Signer API's errors only.
func answer(t *testing.T, status int, errorType, body string) {
	t.Helper()
	environment(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-RequestId", "req-1")
		if errorType != "" {
			w.Header().Set("X-Amzn-ErrorType", errorType)
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
}

func signRequest() *plugin.GenerateEnvelopeRequest {
	return &plugin.GenerateEnvelopeRequest{
		ContractVersion: "1.0", KeyID: profile, PayloadType: payloadType,
		SignatureEnvelopeType: "application/jose+json", Payload: []byte("{}"),
	}
}

func verifyRequest(capabilities ...plugin.Capability) *plugin.VerifySignatureRequest {
	at, until := time.Date(2026, 11, 21, 20, 42, 13, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	var chain [][]byte
	for _, c := range certificates() {
		chain = append(chain, c.Raw)
	}
	return &plugin.VerifySignatureRequest{
		ContractVersion: "1.0",
		Signature: plugin.Signature{
			CriticalAttributes: plugin.CriticalAttributes{
				ContentType: payloadType, SigningScheme: "notary.x509.signingAuthority",
				AuthenticSigningTime: &at, Expiry: &until,
				ExtendedAttributes: map[string]any{
					"com.amazonaws.signer.signingProfileVersion": profileVersion,
					"com.amazonaws.signer.signingJob":            job,
				},
			},
			UnprocessedAttributes: []string{"com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob"},
			CertificateChain:      chain,
		},
		TrustPolicy: plugin.TrustPolicy{TrustedIdentities: []string{profile}, SignatureVerification: capabilities},
	}
}

func certificates() []*x509.Certificate {
	return []*x509.Certificate{testhelper.GetRSALeafCertificate().Cert, testhelper.GetRSARootCertificate().Cert}
}

func TestServiceErrorsKeepTheirMeaningAndWords(t *testing.T) {
	const denied = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: signer:SignPayload on resource: " + profile + " because no identity-based policy allows the signer:SignPayload action"
	for _, tt := range []struct {
		name    string
		status  int
		message string
		want    plugin.ErrorCode
	}{
		{"ValidationException", 400, "m", plugin.ErrorCodeValidation},
		{"BadRequestException", 400, "m", plugin.ErrorCodeValidation},
		{"ResourceNotFoundException", 404, "m", plugin.ErrorCodeValidation},
		{"NotFoundException", 404, "m", plugin.ErrorCodeValidation},
		{"ThrottlingException", 429, "m", plugin.ErrorCodeThrottled},
		{"TooManyRequestsException", 429, "m", plugin.ErrorCodeThrottled},
		{"AccessDeniedException", 403, denied, plugin.ErrorCodeAccessDenied},
		{"InternalServiceErrorException", 500, "m", plugin.ErrorCodeGeneric},
		{"InvalidSignatureException", 403, "m", plugin.ErrorCodeGeneric},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer(t, tt.status, tt.name, fmt.Sprintf(`{"message":%q}`, tt.message))
			_, err := signerplugin.New("test/1").GenerateEnvelope(context.Background(), signRequest())
			var got *plugin.Error
			if !errors.As(err, &got) || got.ErrCode != tt.want {
				t.Fatalf("error %v, want code %s", err, tt.want)
			}
			if !strings.Contains(got.Message, tt.message) || !strings.Contains(got.Message, "req-1") {
				t.Errorf("message %q lacks the service's words or the request's ID", got.Message)
			}
		})
	}
}

func TestSlowServiceIsATimeout(t *testing.T) {
	answer(t, 200, "", "{}")
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	_, err := signerplugin.New("test/1").GenerateEnvelope(ctx, signRequest())
	var got *plugin.Error
	if !errors.As(err, &got) || got.ErrCode != plugin.ErrorCodeTimeout {
		t.Errorf("error %v", err)
	}
}

func TestSignRefusesBeforeAsking(t *testing.T) {
	environment(t)
	for name, tt := range map[string]struct {
		edit func(*testing.T, *plugin.GenerateEnvelopeRequest)
		want string
	}{
		"not an ARN": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) { r.KeyID = "my-key" }, "want arn:aws:signer:REGION"},
		"singular": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) {
			r.KeyID = strings.Replace(profile, "profiles", "profile", 1)
		}, "did you mean " + profile},
		"without slash": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) {
			r.KeyID = strings.Replace(profile, ":/", ":", 1)
		}, "did you mean " + profile},
		"a profile version": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) { r.KeyID = profileVersion }, "sign with the profile itself: " + profile},
		"another region": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) {
			r.KeyID = strings.Replace(profile, "us-east-1", "eu-west-1", 1)
		},
			"is in region eu-west-1, but the configured region is us-east-1"},
		"another service": {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) {
			r.KeyID = strings.Replace(profile, "signer", "kms", 1)
		}, "not the ARN of a signing profile"},
		"COSE":      {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) { r.SignatureEnvelopeType = "application/cose" }, "jws"},
		"expiry":    {func(_ *testing.T, r *plugin.GenerateEnvelopeRequest) { r.ExpiryDurationInSeconds = 60 }, "--expiry"},
		"no region": {func(t *testing.T, _ *plugin.GenerateEnvelopeRequest) { t.Setenv("AWS_REGION", "") }, "no AWS region is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			req := signRequest()
			tt.edit(t, req)
			_, err := signerplugin.New("test/1").GenerateEnvelope(context.Background(), req)
			var got *plugin.Error
			if !errors.As(err, &got) || got.ErrCode != plugin.ErrorCodeValidation || !strings.Contains(got.Message, tt.want) {
				t.Errorf("error %v, want VALIDATION_ERROR with %q", err, tt.want)
			}
		})
	}
}

func TestTrustedIdentity(t *testing.T) {
	for identity, want := range map[string]bool{
		profile:                  true,
		strings.ToUpper(profile): false, // an ARN begins with "arn"
		"arn:AWS:signer:US-EAST-1:111122223333:/signing-profiles/ECR_SIGNING_PROFILE": true,
		profileVersion:                true,
		profile + "/ABCDEF0123":       true,
		profile + "/other00000":       false,
		profile + "_two":              false,
		profile[:len(profile)-1]:      false,
		profile + "/":                 false,
		profileVersion + "/x":         false,
		"x509.subject: CN=AWS Signer": false,
		strings.Replace(profile, "111122223333", "444455556666", 1): false,
		strings.Replace(profile, "profiles", "profile", 1):          false,
	} {
		req := verifyRequest(plugin.CapabilityTrustedIdentityVerifier)
		req.TrustPolicy.TrustedIdentities = []string{"x509.subject: C=US", identity}
		resp, err := signerplugin.New("test/1").VerifySignature(context.Background(), req)
		if err != nil {
			t.Errorf("%s: %v", identity, err)
			continue
		}
		got := resp.VerificationResults[plugin.CapabilityTrustedIdentityVerifier]
		if got.Success != want {
			t.Errorf("%s: %+v", identity, got)
		}
		if !got.Success && !strings.Contains(got.Reason, profileVersion) {
			t.Errorf("%s: the reason does not say who signed: %s", identity, got.Reason)
		}
		if len(resp.ProcessedAttributes) != 2 || len(resp.VerificationResults) != 1 {
			t.Errorf("%s: response %+v", identity, resp)
		}
	}
}

func TestSingularIdentityIsHinted(t *testing.T) {
	req := verifyRequest(plugin.CapabilityTrustedIdentityVerifier)
	req.TrustPolicy.TrustedIdentities = []string{strings.Replace(profile, "profiles", "profile", 1)}
	resp, err := signerplugin.New("test/1").VerifySignature(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if reason := resp.VerificationResults[plugin.CapabilityTrustedIdentityVerifier].Reason; !strings.Contains(reason, "did you mean "+profile+"?") {
		t.Errorf("reason %q", reason)
	}
}

func TestVerifyRefusesWhatItCannotJudge(t *testing.T) {
	environment(t)
	for name, edit := range map[string]func(*plugin.VerifySignatureRequest){
		"wildcard":           func(r *plugin.VerifySignatureRequest) { r.TrustPolicy.TrustedIdentities = []string{"*"} },
		"another scheme":     func(r *plugin.VerifySignatureRequest) { r.Signature.CriticalAttributes.SigningScheme = "notary.x509" },
		"no time":            func(r *plugin.VerifySignatureRequest) { r.Signature.CriticalAttributes.AuthenticSigningTime = nil },
		"unknown capability": func(r *plugin.VerifySignatureRequest) { r.TrustPolicy.SignatureVerification = []plugin.Capability{"X"} },
		"no profile": func(r *plugin.VerifySignatureRequest) {
			delete(r.Signature.CriticalAttributes.ExtendedAttributes, "com.amazonaws.signer.signingProfileVersion")
		},
		"profile that is no text": func(r *plugin.VerifySignatureRequest) {
			r.Signature.CriticalAttributes.ExtendedAttributes["com.amazonaws.signer.signingProfileVersion"] = 7.0
		},
		"no job": func(r *plugin.VerifySignatureRequest) {
			delete(r.Signature.CriticalAttributes.ExtendedAttributes, "com.amazonaws.signer.signingJob")
		},
		"broken chain": func(r *plugin.VerifySignatureRequest) { r.Signature.CertificateChain = [][]byte{{1}} },
	} {
		t.Run(name, func(t *testing.T) {
			req := verifyRequest(plugin.CapabilityTrustedIdentityVerifier, plugin.CapabilityRevocationCheckVerifier)
			edit(req)
			_, err := signerplugin.New("test/1").VerifySignature(context.Background(), req)
			var got *plugin.Error
			if !errors.As(err, &got) || got.ErrCode != plugin.ErrorCodeValidation {
				t.Errorf("error %v, want VALIDATION_ERROR", err)
			}
		})
	}
}

func TestRevocationAsksAboutTheWholeChain(t *testing.T) {
	environment(t)
	var asked []string
	var query map[string][]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query()
		asked = query["certificateHashes"]
		w.Write([]byte(`{"revokedEntities":[]}`))
	}))
	defer server.Close()
	req := verifyRequest(plugin.CapabilityRevocationCheckVerifier)
	req.PluginConfig = map[string]string{"aws-signer-endpoint-url": server.URL, "aws-region": "us-east-1"}
	resp, err := signerplugin.New("test/1").VerifySignature(context.Background(), req)
	if err != nil || !resp.VerificationResults[plugin.CapabilityRevocationCheckVerifier].Success {
		t.Fatalf("%+v, %v", resp, err)
	}
	// The SDK sorts the values of a repeated key before it signs the query.
	want := wantHashes(certificates())
	slices.Sort(asked)
	slices.Sort(want)
	if !slices.Equal(asked, want) {
		t.Errorf("asked about\n%v, want\n%v", asked, want)
	}
	for name, want := range map[string]string{"jobArn": job, "profileVersionArn": profileVersion, "platformId": "Notation-OCI-SHA384-ECDSA", "signatureTimestamp": "2026-11-21T20:42:13Z"} {
		if got := query[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %v, want %s", name, got, want)
		}
	}
}

// wantHashes is the recipe of the service's model, written out for a chain of
// two.
func wantHashes(chain []*x509.Certificate) []string {
	hash := func(c *x509.Certificate) string {
		sum := sha512.Sum384(c.RawTBSCertificate)
		return hex.EncodeToString(sum[:])
	}
	leaf, root := hash(chain[0]), hash(chain[1])
	return []string{leaf + root, root + root}
}

func TestRevocationTellsRevokedFromUnknown(t *testing.T) {
	leaf := wantHashes(certificates())[0]
	for _, tt := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"job", `{"revokedEntities":["` + job + `"]}`, 200, []string{"Resource(s) " + job + " have been revoked."}},
		{"certificate", `{"revokedEntities":["` + strings.ToUpper(leaf) + `"]}`, 200, []string{"Certificate(s) have been revoked", "signing certificate"}},
		{"an empty answer", ``, 200, []string{"could not find out", "no revokedEntities"}},
		{"another answer", `{"status":"ok"}`, 200, []string{"could not find out", "no revokedEntities"}},
		{"no list", `{"revokedEntities":null}`, 200, []string{"could not find out", "no revokedEntities"}},
		{"both", `{"revokedEntities":["` + profileVersion + `","` + leaf + `"]}`, 200, []string{profileVersion, "Certificate(s)"}},
		{"refused", `{"message":"no"}`, 403, []string{"could not find out", "AccessDeniedException: no"}},
		{"garbage", `<html>`, 200, []string{"could not find out"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			errorType := ""
			if tt.status != 200 {
				errorType = "AccessDeniedException"
			}
			answer(t, tt.status, errorType, tt.body)
			checkRevocation(t, tt.want)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		environment(t)
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
		checkRevocation(t, []string{"could not find out", "127.0.0.1:1"})
	})
	t.Run("no region", func(t *testing.T) {
		environment(t)
		t.Setenv("AWS_REGION", "")
		checkRevocation(t, []string{"could not find out", "AWS_REGION"})
	})
}

func checkRevocation(t *testing.T, want []string) {
	t.Helper()
	resp, err := signerplugin.New("test/1").VerifySignature(context.Background(), verifyRequest(plugin.CapabilityRevocationCheckVerifier))
	if err != nil {
		t.Fatal(err)
	}
	got := resp.VerificationResults[plugin.CapabilityRevocationCheckVerifier]
	if got.Success {
		t.Errorf("passed: %+v", got)
	}
	for _, text := range want {
		if !strings.Contains(got.Reason, text) {
			t.Errorf("reason %q lacks %q", got.Reason, text)
		}
	}
}

// install puts the test program where notation-go looks for the plugin.
func install(t *testing.T) dir.SysFS {
	t.Helper()
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, signerplugin.Name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(root, signerplugin.Name, program)); err != nil {
		t.Fatal(err)
	}
	return dir.NewSysFS(root)
}

func TestNotationRunsTheProgram(t *testing.T) {
	answer(t, 403, "AccessDeniedException", `{"message":"not you"}`)
	ctx := context.Background()
	found, err := notationplugin.NewCLIManager(install(t)).Get(ctx, signerplugin.Name)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := found.GetMetadata(ctx, &plugin.GetMetadataRequest{})
	if err != nil || metadata.Version != signerplugin.Version || !metadata.HasCapability(plugin.CapabilityEnvelopeGenerator) {
		t.Fatalf("metadata %+v, %v", metadata, err)
	}
	outside, outsideErr := found.GenerateEnvelope(ctx, signRequest())
	manager := signerplugin.NewManager(signerplugin.New("test/1"), notationplugin.NewCLIManager(dir.NewSysFS(t.TempDir())))
	inside, err := manager.Get(ctx, signerplugin.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, insideErr := inside.GenerateEnvelope(ctx, signRequest())
	var a, b proto.RequestError
	if !errors.As(outsideErr, &a) || !errors.As(insideErr, &b) || a.Code != plugin.ErrorCodeAccessDenied || !a.Is(b) {
		t.Errorf("as a program %v (%+v), in process %v: want the same", outsideErr, outside, insideErr)
	}
}

func TestTheContractOverStandardInput(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	environment(t)
	wrongContract, _ := json.Marshal(func() any { r := signRequest(); r.ContractVersion = "2.0"; return r }())
	for _, tt := range []struct{ command, input, want string }{
		{"generate-envelope", `{`, "VALIDATION_ERROR"},
		{"generate-envelope", `{}`, "VALIDATION_ERROR"},
		{"generate-envelope", string(wrongContract), "UNSUPPORTED_CONTRACT_VERSION"},
		{"verify-signature", `[]`, "VALIDATION_ERROR"},
		{"get-plugin-metadata", `{"pluginConfig":{"k":"` + strings.Repeat("x", 5<<20) + `"}}`, "VALIDATION_ERROR"},
	} {
		cmd := exec.Command(self, tt.command)
		cmd.Args[0] = program
		cmd.Stdin = strings.NewReader(tt.input)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() == 0 {
			t.Errorf("%s %.80s: %v", tt.command, tt.input, err)
		}
		var got plugin.Error
		if err := json.Unmarshal(stderr.Bytes(), &got); err != nil || string(got.ErrCode) != tt.want || stdout.Len() > 0 {
			t.Errorf("%s %.80s: stderr %q, stdout %q; want %s", tt.command, tt.input, stderr.String(), stdout.String(), tt.want)
		}
	}
}

func TestManagerLeavesOthersToTheNext(t *testing.T) {
	manager := signerplugin.NewManager(signerplugin.New("test/1"), notationplugin.NewCLIManager(dir.NewSysFS(t.TempDir())))
	if _, err := manager.Get(context.Background(), "other"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	names, err := manager.List(context.Background())
	if err != nil || !slices.Equal(names, []string{signerplugin.Name}) {
		t.Errorf("list %v, %v", names, err)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(profile, profileVersion)
	f.Add(profileVersion, profileVersion)
	f.Add("arn:aws:signer:::/signing-profiles//", "arn:aws:signer:::/signing-profiles///")
	f.Fuzz(func(t *testing.T, identity, signedBy string) {
		req := verifyRequest(plugin.CapabilityTrustedIdentityVerifier)
		req.TrustPolicy.TrustedIdentities = []string{identity}
		req.Signature.CriticalAttributes.ExtendedAttributes["com.amazonaws.signer.signingProfileVersion"] = signedBy
		resp, err := signerplugin.New("test/1").VerifySignature(context.Background(), req)
		if err != nil || !resp.VerificationResults[plugin.CapabilityTrustedIdentityVerifier].Success {
			return
		}
		same := strings.EqualFold(identity, signedBy)
		cut := strings.LastIndexByte(signedBy, '/')
		if !same && (cut < 0 || !strings.EqualFold(identity, signedBy[:cut])) {
			t.Errorf("%q trusted what %q signed", identity, signedBy)
		}
	})
}
