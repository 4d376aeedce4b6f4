package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Identities is the contract of [access.IdentityStore], [access.PolicyStore],
// [access.PrincipalStore], [access.ProviderStore], [access.ReportStore] and
// [access.GrantStore].
func Identities(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"create, read, delete", identityLife},
		{"names differ in more than case", identityNames},
		{"lists", identityLists},
		{"rename", identityRename},
		{"a failed change changes nothing", identityRefused},
		{"access keys", identityKeys},
		{"access keys at once", identityKeysRace},
		{"quotas at once", quotasRace},
		{"groups", identityGroups},
		{"leave a group that is renamed", identityGroupRace},
		{"rename to one name at once", renameRace},
		{"managed policies", policyLife},
		{"attach against delete", policyRace},
		{"grants", grantsGather},
		{"principals", principalsFound},
		{"credential reports", reportLife},
		{"entities", policyEntities},
		{"identity providers", providerLife},
		{"identity providers at once", providerRace},
	})
}

// most is a quota that no test here comes near.
const most = 1000

// staff makes the account and returns keys of its identities.
func (d *desk) staff() {
	d.Helper()
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
}

func user(name string) access.IdentityKey {
	return access.IdentityKey{Account: testAccount, Kind: access.User, Name: name}
}
func group(name string) access.IdentityKey {
	return access.IdentityKey{Account: testAccount, Kind: access.Group, Name: name}
}

// hire makes an identity with a unique ID of its own.
func (d *desk) hire(key access.IdentityKey) access.Identity {
	d.Helper()
	d.serial++
	i := access.Identity{IdentityKey: key, ID: fmt.Sprintf("ID%019d", d.serial), Path: "/", CreatedAt: d.tick()}
	d.must(d.Access.CreateIdentity(ctx, i, most, event("Create")))
	return i
}

// turn changes an identity.
func (d *desk) turn(key access.IdentityKey, change func(*access.Identity)) access.Identity {
	d.Helper()
	now, err := d.Access.ChangeIdentity(ctx, key, func(i *access.Identity) (journal.Event, error) {
		change(i)
		return event("Change"), nil
	})
	d.must(err)
	standing, err := d.Access.Identity(ctx, access.IdentityKey{Account: key.Account, Kind: key.Kind, Name: now.Name})
	d.must(err)
	equal(d, standing, now)
	return now
}

func (d *desk) fire(key access.IdentityKey) error {
	return d.Access.DeleteIdentity(ctx, key, func(access.Identity) (journal.Event, error) { return event("Delete"), nil })
}

// draft makes a managed policy.
func (d *desk) draft(name string) access.ManagedPolicy {
	d.Helper()
	d.serial++
	at := d.tick()
	p := access.ManagedPolicy{Account: testAccount, Name: name, Path: "/team/", ID: fmt.Sprintf("ANPA%017d", d.serial), CreatedAt: at, UpdatedAt: at,
		Tags: map[string]string{"k": "v"}, Versions: []access.PolicyVersion{{Number: 1, Document: "document of " + name, CreatedAt: at}}, Default: 1, Last: 1}
	d.must(d.Access.CreatePolicy(ctx, p, most, event("CreatePolicy")))
	return p
}

