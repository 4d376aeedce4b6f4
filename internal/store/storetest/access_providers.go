package storetest

import (
	"errors"
	"fmt"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/journal"
)

// issuer makes a provider.
func (d *desk) issuer(name string) access.Provider {
	d.Helper()
	p := access.Provider{Account: testAccount, URL: "https://" + name, ClientIDs: []string{"b", "a"},
		Thumbprints: []string{"0123456789012345678901234567890123456789"}, Tags: map[string]string{"k": "v"}, CreatedAt: d.tick()}
	d.must(d.Access.CreateProvider(ctx, p, most, event("Create")))
	return p
}

func providerLife(d *desk) {
	d.staff()
	_, err := d.Access.Provider(ctx, testAccount, "b.example/x")
	d.want(err, access.ErrNoProvider)
	p, other := d.issuer("b.example/x"), d.issuer("a.example")
	before, _ := d.Access.Revision()
	d.want(d.Access.CreateProvider(ctx, p, most, event("Create")), access.ErrProviderExists)
	p.URL = "https://c.example"
	d.want(d.Access.CreateProvider(ctx, p, 2, event("Create")), access.ErrTooMany)
	p.URL = "https://b.example/x"
	got, err := d.Access.Provider(ctx, testAccount, "b.example/x")
	d.must(err)
	equal(d, got, p)
	_, err = d.Access.Provider(ctx, otherAccount, "b.example/x")
	d.want(err, access.ErrNoProvider)
	list, err := d.Access.Providers(ctx, testAccount)
	d.must(err)
	equal(d, list, []access.Provider{other, p})
	p.ClientIDs, p.Thumbprints, p.Tags = []string{"c"}, nil, nil
	d.must(d.Access.ChangeProvider(ctx, testAccount, "b.example/x", func(was *access.Provider) (journal.Event, error) {
		*was = p
		return event("Change"), nil
	}))
	got, err = d.Access.Provider(ctx, testAccount, "b.example/x")
	d.must(err)
	equal(d, got, p)
	no := errors.New("no")
	d.want(d.Access.ChangeProvider(ctx, testAccount, "b.example/x", func(was *access.Provider) (journal.Event, error) {
		was.ClientIDs = nil
		return event("Change"), no
	}), no)
	d.must(d.Access.DeleteProvider(ctx, testAccount, "a.example", event("Delete")))
	d.want(d.Access.DeleteProvider(ctx, testAccount, "a.example", event("Delete")), access.ErrNoProvider)
	d.want(d.Access.ChangeProvider(ctx, testAccount, "a.example", func(*access.Provider) (journal.Event, error) { return event("Change"), nil }), access.ErrNoProvider)
	list, err = d.Access.Providers(ctx, testAccount)
	d.must(err)
	equal(d, list, []access.Provider{p})
	equal(d, d.events(), []string{"CreateAccount", "Create", "Create", "Change", "Delete"})
	after, _ := d.Access.Revision()
	equal(d, after != before, true)
}

// Changes at once are one after the other: none is lost.
func providerRace(d *desk) {
	d.staff()
	d.issuer("a.example")
	for _, err := range atOnce(6, func(n int) error {
		return d.Access.ChangeProvider(ctx, testAccount, "a.example", func(p *access.Provider) (journal.Event, error) {
			p.ClientIDs = append(p.ClientIDs, fmt.Sprint(n))
			return event("Change"), nil
		})
	}) {
		d.must(err)
	}
	got, err := d.Access.Provider(ctx, testAccount, "a.example")
	d.must(err)
	equal(d, len(got.ClientIDs), 8)
}
