package storetest

import (
	"slices"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

// Access is the contract of [access.Store].
func Access(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"nothing yet", accessNothing},
		{"bootstrap", accessBootstrap},
		{"bootstrap at once", accessBootstrapRace},
		{"replace the root key", accessReplace},
		{"replace the root key at once", accessReplaceRace},
		{"an inactive root key", accessInactive},
		{"changes have a revision", accessRevision},
		{"several accounts", accessAccounts},
	})
}

func (d *desk) account(id arn.AccountID) access.Account {
	return access.Account{ID: id, Region: testRegion, TokenKey: []byte("token key of " + id), CreatedAt: d.tick()}
}

func (d *desk) rootKey(account arn.AccountID, id string) access.AccessKey {
	return access.AccessKey{ID: id, Account: account, Principal: arn.Root(account).String(), Secret: []byte("secret of " + id), Active: true, CreatedAt: d.tick()}
}

func accessNothing(d *desk) {
	for _, id := range []arn.AccountID{"", testAccount} {
		_, err := d.Access.Account(ctx, id)
		d.want(err, access.ErrNoAccount)
	}
	_, err := d.Access.AccessKey(ctx, "AKIA0000000000000000")
	d.want(err, access.ErrNoAccessKey)
	_, err = d.Access.RootAccessKey(ctx, testAccount)
	d.want(err, access.ErrNoAccessKey)
	d.want(d.Access.ReplaceRootAccessKey(ctx, d.rootKey(testAccount, "AKIA1"), event("RotateRootAccessKey")), access.ErrNoAccount)
	equal(d, d.events(), nil)
}

func accessBootstrap(d *desk) {
	account, key := d.account(testAccount), d.rootKey(testAccount, "AKIA1")
	gotAccount, gotKey, err := d.Access.BootstrapAccount(ctx, account, key, event("CreateAccount"))
	d.must(err)
	equal(d, gotAccount, account)
	equal(d, gotKey, key)

	gotAccount, gotKey, err = d.Access.BootstrapAccount(ctx, d.account(otherAccount), d.rootKey(otherAccount, "AKIA2"), event("CreateAccount"))
	d.must(err)
	equal(d, gotAccount, account)
	equal(d, gotKey, key)
	equal(d, d.events(), []string{"CreateAccount"})

	for _, id := range []arn.AccountID{"", testAccount} {
		gotAccount, err = d.Access.Account(ctx, id)
		d.must(err)
		equal(d, gotAccount, account)
	}
	gotKey, err = d.Access.AccessKey(ctx, "AKIA1")
	d.must(err)
	equal(d, gotKey, key)
	gotKey, err = d.Access.RootAccessKey(ctx, testAccount)
	d.must(err)
	equal(d, gotKey, key)
	_, err = d.Access.Account(ctx, otherAccount)
	d.want(err, access.ErrNoAccount)
	_, err = d.Access.AccessKey(ctx, "AKIA2")
	d.want(err, access.ErrNoAccessKey)
}

func accessBootstrapRace(d *desk) {
	accounts := []arn.AccountID{testAccount, otherAccount, "777788889999", "123456789012"}
	got, keys := make([]access.Account, len(accounts)), make([]access.AccessKey, len(accounts))
	wanted := make([]access.Account, len(accounts))
	for i, id := range accounts {
		wanted[i], keys[i] = d.account(id), d.rootKey(id, "AKIA"+string(id))
	}
	errs := atOnce(len(accounts), func(i int) (err error) {
		got[i], keys[i], err = d.Access.BootstrapAccount(ctx, wanted[i], keys[i], event("CreateAccount"))
		return err
	})
	for i, err := range errs {
		d.must(err)
		equal(d, got[i], got[0])
		equal(d, keys[i], keys[0])
	}
	if !slices.ContainsFunc(wanted, func(a access.Account) bool { return a.ID == got[0].ID }) || keys[0].Account != got[0].ID {
		d.Fatalf("got account %+v with key %+v", got[0], keys[0])
	}
	equal(d, d.events(), []string{"CreateAccount"})
}

