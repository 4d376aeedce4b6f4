package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/policy"
)

const (
	anyAction = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	anyTrust  = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`
)

func userKey(name string) access.IdentityKey {
	return access.IdentityKey{Account: account, Kind: access.User, Name: name}
}

func groupKey(name string) access.IdentityKey {
	return access.IdentityKey{Account: account, Kind: access.Group, Name: name}
}

func roleKey(name string) access.IdentityKey {
	return access.IdentityKey{Account: account, Kind: access.Role, Name: name}
}

// make makes an identity that is as it has to be.
func (w *world) make(t testing.TB, key access.IdentityKey) access.Identity {
	t.Helper()
	i := access.Identity{IdentityKey: key}
	if key.Kind == access.Role {
		i.Trust = anyTrust
	}
	made, err := w.CreateIdentity(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestQuotasOfIdentities: the last that fits does, and one more does not.
func TestQuotasOfIdentities(t *testing.T) {
	w := newWorld(t)
	for _, key := range []access.IdentityKey{userKey("u"), groupKey("g"), roleKey("r")} {
		w.make(t, key)
	}
	ctx := t.Context()
	for i := range 11 {
		p, err := w.CreatePolicy(ctx, access.ManagedPolicy{Account: account, Name: fmt.Sprintf("P%d", i)}, anyAction)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []access.IdentityKey{userKey("u"), groupKey("g"), roleKey("r")} {
			fits(t, i < 10, w.Attach(ctx, key, p.ARN().String()))
		}
		w.make(t, groupKey(fmt.Sprintf("g%d", i)))
		fits(t, i < 10, w.AddToGroup(ctx, account, "u", fmt.Sprintf("g%d", i)))
	}
	for key, most := range map[access.IdentityKey]int{userKey("u"): 2048, groupKey("g"): 5120, roleKey("r"): 10240} {
		spaced := strings.ReplaceAll(sized(most), ",", ",\n\t ") // white space does not count
		fits(t, true, w.PutInlinePolicy(ctx, key, "p", spaced))
		fits(t, false, w.PutInlinePolicy(ctx, key, "p", sized(most+1)))
		fits(t, false, w.PutInlinePolicy(ctx, key, "q", anyAction))
		wide := strings.Repeat(" ", 60_000) + anyAction
		for i, name := range []string{"p", "q", "r"} {
			fits(t, i < 2, w.PutInlinePolicy(ctx, key, name, wide))
		}
	}
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprint(i)] = ""
	}
	fits(t, true, w.Tag(ctx, userKey("u"), tags))
	fits(t, false, w.Tag(ctx, userKey("u"), map[string]string{"more": ""}))
	fits(t, true, w.Tag(ctx, userKey("u"), map[string]string{"1": "again"}))
}

// sized is a policy of so many characters.
func sized(n int) string {
	frame := `{"Statement":{"Effect":"Allow","Action":"a:B","Resource":"arn:aws:ecr:us-east-1:111122223333:%s"}}`
	return fmt.Sprintf(frame, strings.Repeat("x", n-len(frame)+len("%s")))
}

func fits(t *testing.T, does bool, err error) {
	t.Helper()
	if does && err != nil || !does && !errors.Is(err, access.ErrTooMany) {
		t.Errorf("fits: %v, got %v", does, err)
	}
}

func TestIdentitiesAreChecked(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.make(t, userKey("u"))
	w.make(t, roleKey("r"))
	create := func(i access.Identity) error {
		_, err := w.CreateIdentity(ctx, i)
		return err
	}
	long := strings.Repeat("n", 65)
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"no name":            {create(access.Identity{IdentityKey: userKey("")}), access.ErrInvalidName},
		"a long name":        {create(access.Identity{IdentityKey: userKey(long)}), access.ErrInvalidName},
		"a look-alike":       {create(access.Identity{IdentityKey: userKey("аlice")}), access.ErrInvalidName},
		"a slash":            {create(access.Identity{IdentityKey: userKey("a/b")}), access.ErrInvalidName},
		"a path not closed":  {create(access.Identity{IdentityKey: userKey("a"), Path: "/a"}), access.ErrInvalidName},
		"a path not opened":  {create(access.Identity{IdentityKey: userKey("a"), Path: "a/"}), access.ErrInvalidName},
		"the name again":     {create(access.Identity{IdentityKey: userKey("U")}), access.ErrIdentityExists},
		"no trust":           {create(access.Identity{IdentityKey: roleKey("a")}), policy.ErrMalformed},
		"an identity policy": {create(access.Identity{IdentityKey: roleKey("a"), Trust: anyAction}), policy.ErrMalformed},
		"a trust policy":     {w.PutInlinePolicy(ctx, userKey("u"), "p", anyTrust), policy.ErrMalformed},
		"a boundary of none": {w.SetBoundary(ctx, userKey("u"), "arn:aws:iam::111122223333:policy/none"), access.ErrNoPolicy},
		"another's policy":   {w.Attach(ctx, userKey("u"), "arn:aws:iam::444455556666:policy/P"), access.ErrNoPolicy},
		"no such policy":     {w.Attach(ctx, userKey("u"), "arn:aws:iam::aws:policy/NoSuchAccess"), access.ErrNoPolicy},
		"AWS's own":          {w.DeletePolicy(ctx, account, "arn:aws:iam::aws:policy/AdministratorAccess"), access.ErrUnmodifiable},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	for _, d := range []time.Duration{time.Hour - time.Second, 12*time.Hour + time.Second} {
		if err := w.UpdateRole(ctx, roleKey("r"), nil, &d); err == nil {
			t.Errorf("a session of %s was accepted", d)
		}
	}
}

// TestAKeyIsItsUsers: the key of a renamed user stays good; a user made again
// under a name does not inherit keys.
func TestAKeyIsItsUsers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.make(t, userKey("alice"))
	k, secret, err := w.CreateAccessKey(ctx, account, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rename(ctx, userKey("alice"), "carol", "/team/"); err != nil {
		t.Fatal(err)
	}
	got, p, err := w.Credential(ctx, k.ID, "")
	if err != nil || got != secret || p.UserID != u.ID || p.ARN != "arn:aws:iam::111122223333:user/team/carol" {
		t.Errorf("%+v, %v", p, err)
	}
	if err := w.DeleteAccessKey(ctx, account, "carol", k.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteIdentity(ctx, userKey("carol")); err != nil {
		t.Fatal(err)
	}
	if again := w.make(t, userKey("carol")); again.ID == u.ID {
		t.Error("a unique ID was given twice")
	}
	if _, _, err := w.Credential(ctx, k.ID, ""); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("%v, want %v", err, access.ErrUnknownKey)
	}
}

// TestAWSPoliciesAreGood: the documents that are built in.
func TestAWSPoliciesAreGood(t *testing.T) {
	w := newWorld(t)
	all, err := w.AWSPolicies(t.Context(), account)
	if err != nil || len(all) < 7 {
		t.Fatalf("%d policies, %v", len(all), err)
	}
	for _, p := range all {
		if _, err := policy.ParseIdentity(p.Standing().Document); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestTagKeysHaveNoCase(t *testing.T) {
	w := newWorld(t)
	w.make(t, userKey("u"))
	tag := func(tags map[string]string) error { return w.Tag(t.Context(), userKey("u"), tags) }
	if err := tag(map[string]string{"team": "red", "Team": "blue"}); err == nil {
		t.Error("two keys that differ in case only are taken")
	}
	for _, tags := range []map[string]string{{"team": "red", "step": ""}, {"TEAM": "blue"}} {
		if err := tag(tags); err != nil {
			t.Fatal(err)
		}
	}
	u, err := w.Identity(t.Context(), userKey("u"))
	if err != nil || len(u.Tags) != 2 || u.Tags["TEAM"] != "blue" {
		t.Errorf("tags %v, %v", u.Tags, err)
	}
	if err := w.Untag(t.Context(), userKey("u"), []string{"Team"}); err != nil {
		t.Fatal(err)
	}
	if u, err = w.Identity(t.Context(), userKey("u")); err != nil || len(u.Tags) != 1 {
		t.Errorf("tags %v, %v", u.Tags, err)
	}
}