func identityLife(d *desk) {
	d.staff()
	_, err := d.Access.Identity(ctx, user("alice"))
	d.want(err, access.ErrNoIdentity)
	d.want(d.fire(user("alice")), access.ErrNoIdentity)
	role := access.Identity{IdentityKey: access.IdentityKey{Account: testAccount, Kind: access.Role, Name: "ci"}, ID: "AROA1", Path: "/a/b/", CreatedAt: d.tick(),
		Tags: map[string]string{"t": "1"}, Inline: map[string]string{"p": "d"}, Trust: "trust", Description: "says", MaxSession: 2 * time.Hour,
		Boundary: "arn:aws:iam::aws:policy/IAMFullAccess"}
	d.must(d.Access.CreateIdentity(ctx, role, most, event("CreateRole")))
	got, err := d.Access.Identity(ctx, role.IdentityKey)
	d.must(err)
	equal(d, got, role)
	bad := role
	bad.Name, bad.ID, bad.Boundary = "other", "AROA2", "arn:aws:iam::111122223333:policy/none"
	d.want(d.Access.CreateIdentity(ctx, bad, most, event("CreateRole")), access.ErrNoPolicy)
	d.want(d.Access.CreateIdentity(ctx, bad, 1, event("CreateRole")), access.ErrTooMany)
	n, err := d.Access.CountIdentities(ctx, testAccount, access.Role)
	d.must(err)
	equal(d, n, 1)
	d.must(d.fire(role.IdentityKey))
	_, err = d.Access.Identity(ctx, role.IdentityKey)
	d.want(err, access.ErrNoIdentity)
	equal(d, d.events(), []string{"CreateAccount", "CreateRole", "Delete"})
}

func identityNames(d *desk) {
	d.staff()
	alice := d.hire(user("Alice"))
	again := alice
	again.ID, again.Name = "ID2", "ALICE"
	d.want(d.Access.CreateIdentity(ctx, again, most, event("CreateUser")), access.ErrIdentityExists)
	got, err := d.Access.Identity(ctx, user("aLICE"))
	d.must(err)
	equal(d, got, alice)
	d.hire(group("alice")) // of another kind
	other := alice
	other.Account, other.ID = otherAccount, "ID3"
	if err := d.Access.CreateIdentity(ctx, other, most, event("CreateUser")); err == nil {
		d.Fatal("an account that does not exist has a user")
	}
}

func identityLists(d *desk) {
	d.staff()
	for _, name := range []string{"c", "B", "a", "d"} {
		d.hire(user(name))
	}
	d.turn(user("d"), func(i *access.Identity) { i.Path = "/team/x/" })
	d.hire(group("z"))
	for want, p := range map[string]access.Page{
		"a B c d": {Limit: 10}, "a B": {Limit: 2}, "c d": {After: "b", Limit: 10}, "d": {PathPrefix: "/team/", Limit: 10},
		"a b": {PathPrefix: "", Limit: 0},
	} {
		if p.Limit == 0 {
			continue
		}
		list, err := d.Access.Identities(ctx, testAccount, access.User, p)
		d.must(err)
		equal(d, nameList(list), want)
	}
	list, err := d.Access.Identities(ctx, otherAccount, access.User, access.Page{Limit: 10})
	d.must(err)
	equal(d, nameList(list), "")
}

func nameList(list []access.Identity) string {
	var all []string
	for _, i := range list {
		all = append(all, i.Name)
	}
	return strings.Join(all, " ")
}

func identityRename(d *desk) {
	d.staff()
	alice := d.hire(user("alice"))
	d.hire(user("bob"))
	d.turn(user("alice"), func(i *access.Identity) {
		i.Keys = []access.AccessKey{{ID: "AKIAA", Account: testAccount, Owner: i.ID, Principal: i.ARN().String(), Secret: []byte("s"), Active: true, CreatedAt: d.tick()}}
	})
	_, err := d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
		i.Name = "BOB"
		return event("UpdateUser"), nil
	})
	d.want(err, access.ErrIdentityExists)
	_, err = d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
		i.Name, i.Path = "Carol", "/x/"
		return event("UpdateUser"), nil
	})
	d.must(err)
	_, err = d.Access.Identity(ctx, user("alice"))
	d.want(err, access.ErrNoIdentity)
	k, err := d.Access.AccessKey(ctx, "AKIAA")
	d.must(err)
	equal(d, k.Owner, alice.ID)
	equal(d, k.Principal, "arn:aws:iam::111122223333:user/x/Carol")
}

