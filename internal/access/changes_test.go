package access_test

import (
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

// TestEachChangeCountsAtOnce: over a real store, what is given and taken decides
// the next request.
func TestEachChangeCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	user := access.IdentityKey{Account: account, Kind: access.User, Name: "alice"}
	group := access.IdentityKey{Account: account, Kind: access.Group, Name: "pushers"}
	create := func(k access.IdentityKey) access.Identity {
		i, err := w.CreateIdentity(ctx, access.Identity{IdentityKey: k, Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := create(user)
	create(group)
	signing, err := w.CreatePolicy(ctx, access.ManagedPolicy{Account: account, Name: "signing", Path: "/"},
		allows(`{"Effect":"Allow","Action":"signer:*","Resource":"*"}`)[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{Service: w.Service}
	p := access.Principal{Account: account, ARN: i.ARN().String(), UserID: i.ID}
	const noBoundary = "because no permissions boundary allows the ecr:PutImage action"
	denied := "with an explicit deny in an identity-based policy: no"
	for _, step := range []struct {
		name   string
		change func() error
		reason string
	}{
		{"nothing", func() error { return nil }, noIdentity},
		{"into a group", func() error { return w.AddToGroup(ctx, account, "alice", "pushers") }, noIdentity},
		{"the group may push", func() error {
			return w.Attach(ctx, group, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser")
		}, ""},
		{"a denial of her own", func() error {
			return w.PutInlinePolicy(ctx, user, "no", allows(`{"Effect":"Deny","Action":"ecr:Put*","Resource":"*"}`)[0].Text)
		}, denied},
		{"no longer", func() error { return w.DeleteInlinePolicy(ctx, user, "no") }, ""},
		{"a boundary", func() error { return w.SetBoundary(ctx, user, signing.ARN().String()) }, noBoundary},
		{"a wider boundary", func() error {
			_, err := w.CreatePolicyVersion(ctx, account, signing.ARN().String(), allows(everything)[0].Text, true)
			return err
		}, ""},
		{"back to the narrow one", func() error { return w.SetDefaultPolicyVersion(ctx, account, signing.ARN().String(), "v1") }, noBoundary},
		{"no boundary", func() error { return w.SetBoundary(ctx, user, "") }, ""},
		{"out of the group", func() error { return w.RemoveFromGroup(ctx, account, "alice", "pushers") }, noIdentity},
		{"an administrator", func() error { return w.Attach(ctx, user, "arn:aws:iam::aws:policy/AdministratorAccess") }, ""},
		{"detached and deleted", func() error {
			if err := w.Detach(ctx, user, "arn:aws:iam::aws:policy/AdministratorAccess"); err != nil {
				return err
			}
			return w.DeleteIdentity(ctx, user)
		}, noIdentity},
		{"another of that name", func() error { create(user); return w.Attach(ctx, user, "arn:aws:iam::aws:policy/AdministratorAccess") }, noIdentity},
	} {
		if err := step.change(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for range 2 {
			t.Run(step.name, func(t *testing.T) { j.put(t, p, step.reason) })
		}
	}
}

// TestSimulateWhatIsStored: a user's stored policies explain themselves.
func TestSimulateWhatIsStored(t *testing.T) {
	w := newWorld(t)
	user := access.IdentityKey{Account: account, Kind: access.User, Name: "alice"}
	i, err := w.CreateIdentity(t.Context(), access.Identity{IdentityKey: user, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(t.Context(), user, "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"); err != nil {
		t.Fatal(err)
	}
	g, err := w.Grants(t.Context(), i.ARN().String())
	if err != nil || g.ID != i.ID {
		t.Fatalf("%+v, %v", g, err)
	}
	decide, err := (&access.Simulation{Principal: access.Principal{Account: account, ARN: i.ARN().String(), UserID: i.ID},
		Identity: g.Identity, Boundary: g.Boundary}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	resource := arn.Repository("us-east-1", account, "app").String()
	if v := decide("ecr:BatchGetImage", resource); !v.Allowed || len(v.Matched) != 1 || v.Matched[0].Policy != "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly" {
		t.Errorf("%+v", v)
	}
	if v := decide("ecr:PutImage", resource); v.Allowed || v.Explicit || len(v.Matched) > 0 {
		t.Errorf("%+v", v)
	}
}
