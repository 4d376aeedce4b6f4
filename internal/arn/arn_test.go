package arn

import "testing"

func TestARNsAsAWSWritesThem(t *testing.T) {
	const region, account = "us-east-1", AccountID("111122223333")
	for want, got := range map[string]ARN{
		"arn:aws:signer:us-east-1:111122223333:/signing-profiles/p":            SigningProfile(region, account, "p", ""),
		"arn:aws:signer:us-east-1:111122223333:/signing-profiles/p/2oCN6RHYVI": SigningProfile(region, account, "p", "2oCN6RHYVI"),
		"arn:aws:signer:us-east-1:111122223333:/signing-jobs/j":                SigningJob(region, account, "j"),
		"arn:aws:ecr:us-east-1:111122223333:repository/team/app":               Repository(region, account, "team/app"),
		"arn:aws:iam::111122223333:root":                                       Root(account),
	} {
		if got.String() != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if back, err := Parse(want); err != nil || back != got {
			t.Errorf("Parse(%s) = %+v, %v", want, back, err)
		}
	}
}

func TestNotARNs(t *testing.T) {
	for _, s := range []string{
		"", "arn", "arn:aws:signer:us-east-1:111122223333", "arn:aws:signer:us-east-1:111122223333:",
		"ARN:aws:signer:us-east-1:111122223333:/x", "arn::signer:us-east-1:111122223333:/x",
		"arn:aws::us-east-1:111122223333:/x", "arn:aws:signer:us-east-1:11112222333:/x",
		"arn:aws:signer:us-east-1:11112222333a:/x", "arn:aws:signer:us-east-1:111122223333:" + string(make([]byte, maxLength)),
	} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%.60q) = %+v", s, got)
		}
	}
}

func TestAsSigningProfileAndJob(t *testing.T) {
	const prefix = "arn:aws:signer:us-east-1:111122223333:"
	for resource, want := range map[string][2]string{
		"/signing-profiles/p":     {"p", ""},
		"/signing-profiles/p/v":   {"p", "v"},
		"/signing-profiles/":      {},
		"/signing-profiles/p/":    {},
		"/signing-profiles/p/v/x": {},
		"/signing-profile/p":      {},
		"signing-profiles/p":      {},
	} {
		a, err := Parse(prefix + resource)
		if err != nil {
			t.Fatal(err)
		}
		name, version, ok := a.AsSigningProfile()
		if [2]string{name, version} != want || ok != (want[0] != "") {
			t.Errorf("%s: %q, %q, %v", resource, name, version, ok)
		}
	}
	for resource, want := range map[string]string{"/signing-jobs/j": "j", "/signing-jobs/": "", "/signing-jobs/j/k": "", "/jobs/j": ""} {
		a, _ := Parse(prefix + resource)
		if id, ok := a.AsSigningJob(); ok != (want != "") || ok && id != want {
			t.Errorf("%s: %q, %v", resource, id, ok)
		}
	}
	other, _ := Parse("arn:aws:ecr:us-east-1:111122223333:/signing-profiles/p")
	if _, _, ok := other.AsSigningProfile(); ok {
		t.Error("another service's resource passed for a profile")
	}
}

func TestValidRegion(t *testing.T) {
	for s, want := range map[string]bool{"us-east-1": true, "": false, "US": false, "a b": false, "a:b": false, "a/b": false} {
		if ValidRegion(s) != want {
			t.Errorf("ValidRegion(%q) = %v", s, !want)
		}
	}
}

// FuzzParse: whatever parses is written back the same.
func FuzzParse(f *testing.F) {
	f.Add("arn:aws:signer:us-east-1:111122223333:/signing-profiles/p/v")
	f.Add("arn:aws:s3:::bucket/a:b")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		if a.String() != s {
			t.Errorf("%q came back as %q", s, a)
		}
		a.AsSigningProfile()
		a.AsSigningJob()
	})
}
