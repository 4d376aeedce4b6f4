package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const pluginName = "com.amazonaws.signer.notation.plugin"

// signedApp signs app:v1 of a new service under a profile that is trusted. It
// returns the image's reference and the signature's digest.
func signedApp(t *testing.T) (reference, signature string) {
	t.Helper()
	host, digest, password := service(t)
	reference = host + "/app@" + digest
	run(t, password, "login", "-u", "AWS", "--password-stdin", host).ok(t)
	run(t, "", "signer", "put-signing-profile", "--profile-name", "alice", "--platform-id", "Notation-OCI-SHA384-ECDSA").ok(t)
	run(t, "", "trust", "install", "--profile", alice).ok(t)
	signed := run(t, "", "sign", "--plugin", pluginName, "--id", alice, reference).ok(t)
	_, signature, found := strings.Cut(strings.TrimSpace(signed.stdout), "Pushed the signature to "+host+"/app@")
	if !found {
		t.Fatalf("sign: %q", signed.stdout)
	}
	return reference, signature
}

// jobs are the IDs of the jobs that made the artifact's signatures.
func jobs(t *testing.T, reference string) (ids []string) {
	t.Helper()
	var document struct {
		Signatures []struct{ SignedAttributes map[string]string }
	}
	if err := json.Unmarshal([]byte(run(t, "", "inspect", "-o", "json", reference).ok(t).stdout), &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Signatures {
		job := s.SignedAttributes["com.amazonaws.signer.signingJob"]
		ids = append(ids, job[strings.LastIndex(job, "/")+1:])
	}
	return ids
}

func TestARevokedSignatureIsNamed(t *testing.T) {
	home(t)
	reference, signature := signedApp(t)
	run(t, "", "verify", reference).ok(t).says(t, "Signature "+signature+" is valid (signed by "+alice+"/")
	job := jobs(t, reference)[0]
	run(t, "", "signer", "revoke-signature", "--job-id", job, "--reason", "leaked").ok(t)
	got := run(t, "", "verify", reference).fails(t, "Signature "+signature+" is not valid", "revocation (enforce): ",
		"Resource(s) arn:aws:signer:us-east-1:111122223333:/signing-jobs/"+job+" have been revoked.")
	if got.stdout != "" || strings.Contains(got.stderr, "could not") {
		t.Errorf("verify: %+v", got)
	}
}

func TestNoAnswerIsNotARevocation(t *testing.T) {
	home(t)
	reference, signature := signedApp(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	run(t, "", "verify", "--plugin-config", "aws-signer-endpoint-url=http://127.0.0.1:1", reference).
		fails(t, "Signature "+signature+" could not be verified", "could not find out whether the signature is revoked: ", "127.0.0.1:1")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	run(t, "", "verify", reference).fails(t, "could not be verified", "could not find out", "signature")
}

func TestAnUntrustedProfileIsNamed(t *testing.T) {
	home(t)
	reference, _ := signedApp(t)
	run(t, "", "signer", "put-signing-profile", "--profile-name", "bob", "--platform-id", "Notation-OCI-SHA384-ECDSA").ok(t)
	signed := run(t, "", "sign", "--plugin", pluginName, "--id", bob, reference).ok(t)
	bobs := strings.TrimSpace(signed.stdout[strings.LastIndex(signed.stdout, "@")+1:])
	// Which of the two signatures is tried first is the registry's to say.
	run(t, "", "verify", reference).ok(t)
	run(t, "", "signer", "cancel-signing-profile", "--profile-name", "alice").ok(t)
	run(t, "", "verify", reference).ok(t) // a cancelled profile's signatures stay good
	for _, job := range jobs(t, reference) {
		run(t, "", "signer", "revoke-signature", "--job-id", job, "--reason", "test").ok(t)
	}
	run(t, "", "verify", reference).fails(t, "Signature "+bobs+" is not valid", "authenticity (enforce)",
		"Signature publisher doesn't match any trusted identities: it is "+bob+"/", "trusted are "+alice)
}

func TestSignSaysWhatTheServiceSays(t *testing.T) {
	home(t)
	reference, _ := signedApp(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--id", strings.Replace(alice, "alice", "nobody", 1)}, "signing profile nobody is not found"},
		{[]string{"--id", strings.Replace(alice, "us-east-1", "eu-west-1", 1)}, "is in region eu-west-1, but the configured region is us-east-1"},
		{[]string{"--id", alice, "--plugin-config", "aws-region=eu-west-1"}, "is in region us-east-1, but the configured region is eu-west-1"},
		{[]string{"--id", "alice"}, "is not the ARN of a signing profile"},
		{[]string{"--id", alice, "--expiry", "1h"}, "--signature-validity-period"},
		{[]string{"--id", alice, "--signature-format", "cose"}, "jws"},
	} {
		run(t, "", append([]string{"sign", "--plugin", pluginName, reference}, tt.args...)...).fails(t, tt.want)
	}
	run(t, "", "sign", "-d", "--plugin", pluginName, "--id", alice, reference).ok(t).says(t, "the plugin "+pluginName+" is built in", `"Authorization": "*****"`)
}