func identityRefused(d *desk) {
	d.staff()
	alice := d.hire(user("alice"))
	no := errors.New("no")
	_, err := d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
		i.Path, i.Attached = "/x/", []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
		return event("Change"), no
	})
	d.want(err, no)
	for policy, want := range map[string]*fault.Error{"arn:aws:iam::111122223333:policy/none": access.ErrNoPolicy, "arn:aws:iam::aws:policy/None": access.ErrNoPolicy} {
		_, err = d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
			i.Tags, i.Attached = map[string]string{"a": "b"}, []string{policy}
			return event("Change"), nil
		})
		d.want(err, want)
	}
	d.want(d.Access.DeleteIdentity(ctx, user("alice"), func(access.Identity) (journal.Event, error) { return journal.Event{}, no }), no)
	got, err := d.Access.Identity(ctx, user("alice"))
	d.must(err)
	equal(d, got, alice)
	equal(d, d.events(), []string{"CreateAccount", "Create"})
}

func (d *desk) key(u access.Identity, id string) access.AccessKey {
	return access.AccessKey{ID: id, Account: u.Account, Owner: u.ID, Principal: u.ARN().String(), Secret: []byte("secret of " + id), Active: true, CreatedAt: d.tick()}
}

func identityKeys(d *desk) {
	d.staff()
	alice := d.hire(user("alice"))
	one, two := d.key(alice, "AKIAONE"), d.key(alice, "AKIATWO")
	d.turn(user("alice"), func(i *access.Identity) { i.Keys = []access.AccessKey{one, two} })
	got, err := d.Access.AccessKey(ctx, "AKIAONE")
	d.must(err)
	equal(d, got, one)
	d.turn(user("alice"), func(i *access.Identity) { i.Keys[0].Active = false })
	got, err = d.Access.AccessKey(ctx, "AKIAONE")
	d.must(err)
	equal(d, got.Active, false)
	owner, err := d.Access.KeyOwner(ctx, "AKIATWO")
	d.must(err)
	equal(d, owner.Name, "alice")
	for _, id := range []string{"AKIA1", "AKIANONE"} { // the root user's, and nobody's
		_, err = d.Access.KeyOwner(ctx, id)
		d.want(err, access.ErrNoAccessKey)
	}

	before, _ := d.Access.Revision()
	use := access.Use{At: d.tick(), Service: "ecr"}
	d.must(d.Access.NoteUses(ctx, map[string]access.Use{"AKIATWO": use, "AKIAGONE": use}))
	d.must(d.Access.NoteUses(ctx, map[string]access.Use{"AKIATWO": {At: use.At.Add(-time.Hour), Service: "old"}}))
	got, err = d.Access.AccessKey(ctx, "AKIATWO")
	d.must(err)
	equal(d, got.LastUse, use)
	after, _ := d.Access.Revision()
	equal(d, after, before)

	d.turn(user("alice"), func(i *access.Identity) { i.Keys = i.Keys[1:] })
	_, err = d.Access.AccessKey(ctx, "AKIAONE")
	d.want(err, access.ErrNoAccessKey)
}

func identityKeysRace(d *desk) {
	d.staff()
	alice := d.hire(user("alice"))
	full := errors.New("full")
	keys := make([]access.AccessKey, 6)
	for i := range keys {
		keys[i] = d.key(alice, fmt.Sprintf("AKIA%d", 10+i))
	}
	for _, err := range atOnce(len(keys), func(n int) error {
		_, err := d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
			if len(i.Keys) == 2 {
				return journal.Event{}, full
			}
			i.Keys = append(i.Keys, keys[n])
			return event("CreateAccessKey"), nil
		})
		return err
	}) {
		if err != nil {
			d.want(err, full)
		}
	}
	got, err := d.Access.Identity(ctx, user("alice"))
	d.must(err)
	equal(d, len(got.Keys), 2)
}

