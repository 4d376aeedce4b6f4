package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
		{"a CA and its issuer's end", authorityBelowRace},
		{"change", authorityChanges},
		{"revoke", authorityRevoke},
		{"keys", authorityKeys},
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

func (d *desk) newHierarchy() []authority.Certificate {
	root := d.certificate(authority.Root, "")
	return []authority.Certificate{root, d.certificate(authority.Issuing, root.ID)}
}

// bootstrap makes CAs the authority, unless there is one.
func (d *desk) bootstrap(made []authority.Certificate) (authority.Authorities, error) {
	return d.Authority.ChangeAuthorities(ctx, func(now authority.Authorities) (*authority.Change, error) {
		if now.Active != "" {
			return nil, nil
		}
		return &authority.Change{Add: made, Activate: made[1].ID, Event: event("CreateAuthority")}, nil
	})
}

// change changes the authority.
func (d *desk) change(c authority.Change) authority.Authorities {
	d.Helper()
	stands, err := d.Authority.ChangeAuthorities(ctx, func(authority.Authorities) (*authority.Change, error) { return &c, nil })
	d.must(err)
	return stands
}

// hierarchy makes the authority, if there is none.
func (d *desk) hierarchy() authority.Authorities {
	d.Helper()
	stands, err := d.bootstrap(d.newHierarchy())
	d.must(err)
	return stands
}

// revokeCertificate voids a certificate.
func (d *desk) revokeCertificate(id string) error {
	_, err := d.Authority.Revoke(ctx, id, revocation(d.now), event("RevokeCertificate"))
	return err
}

func revocation(at time.Time) authority.Revocation {
	return authority.Revocation{RevokedAt: at, RevokedBy: "operator/one", Reason: authority.KeyCompromise}
}

// leaf adds a leaf to the authority, which it makes if there is none.
func (d *desk) leaf() authority.Certificate {
	d.Helper()
	leaf := d.certificate(authority.Leaf, d.hierarchy().Active)
	d.must(d.Authority.AddCertificate(ctx, leaf, event("IssueCertificate")))
	return leaf
}

func authorityNothing(d *desk) {
	none, err := d.Authority.Authorities(ctx)
	d.must(err)
	equal(d, none, authority.Authorities{})
	_, err = d.Authority.Certificate(ctx, "00")
	d.want(err, authority.ErrNoCertificate)
	all, err := d.Authority.Certificates(ctx, authority.Leaf)
	d.must(err)
	equal(d, len(all), 0)
	_, err = d.Authority.Revoke(ctx, "00", revocation(d.now), event("RevokeCertificate"))
	d.want(err, authority.ErrNoCertificate)
	equal(d, len(d.events()), 0)
}

func authorityBootstrap(d *desk) {
	made := d.newHierarchy()
	made[0].KeyID, made[1].KeyID = "root key", "issuing key"
	wanted := authority.Authorities{Active: made[1].ID, CAs: made}
	got, err := d.bootstrap(made)
	d.must(err)
	equal(d, got, wanted)
	got, err = d.bootstrap(d.newHierarchy())
	d.must(err)
	equal(d, got, wanted)
	got, err = d.Authority.Authorities(ctx)
	d.must(err)
	equal(d, got, wanted)
	equal(d, d.events(), []string{"CreateAuthority"})
	for role, wanted := range map[authority.Role][]authority.Certificate{authority.Root: {made[0]}, authority.Issuing: {made[1]}, authority.Leaf: nil} {
		all, err := d.Authority.Certificates(ctx, role)
		d.must(err)
		equal(d, all, wanted)
	}
}

