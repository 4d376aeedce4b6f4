package signing_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/signing"
)

func TestPutProfile(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	if !regexp.MustCompile(`^[0-9A-Za-z]{10}$`).MatchString(p.Version) || p.Validity != signing.DefaultValidity || p.Status != signing.Active || p.Region != "us-east-1" {
		t.Errorf("profile %+v", p)
	}
	if got := p.VersionARN().String(); got != "arn:aws:signer:us-east-1:111122223333:/signing-profiles/image/"+p.Version {
		t.Errorf("version ARN %s", got)
	}
	e := w.last(t)
	if e.Name != "PutSigningProfile" || e.Resource != p.ProfileARN().String() || e.Account != account || detail(t, e)["profileVersion"] != p.Version {
		t.Errorf("event %+v: %s", e, e.Detail)
	}
	if other := w.put(t, signing.ProfileKey{Account: account, Name: "other"}); other.Version == p.Version {
		t.Error("two profiles of one version")
	}
}

func TestPutProfileAgain(t *testing.T) {
	w := newWorld(t)
	spec := signing.ProfileSpec{ProfileKey: image, Platform: signing.NotationPlatform, Parameters: map[string]string{"a": "b"}, Tags: map[string]string{"team": "x"}}
	first, err := w.PutProfile(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	events := len(w.journal(t))
	spec.Validity, spec.Tags = signing.DefaultValidity, nil // the default spelled out; tags are not compared
	again, err := w.PutProfile(t.Context(), spec)
	if err != nil || again.Version != first.Version || again.Tags["team"] != "x" {
		t.Errorf("%+v, %v", again, err)
	}
	if len(w.journal(t)) != events {
		t.Error("a put that changed nothing was journalled")
	}
	for name, change := range map[string]func(*signing.ProfileSpec){
		"signatureValidityPeriod": func(s *signing.ProfileSpec) { s.Validity.Value = 12 },
		"signingParameters":       func(s *signing.ProfileSpec) { s.Parameters = nil },
	} {
		other := spec
		change(&other)
		if _, err := w.PutProfile(t.Context(), other); !errors.Is(err, signing.ErrProfileExists) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPutProfileOnEndedName(t *testing.T) {
	w := newWorld(t)
	first := w.put(t, image)
	if err := w.CancelProfile(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	spec := signing.ProfileSpec{ProfileKey: image, Platform: signing.NotationPlatform}
	if _, err := w.PutProfile(t.Context(), spec); !errors.Is(err, signing.ErrProfileNotActive) {
		t.Errorf("put on a canceled name: %v", err)
	}
	reusing := w.replica(t, signing.Options{AllowReuseOfEndedNames: true})
	second, err := reusing.PutProfile(t.Context(), spec)
	if err != nil || second.Version == first.Version || second.Status != signing.Active {
		t.Fatalf("%+v, %v", second, err)
	}
	if got, err := w.Profile(t.Context(), image); err != nil || got.Version != second.Version {
		t.Errorf("newest %+v, %v", got, err)
	}
}

func TestPutProfileRefuses(t *testing.T) {
	w := newWorld(t)
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint("tag", i)] = ""
	}
	for name, change := range map[string]func(*signing.ProfileSpec){
		"short name":      func(s *signing.ProfileSpec) { s.Name = "a" },
		"long name":       func(s *signing.ProfileSpec) { s.Name = strings.Repeat("a", 65) },
		"hyphen":          func(s *signing.ProfileSpec) { s.Name = "a-b" },
		"newline":         func(s *signing.ProfileSpec) { s.Name = "ab\n" },
		"zero days":       func(s *signing.ProfileSpec) { s.Validity = signing.ValidityPeriod{Value: 0, Unit: signing.Days} },
		"too long":        func(s *signing.ProfileSpec) { s.Validity = signing.ValidityPeriod{Value: 136, Unit: signing.Months} },
		"no unit":         func(s *signing.ProfileSpec) { s.Validity = signing.ValidityPeriod{Value: 3} },
		"aws: tag":        func(s *signing.ProfileSpec) { s.Tags = map[string]string{"aws:x": ""} },
		"tag with space":  func(s *signing.ProfileSpec) { s.Tags = map[string]string{"a b": ""} },
		"long tag key":    func(s *signing.ProfileSpec) { s.Tags = map[string]string{strings.Repeat("a", 129): ""} },
		"long tag value":  func(s *signing.ProfileSpec) { s.Tags = map[string]string{"a": strings.Repeat("é", 257)} },
		"51 tags":         func(s *signing.ProfileSpec) { s.Tags = many },
		"51 parameters":   func(s *signing.ProfileSpec) { s.Parameters = many },
		"empty parameter": func(s *signing.ProfileSpec) { s.Parameters = map[string]string{"": "a"} },
		"long parameter":  func(s *signing.ProfileSpec) { s.Parameters = map[string]string{"a": strings.Repeat("a", 257)} },
	} {
		spec := signing.ProfileSpec{ProfileKey: image, Platform: signing.NotationPlatform}
		change(&spec)
		if _, err := w.PutProfile(t.Context(), spec); !errors.Is(err, signing.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: image, Platform: "AWSLambda-SHA384-ECDSA"})
	if !errors.Is(err, signing.ErrPlatformNotFound) {
		t.Errorf("unknown platform: %v", err)
	}
	if _, err := w.Profile(t.Context(), image); !errors.Is(err, signing.ErrProfileNotFound) {
		t.Errorf("something was made: %v", err)
	}
}

// TestPutProfileRace has many put the same profile: all get one version.
func TestPutProfileRace(t *testing.T) {
	w := newWorld(t)
	versions := make([]string, 20)
	var wg sync.WaitGroup
	for i := range versions {
		wg.Go(func() {
			p, err := w.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: image, Platform: signing.NotationPlatform})
			if err != nil {
				t.Error(err)
			}
			versions[i] = p.Version
		})
	}
	wg.Wait()
	for _, v := range versions {
		if v != versions[0] {
			t.Fatalf("versions %q", versions)
		}
	}
}