// quotasRace: of those who come at once as many get in as there is room for.
func quotasRace(d *desk) {
	d.staff()
	d.hire(user("alice"))
	for what, create := range map[string]func(n int) error{
		"user": func(n int) error {
			return d.Access.CreateIdentity(ctx, access.Identity{IdentityKey: user(fmt.Sprint("u", n)), ID: fmt.Sprint("AIDA", n), Path: "/"}, 3, event("CreateUser"))
		},
		"policy": func(n int) error {
			p := access.ManagedPolicy{Account: testAccount, Name: fmt.Sprint("p", n), Path: "/", ID: fmt.Sprint("ANPA", n), Default: 1, Last: 1}
			return d.Access.CreatePolicy(ctx, p, 2, event("CreatePolicy"))
		},
		"provider": func(n int) error {
			return d.Access.CreateProvider(ctx, access.Provider{Account: testAccount, URL: fmt.Sprintf("https://p%d.example", n)}, 2, event("CreateProvider"))
		},
	} {
		made := 0
		for _, err := range atOnce(8, create) {
			if err == nil {
				made++
			} else {
				d.want(err, access.ErrTooMany)
			}
		}
		if made != 2 {
			d.Errorf("%s: %d were made where there was room for 2", what, made)
		}
	}
}

func policyLife(d *desk) {
	d.staff()
	p := d.draft("Deploy")
	name := p.ARN().String()
	got, err := d.Access.Policy(ctx, name)
	d.must(err)
	equal(d, got, p)
	again := p
	again.ID, again.Name = "ANPA9", "DEPLOY"
	d.want(d.Access.CreatePolicy(ctx, again, most, event("CreatePolicy")), access.ErrPolicyExists)
	again.Name = "Other"
	d.want(d.Access.CreatePolicy(ctx, again, 1, event("CreatePolicy")), access.ErrTooMany)
	changed, err := d.Access.ChangePolicy(ctx, name, func(p *access.ManagedPolicy) (journal.Event, error) {
		p.Versions = append(p.Versions, access.PolicyVersion{Number: 2, Document: "second", CreatedAt: d.tick()})
		p.Default, p.Last, p.UpdatedAt, p.Tags = 2, 2, d.now, nil
		return event("CreatePolicyVersion"), nil
	})
	d.must(err)
	got, err = d.Access.Policy(ctx, name)
	d.must(err)
	equal(d, got, changed)
	document, err := d.Access.ManagedPolicy(ctx, name)
	d.must(err)
	equal(d, document, access.Document{Name: name, Text: "second"})
	d.draft("Apart")
	list, err := d.Access.Policies(ctx, testAccount, access.Page{Limit: 10}, access.AnyUsage)
	d.must(err)
	equal(d, []string{list[0].Name, list[1].Name}, []string{"Apart", "Deploy"})
	list, err = d.Access.Policies(ctx, testAccount, access.Page{Limit: 10}, access.InUse)
	d.must(err)
	equal(d, len(list), 0)
	d.must(d.Access.DeletePolicy(ctx, name, func(access.ManagedPolicy) (journal.Event, error) { return event("DeletePolicy"), nil }))
	_, err = d.Access.Policy(ctx, name)
	d.want(err, access.ErrNoPolicy)
	_, err = d.Access.ManagedPolicy(ctx, name)
	d.want(err, access.ErrNoPolicy)
}

// Whoever is first: a policy that somebody has stays, one that is gone is had by
// nobody.
func policyRace(d *desk) {
	d.staff()
	d.hire(user("alice"))
	for n := range 10 {
		p := d.draft(fmt.Sprintf("P%d", n)).ARN().String()
		inUse := errors.New("in use")
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return d.Access.DeletePolicy(ctx, p, func(p access.ManagedPolicy) (journal.Event, error) {
					if p.Attached > 0 {
						return journal.Event{}, inUse
					}
					return event("DeletePolicy"), nil
				})
			}
			_, err := d.Access.ChangeIdentity(ctx, user("alice"), func(i *access.Identity) (journal.Event, error) {
				i.Attached = []string{p}
				return event("AttachUserPolicy"), nil
			})
			return err
		})
		if errs[0] == nil {
			d.want(errs[1], access.ErrNoPolicy)
		} else {
			d.want(errs[0], inUse)
			d.must(errs[1])
		}
		d.turn(user("alice"), func(i *access.Identity) { i.Attached = nil })
	}
}