func authorityBootstrapRace(d *desk) {
	got, made := make([]authority.Authorities, 6), make([][]authority.Certificate, 6)
	for i := range made {
		made[i] = d.newHierarchy()
	}
	errs := atOnce(len(made), func(i int) (err error) {
		got[i], err = d.bootstrap(made[i])
		return err
	})
	for i, err := range errs {
		d.must(err)
		equal(d, got[i], got[0])
	}
	if !slices.ContainsFunc(made, func(m []authority.Certificate) bool { return m[1].ID == got[0].Active }) {
		d.Fatalf("nobody made %+v", got[0])
	}
	equal(d, d.events(), []string{"CreateAuthority"})
	roots, err := d.Authority.Certificates(ctx, authority.Root)
	d.must(err)
	equal(d, len(roots), 1)
}

// authorityChanges replaces an issuing CA, does it again, and retires the first.
func authorityChanges(d *desk) {
	first := d.hierarchy()
	next := d.certificate(authority.Issuing, first.CAs[0].ID)
	got := d.change(authority.Change{Add: []authority.Certificate{next}, Activate: next.ID, Event: event("Rotate")})
	equal(d, got, authority.Authorities{Active: next.ID, CAs: append(slices.Clone(first.CAs), next)})
	equal(d, d.change(authority.Change{Add: []authority.Certificate{next}, Activate: next.ID, Event: event("Again")}), got)

	retire := event("Retire")
	retire.Time = d.tick()
	retired := d.change(authority.Change{Retire: []string{first.Active}, Event: retire})
	got.CAs[1].RetiredAt = retire.Time
	equal(d, retired, got)

	refusal := errors.New("refused")
	_, err := d.Authority.ChangeAuthorities(ctx, func(now authority.Authorities) (*authority.Change, error) {
		equal(d, now, retired)
		return &authority.Change{Activate: first.Active, Event: event("Refused")}, refusal
	})
	d.want(err, refusal)
	got, err = d.Authority.Authorities(ctx)
	d.must(err)
	equal(d, got, retired)
	equal(d, d.events(), []string{"CreateAuthority", "Rotate", "Again", "Retire"})
}

// authorityRevoke voids an issuing CA, and with it what it issued; a leaf that
// was void before keeps its reason.
func authorityRevoke(d *desk) {
	first := d.hierarchy()
	one, two := d.leaf(), d.leaf()
	other := d.certificate(authority.Issuing, first.CAs[0].ID)
	d.change(authority.Change{Add: []authority.Certificate{other}, Activate: other.ID, Event: event("Rotate")})
	kept := d.leaf()

	early, late := revocation(d.tick()), revocation(d.tick())
	for i, wanted := range []bool{false, true} {
		again, err := d.Authority.Revoke(ctx, one.ID, early, event("RevokeCertificate"))
		d.must(err)
		if again != wanted {
			d.Fatalf("call %d: again is %v", i, again)
		}
		early.RevokedAt = d.tick()
	}
	_, err := d.Authority.Revoke(ctx, first.Active, late, event("RevokeCertificate"))
	d.must(err)

	one.Revocation = revocation(late.RevokedAt.Add(-time.Second))
	two.Revocation = late
	two.Reason = authority.CACompromise
	for _, wanted := range []authority.Certificate{one, two, kept} {
		got, err := d.Authority.Certificate(ctx, wanted.Hash)
		d.must(err)
		equal(d, got, wanted)
	}
	for issuer, wanted := range map[string][]authority.Certificate{first.Active: {one, two}, other.ID: nil} {
		got, err := d.Authority.Revoked(ctx, issuer)
		d.must(err)
		equal(d, got, wanted)
	}
	got, err := d.Authority.Revoked(ctx, first.CAs[0].ID)
	d.must(err)
	if len(got) != 1 || got[0].ID != first.Active || got[0].Revocation != late {
		d.Fatalf("the root's list is %+v", got)
	}
	d.want(d.Authority.AddCertificate(ctx, d.certificate(authority.Leaf, first.Active), event("IssueCertificate")), authority.ErrCertificateBad)
	equal(d, d.events(), []string{"CreateAuthority", "IssueCertificate", "IssueCertificate", "Rotate", "IssueCertificate", "RevokeCertificate", "RevokeCertificate"})
}