func TestCancelProfile(t *testing.T) {
	w := newWorld(t)
	if err := w.CancelProfile(t.Context(), image); !errors.Is(err, signing.ErrProfileNotFound) || !strings.Contains(err.Error(), "image") {
		t.Errorf("unknown profile: %v", err)
	}
	w.put(t, image)
	signature := w.sign(t, image)
	for range 2 { // again is fine
		if err := w.CancelProfile(t.Context(), image); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := w.Profile(t.Context(), image); err != nil || p.Status != signing.Canceled || p.StatusReason == "" {
		t.Errorf("%+v, %v", p, err)
	}
	if e := w.last(t); e.Name != "CancelSigningProfile" {
		t.Errorf("event %+v", e)
	}
	if _, err := w.Sign(t.Context(), request(image)); !errors.Is(err, signing.ErrProfileNotActive) || !strings.Contains(err.Error(), "Canceled") {
		t.Errorf("sign: %v", err)
	}
	w.mustStatus(t, w.query(t, signature)) // what it signed stays good
}

func TestProfiles(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"aa", "bb", "cc", "dd"} {
		w.put(t, signing.ProfileKey{Account: account, Name: name})
	}
	if err := w.CancelProfile(t.Context(), signing.ProfileKey{Account: account, Name: "bb"}); err != nil {
		t.Fatal(err)
	}
	names := func(f signing.ProfileFilter) string {
		t.Helper()
		f.Account = account
		page, next, err := w.Profiles(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, p := range page {
			text = append(text, p.Name)
		}
		if next != "" {
			text = append(text, "…")
		}
		return strings.Join(text, " ")
	}
	active := []signing.Status{signing.Active}
	for _, c := range []struct {
		filter signing.ProfileFilter
		want   string
	}{
		{signing.ProfileFilter{Limit: 10}, "aa bb cc dd"},
		{signing.ProfileFilter{Limit: 10, Statuses: active}, "aa cc dd"},
		{signing.ProfileFilter{Limit: 3, Statuses: active}, "aa cc dd"},
		{signing.ProfileFilter{Limit: 2, Statuses: active}, "aa cc …"},
		{signing.ProfileFilter{Limit: 2, Statuses: active, After: "cc"}, "dd"},
		{signing.ProfileFilter{Limit: 2, Platform: "none"}, ""},
	} {
		if got := names(c.filter); got != c.want {
			t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
		}
	}
}

func TestPlatforms(t *testing.T) {
	w := newWorld(t)
	p, err := w.Platform(signing.NotationPlatform)
	if err != nil || p.DisplayName != "Notation for container registries" || !p.RevocationSupported {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.Platform("x"); !errors.Is(err, signing.ErrPlatformNotFound) {
		t.Error(err)
	}
	if len(w.Platforms("", "", "")) != 1 || len(w.Platforms(p.Category, p.Partner, p.Target)) != 1 || len(w.Platforms("", "", "other")) != 0 {
		t.Error("filters do not filter")
	}
}