func accessReplace(d *desk) {
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
	next := d.rootKey(testAccount, "AKIA2")
	d.must(d.Access.ReplaceRootAccessKey(ctx, next, event("RotateRootAccessKey")))
	_, err = d.Access.AccessKey(ctx, "AKIA1")
	d.want(err, access.ErrNoAccessKey)
	got, err := d.Access.RootAccessKey(ctx, testAccount)
	d.must(err)
	equal(d, got, next)
	equal(d, d.events(), []string{"CreateAccount", "RotateRootAccessKey"})

	d.want(d.Access.ReplaceRootAccessKey(ctx, d.rootKey(otherAccount, "AKIA3"), event("RotateRootAccessKey")), access.ErrNoAccount)
	equal(d, d.events(), []string{"CreateAccount", "RotateRootAccessKey"})
}

func accessReplaceRace(d *desk) {
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA0"), event("CreateAccount"))
	d.must(err)
	ids := []string{"AKIA1", "AKIA2", "AKIA3", "AKIA4", "AKIA5", "AKIA6"}
	keys := make([]access.AccessKey, len(ids))
	for i, id := range ids {
		keys[i] = d.rootKey(testAccount, id)
	}
	for _, err := range atOnce(len(ids), func(i int) error {
		return d.Access.ReplaceRootAccessKey(ctx, keys[i], event("RotateRootAccessKey"))
	}) {
		d.must(err)
	}
	var left []string
	for _, id := range ids {
		if _, err := d.Access.AccessKey(ctx, id); err == nil {
			left = append(left, id)
		}
	}
	root, err := d.Access.RootAccessKey(ctx, testAccount)
	d.must(err)
	equal(d, left, []string{root.ID})
}

func accessInactive(d *desk) {
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
	next := d.rootKey(testAccount, "AKIA2")
	next.Active = false
	d.must(d.Access.ReplaceRootAccessKey(ctx, next, event("RotateRootAccessKey")))
	got, err := d.Access.AccessKey(ctx, "AKIA2")
	d.must(err)
	equal(d, got, next)
	_, err = d.Access.RootAccessKey(ctx, testAccount)
	d.want(err, access.ErrNoAccessKey)
}

// Whoever read before a change knows that there was one after it.
func accessRevision(d *desk) {
	seen := map[uint64]bool{}
	changed := func() {
		d.Helper()
		revision, known := d.Access.Revision()
		if !known || seen[revision] {
			d.Fatalf("revision %d (known: %v) after %v", revision, known, seen)
		}
		seen[revision] = true
	}
	changed()
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
	changed()
	for _, id := range []string{"AKIA2", "AKIA3"} {
		d.must(d.Access.ReplaceRootAccessKey(ctx, d.rootKey(testAccount, id), event("RotateRootAccessKey")))
		changed()
	}
}

func accessAccounts(d *desk) {
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
	other := d.account(otherAccount)
	d.must(d.Access.CreateAccount(ctx, other, d.rootKey(otherAccount, "AKIA2"), event("CreateAccount")))
	d.want(d.Access.CreateAccount(ctx, d.account(otherAccount), d.rootKey(otherAccount, "AKIA3"), event("CreateAccount")), access.ErrAccountExists)
	_, err = d.Access.AccessKey(ctx, "AKIA3")
	d.want(err, access.ErrNoAccessKey)
	got, err := d.Access.Account(ctx, otherAccount)
	d.must(err)
	equal(d, got, other)
	first, err := d.Access.Account(ctx, "")
	d.must(err)
	equal(d, first.ID, testAccount)
	all, err := d.Access.Accounts(ctx)
	d.must(err)
	equal(d, len(all), 2)
	root, err := d.Access.RootAccessKey(ctx, otherAccount)
	d.must(err)
	equal(d, root.ID, "AKIA2")
	equal(d, d.events(), []string{"CreateAccount", "CreateAccount"})
}
