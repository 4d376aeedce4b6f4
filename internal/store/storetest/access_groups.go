package storetest

import (
	"errors"
	"fmt"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/journal"
)

// join makes a user a member of a group, or none.
func (d *desk) join(name, of string, member bool) error {
	return d.Access.ChangeMembership(ctx, user(name), group(of), func(u, g access.Identity) (bool, journal.Event, error) { return member, event("Join"), nil })
}

// identityGroupRace: who was told to have left a group has left it, whatever it is
// called by then.
func identityGroupRace(d *desk) {
	d.staff()
	alice := d.hire(user("alice"))
	d.hire(group("g0"))
	for n := range 10 {
		was, next := fmt.Sprint("g", n), fmt.Sprint("g", n+1)
		d.must(d.join("alice", was, true))
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return d.join("alice", was, false)
			}
			_, err := d.Access.ChangeIdentity(ctx, group(was), func(g *access.Identity) (journal.Event, error) {
				g.Name = next
				return event("Rename"), nil
			})
			return err
		})
		d.must(errs[1])
		if errs[0] != nil {
			d.want(errs[0], access.ErrNoIdentity)
			d.must(d.join("alice", next, false))
		}
		got, err := d.Access.Identity(ctx, alice.IdentityKey)
		d.must(err)
		equal(d, len(got.Groups), 0)
	}
}

func identityGroups(d *desk) {
	d.staff()
	d.hire(user("alice"))
	d.hire(user("Bob"))
	d.hire(group("dev"))
	d.hire(group("ops"))
	for _, name := range []string{"alice", "bob"} {
		d.must(d.join(name, "dev", true))
		d.must(d.join(name, "OPS", true))
	}
	d.must(d.join("alice", "dev", true))
	d.want(d.join("alice", "none", true), access.ErrNoIdentity)
	d.want(d.join("none", "dev", true), access.ErrNoIdentity)
	refused := errors.New("refused")
	d.want(d.Access.ChangeMembership(ctx, user("alice"), group("dev"), func(u, g access.Identity) (bool, journal.Event, error) {
		equal(d, []any{u.Groups, g.Name}, []any{[]string{"dev", "ops"}, "dev"})
		return false, journal.Event{}, refused
	}), refused)
	members, err := d.Access.Members(ctx, group("dev"), access.Page{Limit: 10})
	d.must(err)
	equal(d, nameList(members), "alice Bob")
	members, err = d.Access.Members(ctx, group("dev"), access.Page{After: "alice", Limit: 10})
	d.must(err)
	equal(d, nameList(members), "Bob")
	_, err = d.Access.Members(ctx, group("none"), access.Page{Limit: 1})
	d.want(err, access.ErrNoIdentity)
	d.must(d.join("bob", "dev", false))
	d.must(d.join("bob", "dev", false))
	g, err := d.Access.Identity(ctx, group("dev"))
	d.must(err)
	equal(d, g.Members, 1)
	if err := d.fire(group("dev")); err == nil {
		d.Fatal("a group was deleted under its member")
	}
}

// renameRace: of those who want one name at once, one gets it and the others are told
// that it is taken.
func renameRace(d *desk) {
	d.staff()
	for n := range 5 {
		for i := range 4 {
			d.hire(user(fmt.Sprint("u", n, "-", i)))
		}
		got := 0
		for _, err := range atOnce(4, func(i int) error {
			_, err := d.Access.ChangeIdentity(ctx, user(fmt.Sprint("u", n, "-", i)), func(u *access.Identity) (journal.Event, error) {
				u.Name = fmt.Sprint("star", n)
				return event("Rename"), nil
			})
			return err
		}) {
			if err == nil {
				got++
			} else {
				d.want(err, access.ErrIdentityExists)
			}
		}
		equal(d, got, 1)
	}
}