// authorityKeys keeps keys.
func authorityKeys(d *desk) {
	_, err := d.Keys.Key(ctx, "one")
	d.want(err, authority.ErrNoKey)
	one := authority.SealedKey{Key: authority.Key{ID: "one", Purpose: "root", CreatedAt: d.tick()}, Sealed: []byte("sealed\x00")}
	two := authority.SealedKey{Key: authority.Key{ID: "two", Purpose: "issuing", CreatedAt: d.tick()}, Sealed: []byte("sealed, too")}
	d.must(d.Keys.AddKey(ctx, one, event("CreateKey")))
	d.must(d.Keys.AddKey(ctx, two, event("CreateKey")))
	d.must(d.Keys.AddKey(ctx, authority.SealedKey{Key: one.Key, Sealed: []byte("another")}, event("CreateKey")))
	got, err := d.Keys.Key(ctx, "one")
	d.must(err)
	equal(d, got, one)
	for range 2 {
		d.must(d.Keys.DeleteKey(ctx, "one", event("DeleteKey")))
	}
	all, err := d.Keys.Keys(ctx)
	d.must(err)
	equal(d, all, []authority.SealedKey{two})
	equal(d, d.events(), []string{"CreateKey", "CreateKey", "DeleteKey"})
}

func authorityAdd(d *desk) {
	h := d.hierarchy()
	var wanted []authority.Certificate
	for range 3 {
		leaf := d.certificate(authority.Leaf, h.Active)
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
	before := append(d.events(), "RevokeCertificate")
	add := func(c authority.Certificate) error {
		return d.Authority.AddCertificate(ctx, c, event("IssueCertificate"))
	}

	d.want(add(d.certificate(authority.Leaf, "00")), authority.ErrNoCertificate)
	d.want(add(leaf), authority.ErrKnown)
	twin := d.certificate(authority.Leaf, h.Active)
	twin.Serial = leaf.Serial
	d.want(add(twin), authority.ErrKnown)
	d.must(d.revokeCertificate(h.Active))
	late := d.certificate(authority.Leaf, h.Active)
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
		leaves[i] = d.certificate(authority.Leaf, h.Active)
	}
	d.tick()
	errs := atOnce(len(leaves)+1, func(i int) error {
		if i == len(leaves) {
			return d.revokeCertificate(h.Active)
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
	d.want(d.Authority.AddCertificate(ctx, d.certificate(authority.Leaf, h.Active), event("IssueCertificate")), authority.ErrCertificateBad)
}

// authorityBelowRace: a CA that was added below one that was good at that moment is
// revoked with whatever is above it.
func authorityBelowRace(d *desk) {
	h := d.newHierarchy()
	between := d.certificate(authority.Issuing, h[1].ID)
	d.change(authority.Change{Add: append(h, between), Activate: between.ID, Event: event("CreateAuthority")})
	made := make([]authority.Certificate, 13)
	for i := range made {
		made[i] = d.certificate(authority.Issuing, between.ID)
	}
	d.tick()
	errs := atOnce(len(made), func(i int) error {
		if i == len(made)/2 {
			return d.revokeCertificate(h[0].ID)
		}
		_, err := d.Authority.ChangeAuthorities(ctx, func(now authority.Authorities) (*authority.Change, error) {
			above := slices.IndexFunc(now.CAs, func(c authority.Certificate) bool { return c.ID == between.ID })
			if !now.CAs[above].RevokedAt.IsZero() {
				return nil, authority.ErrCertificateBad
			}
			return &authority.Change{Add: made[i : i+1], Event: event("Rotate")}, nil
		})
		return err
	})
	for _, err := range errs {
		if err != nil {
			d.want(err, authority.ErrCertificateBad)
		}
	}
	stands, err := d.Authority.Authorities(ctx)
	d.must(err)
	for _, c := range stands.CAs {
		if c.RevokedAt.IsZero() {
			d.Fatalf("%s below %s is not revoked", c.ID, c.IssuerID)
		}
	}
}
