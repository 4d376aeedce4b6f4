package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
)

// Authority is the contract of [authority.Store].
func Authority(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"nothing yet", authorityNothing},
		{"bootstrap", authorityBootstrap},
		{"bootstrap at once", authorityBootstrapRace},
		{"add a leaf", authorityAdd},
		{"a leaf that cannot be", authorityRefusals},
		{"a leaf and its issuer's end", authorityIssuerRace},
	})
}

// certificate makes a record; its DER is only a text that no other one has.
func (d *desk) certificate(role authority.Role, issuer string) authority.Certificate {
	d.serial++
	der := fmt.Appendf(nil, "%s certificate %d of %s", role, d.serial, d.Name())
	sum := sha256.Sum256(der)
	c := authority.Certificate{ID: hex.EncodeToString(sum[:]), Role: role, Region: testRegion, Serial: fmt.Sprintf("%x", d.serial), DER: der,
		IssuerID: issuer, CreatedAt: d.tick(), NotBefore: d.now.Add(-time.Minute), NotAfter: d.now.Add(72 * time.Hour)}
	c.Hash = strings.Repeat(c.ID, 3) // 192 characters
	if role == authority.Root {
		c.IssuerID = c.ID
	}
	if role == authority.Leaf {
		c.Replica = "replica-1"
	}
	return c
}

func (d *desk) newHierarchy() authority.Hierarchy {
	root := d.certificate(authority.Root, "")
	return authority.Hierarchy{Root: root, Issuing: d.certificate(authority.Issuing, root.ID), RootKey: []byte("root key\x00"), IssuingKey: []byte("issuing key")}
}

// hierarchy makes the authority.
func (d *desk) hierarchy() authority.Hierarchy {
	d.Helper()
	h, err := d.Authority.BootstrapHierarchy(ctx, d.newHierarchy(), event("CreateAuthority"))
	d.must(err)
	return h
}

// leaf adds a leaf to the authority, which it makes if there is none.
func (d *desk) leaf() authority.Certificate {
	d.Helper()
	h, err := d.Authority.Hierarchy(ctx)
	if err != nil {
		d.want(err, authority.ErrNoHierarchy)
		h = d.hierarchy()
	}
	leaf := d.certificate(authority.Leaf, h.Issuing.ID)
	d.must(d.Authority.AddCertificate(ctx, leaf, event("IssueCertificate")))
	return leaf
}

func authorityNothing(d *desk) {
	_, err := d.Authority.Hierarchy(ctx)
	d.want(err, authority.ErrNoHierarchy)
	_, err = d.Authority.Certificate(ctx, "00")
	d.want(err, authority.ErrNoCertificate)
	all, err := d.Authority.Certificates(ctx, authority.Leaf)
	d.must(err)
	equal(d, len(all), 0)
}

func authorityBootstrap(d *desk) {
	h := d.newHierarchy()
	got, err := d.Authority.BootstrapHierarchy(ctx, h, event("CreateAuthority"))
	d.must(err)
	equal(d, got, h)
	got, err = d.Authority.BootstrapHierarchy(ctx, d.newHierarchy(), event("CreateAuthority"))
	d.must(err)
	equal(d, got, h)
	got, err = d.Authority.Hierarchy(ctx)
	d.must(err)
	equal(d, got, h)
	equal(d, d.events(), []string{"CreateAuthority"})
	for role, wanted := range map[authority.Role][]authority.Certificate{authority.Root: {h.Root}, authority.Issuing: {h.Issuing}, authority.Leaf: nil} {
		all, err := d.Authority.Certificates(ctx, role)
		d.must(err)
		equal(d, all, wanted)
	}
}

func authorityBootstrapRace(d *desk) {
	got, made := make([]authority.Hierarchy, 6), make([]authority.Hierarchy, 6)
	for i := range made {
		made[i] = d.newHierarchy()
	}
	errs := atOnce(len(made), func(i int) (err error) {
		got[i], err = d.Authority.BootstrapHierarchy(ctx, made[i], event("CreateAuthority"))
		return err
	})
	for i, err := range errs {
		d.must(err)
		equal(d, got[i], got[0])
	}
	if !slices.ContainsFunc(made, func(h authority.Hierarchy) bool {
		return h.Root.ID == got[0].Root.ID && h.Issuing.ID == got[0].Issuing.ID
	}) {
		d.Fatalf("nobody made %+v", got[0])
	}
	equal(d, d.events(), []string{"CreateAuthority"})
	roots, err := d.Authority.Certificates(ctx, authority.Root)
	d.must(err)
	equal(d, len(roots), 1)
}

func authorityAdd(d *desk) {
	h := d.hierarchy()
	var wanted []authority.Certificate
	for range 3 {
		leaf := d.certificate(authority.Leaf, h.Issuing.ID)
		d.must(d.Authority.AddCertificate(ctx, leaf, event("IssueCertificate")))
		wanted = append(wanted, leaf)
		got, err := d.Authority.Certificate(ctx, leaf.ID)
		d.must(err)
		equal(d, got, leaf)
	}
	slices.Reverse(wanted)
	all, err := d.Authority.Certificates(ctx, authority.Leaf)
	d.must(err)
	equal(d, all, wanted)
	equal(d, d.events(), []string{"CreateAuthority", "IssueCertificate", "IssueCertificate", "IssueCertificate"})
}

func authorityRefusals(d *desk) {
	h := d.hierarchy()
	leaf := d.leaf()
	before := d.events()
	add := func(c authority.Certificate) error {
		return d.Authority.AddCertificate(ctx, c, event("IssueCertificate"))
	}

	d.want(add(d.certificate(authority.Leaf, "00")), authority.ErrNoCertificate)
	d.wantFailure(add(leaf))
	twin := d.certificate(authority.Leaf, h.Issuing.ID)
	twin.Serial = leaf.Serial
	d.wantFailure(add(twin))
	d.must(d.RevokeCertificate(ctx, h.Issuing.ID, d.tick()))
	late := d.certificate(authority.Leaf, h.Issuing.ID)
	d.want(add(late), authority.ErrCertificateBad)
	_, err := d.Authority.Certificate(ctx, late.ID)
	d.want(err, authority.ErrNoCertificate)
	equal(d, d.events(), before)
}

// authorityIssuerRace: a leaf that was added had a good issuer at that moment.
func authorityIssuerRace(d *desk) {
	h := d.hierarchy()
	leaves := make([]authority.Certificate, 12)
	for i := range leaves {
		leaves[i] = d.certificate(authority.Leaf, h.Issuing.ID)
	}
	at := d.tick()
	errs := atOnce(len(leaves)+1, func(i int) error {
		if i == len(leaves) {
			return d.RevokeCertificate(ctx, h.Issuing.ID, at)
		}
		return d.Authority.AddCertificate(ctx, leaves[i], event("IssueCertificate"))
	})
	d.must(errs[len(leaves)])
	for i, err := range errs[:len(leaves)] {
		if _, found := d.Authority.Certificate(ctx, leaves[i].ID); (err == nil) != (found == nil) {
			d.Fatalf("adding a leaf: %v, finding it: %v", err, found)
		}
		if err != nil {
			d.want(err, authority.ErrCertificateBad)
		}
	}
	d.want(d.Authority.AddCertificate(ctx, d.certificate(authority.Leaf, h.Issuing.ID), event("IssueCertificate")), authority.ErrCertificateBad)
}
