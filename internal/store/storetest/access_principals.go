package storetest

import "github.com/sealwright/sealwright/internal/access"

// principalsFound: users and roles are found by what they are called now, and by
// what they were given when they were made.
func principalsFound(d *desk) {
	d.staff()
	alice, role := d.hire(user("alice")), d.hire(access.IdentityKey{Account: testAccount, Kind: access.Role, Name: "alice"})
	list := func(list []access.Identity, err error) []access.Identity {
		d.Helper()
		d.must(err)
		return list
	}
	elsewhere := user("alice")
	elsewhere.Account = otherAccount
	equal(d, list(d.Access.IdentitiesNamed(ctx, []access.IdentityKey{user("none"), user("ALICE"), role.IdentityKey, elsewhere})), []access.Identity{alice, role})
	equal(d, list(d.Access.IdentitiesByID(ctx, []string{role.ID, "AIDANONENONENONENONE1", "", alice.ID})), []access.Identity{role, alice})
	equal(d, len(list(d.Access.IdentitiesNamed(ctx, nil)))+len(list(d.Access.IdentitiesByID(ctx, nil))), 0)

	renamed := d.turn(user("alice"), func(i *access.Identity) { i.Name, i.Path = "Alison", "/x/" })
	equal(d, len(list(d.Access.IdentitiesNamed(ctx, []access.IdentityKey{user("alice")}))), 0)
	found := list(d.Access.IdentitiesByID(ctx, []string{alice.ID}))
	equal(d, found[0].ARN(), renamed.ARN())
	d.must(d.fire(user("alison")))
	again := d.hire(user("alison"))
	equal(d, len(list(d.Access.IdentitiesByID(ctx, []string{alice.ID}))), 0)
	equal(d, list(d.Access.IdentitiesNamed(ctx, []access.IdentityKey{user("alison")}))[0].ID, again.ID)
}
