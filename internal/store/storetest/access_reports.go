package storetest

import "github.com/sealwright/sealwright/internal/access"

// reportLife: users with their keys, and the newest report.
func reportLife(d *desk) {
	d.staff()
	bob, alice := d.hire(user("Bob")), d.hire(user("alice"))
	d.hire(access.IdentityKey{Account: testAccount, Kind: access.Role, Name: "ci"})
	keys := []access.AccessKey{d.key(bob, "AKIA2"), d.key(bob, "AKIA3")}
	d.turn(bob.IdentityKey, func(i *access.Identity) { i.Keys, i.Tags = keys, map[string]string{"k": "v"} })
	users, err := d.Access.CredentialHolders(ctx, testAccount)
	d.must(err)
	bob.Keys = keys
	equal(d, users, []access.Identity{alice, bob})
	users, err = d.Access.CredentialHolders(ctx, otherAccount)
	d.must(err)
	equal(d, len(users), 0)

	_, err = d.Access.CredentialReport(ctx, testAccount)
	d.want(err, access.ErrNoReport)
	for _, text := range []string{"first", "second\n"} {
		r := access.CredentialReport{MadeAt: d.tick(), Content: text}
		d.must(d.Access.SaveCredentialReport(ctx, testAccount, r, event("GenerateCredentialReport")))
		got, err := d.Access.CredentialReport(ctx, testAccount)
		d.must(err)
		equal(d, got, r)
	}
	_, err = d.Access.CredentialReport(ctx, otherAccount)
	d.want(err, access.ErrNoReport)
}