func grantsGather(d *desk) {
	d.staff()
	const admin = "arn:aws:iam::aws:policy/AdministratorAccess"
	mine, theirs := d.draft("Mine"), d.draft("Theirs")
	alice := d.hire(user("alice"))
	d.hire(group("dev"))
	d.turn(group("dev"), func(i *access.Identity) {
		i.Inline, i.Attached = map[string]string{"shared": "S"}, []string{theirs.ARN().String()}
	})
	d.turn(user("alice"), func(i *access.Identity) {
		i.Inline, i.Attached = map[string]string{"b": "B", "a": "A"}, []string{mine.ARN().String()}
		i.Boundary, i.Tags = admin, map[string]string{"team": "red"}
	})
	d.must(d.join("alice", "dev", true))
	g, err := d.Access.Grants(ctx, "arn:aws:iam::111122223333:user/alice")
	d.must(err)
	equal(d, g.ID, alice.ID)
	equal(d, g.Tags, map[string]string{"team": "red"})
	equal(d, g.Identity, []access.Document{{Name: "a", Text: "A"}, {Name: "b", Text: "B"}, {Name: mine.ARN().String(), Text: "document of Mine"},
		{Name: "shared", Text: "S"}, {Name: theirs.ARN().String(), Text: "document of Theirs"}})
	equal(d, g.Boundary.Name, admin)
	for _, none := range []string{"arn:aws:iam::111122223333:user/Alice", "arn:aws:iam::111122223333:user/x/alice", "arn:aws:iam::111122223333:role/alice",
		"arn:aws:iam::444455556666:user/alice", "arn:aws:iam::111122223333:root", "alice", ""} {
		g, err := d.Access.Grants(ctx, none)
		d.must(err)
		equal(d, g, access.Grants{})
	}
}

func policyEntities(d *desk) {
	d.staff()
	p := d.draft("P").ARN().String()
	for _, key := range []access.IdentityKey{user("b"), user("a"), group("g")} {
		d.hire(key)
		d.turn(key, func(i *access.Identity) { i.Attached = []string{p} })
	}
	d.turn(user("a"), func(i *access.Identity) { i.Boundary = p })
	d.hire(user("c"))
	d.turn(user("c"), func(i *access.Identity) { i.Boundary = p })
	found := func(f access.EntityFilter) (names []string) {
		for f.Limit = 1; ; {
			list, err := d.Access.Entities(ctx, testAccount, p, f)
			d.must(err)
			if len(list) == 0 {
				return names
			}
			names = append(names, string(list[0].Kind)+" "+list[0].Name)
			f.After = list[0].IdentityKey
		}
	}
	equal(d, found(access.EntityFilter{}), []string{"group g", "user a", "user b", "user c"})
	equal(d, found(access.EntityFilter{Kind: access.User, PathPrefix: "/", Usage: access.InUse}), []string{"user a", "user b", "user c"})
	equal(d, found(access.EntityFilter{Usage: access.ForPermission}), []string{"group g", "user a", "user b"})
	equal(d, found(access.EntityFilter{Usage: access.ForBoundary}), []string{"user a", "user c"})
	equal(d, found(access.EntityFilter{PathPrefix: "/x/"}), nil)
	d.draft("Unused")
	bounds := d.draft("Bounds").ARN().String()
	d.turn(user("b"), func(i *access.Identity) { i.Boundary = bounds })
	for usage, want := range map[access.Usage]string{access.AnyUsage: "Bounds P Unused", access.InUse: "Bounds P", access.ForPermission: "P", access.ForBoundary: "Bounds P"} {
		list, err := d.Access.Policies(ctx, testAccount, access.Page{Limit: 10}, usage)
		d.must(err)
		var names []string
		for _, m := range list {
			names = append(names, m.Name)
		}
		equal(d, strings.Join(names, " "), want)
	}
	uses, err := d.Access.Uses(ctx, testAccount, []string{p, "arn:aws:iam::111122223333:policy/none"})
	d.must(err)
	equal(d, uses, map[string]access.PolicyUses{p: {Attached: 3, Boundaries: 2}, "arn:aws:iam::111122223333:policy/none": {}})
}
