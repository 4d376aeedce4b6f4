package storetest

import (
	"errors"
	"fmt"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// permit adds a statement to what stands.
func (d *desk) permit(key signing.ProfileKey, statement string) error {
	return d.Profiles.ChangePermissions(ctx, key, func(p signing.Profile, current signing.Permissions) (signing.Permissions, journal.Event, error) {
		if p.ProfileKey != key {
			return signing.Permissions{}, journal.Event{}, fmt.Errorf("the profile is %+v", p)
		}
		next := signing.Permissions{Revision: current.Revision + "+" + statement, Statements: append(current.Statements,
			signing.Permission{StatementID: statement, Action: "signer:SignPayload", Principal: "444455556666", Version: p.Version})}
		return next, about("AddProfilePermission", key, nil), nil
	})
}

func (d *desk) permissions(key signing.ProfileKey) signing.Permissions {
	d.Helper()
	all, err := d.Profiles.Permissions(ctx, key)
	d.must(err)
	return all
}

func permissionsNone(d *desk) {
	key := signing.ProfileKey{Account: testAccount, Name: "none"}
	_, err := d.Profiles.Permissions(ctx, key)
	d.want(err, signing.ErrProfileNotFound)
	d.want(d.permit(key, "a"), signing.ErrProfileNotFound)
	p := d.profile("app")
	equal(d, d.permissions(p.ProfileKey), signing.Permissions{})
	d.want(d.Profiles.ChangePermissions(ctx, p.ProfileKey, func(signing.Profile, signing.Permissions) (signing.Permissions, journal.Event, error) {
		return signing.Permissions{Revision: "1"}, journal.Event{}, errRefused
	}), errRefused)
	equal(d, d.permissions(p.ProfileKey), signing.Permissions{})
	equal(d, d.events(), []string{"PutSigningProfile"})
}

func permissionsChange(d *desk) {
	p, bystander := d.profile("app"), d.profile("app2")
	d.must(d.permit(p.ProfileKey, "a"))
	d.must(d.permit(p.ProfileKey, "b"))
	all := d.permissions(p.ProfileKey)
	equal(d, all.Revision, "+a+b")
	equal(d, all.Statements[1], signing.Permission{StatementID: "b", Action: "signer:SignPayload", Principal: "444455556666", Version: p.Version})
	equal(d, d.permissions(bystander.ProfileKey), signing.Permissions{})
	d.must(d.cancel(p))
	equal(d, d.permissions(p.ProfileKey), all)

	next := d.newProfile(testAccount, "app")
	d.must(d.put(next)) // a new version begins with none
	equal(d, d.permissions(p.ProfileKey), signing.Permissions{})
}

func permissionsRace(d *desk) {
	p := d.profile("app")
	const n = 8
	d.must(errors.Join(atOnce(n, func(i int) error { return d.permit(p.ProfileKey, fmt.Sprint(i)) })...))
	equal(d, len(d.permissions(p.ProfileKey).Statements), n)
}
