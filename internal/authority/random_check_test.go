package authority_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/signing"
)

// check is what must be true after each ceremony.
func (m *installation) check() {
	m.t.Helper()
	if m.replica == nil {
		m.restart()
	}
	now := authorities(m.t, m.world)
	m.checkActive(now)
	m.checkRoots(now)
	m.checkKeys(now)
	leaves, err := m.store.Certificates(m.t.Context(), authority.Leaf)
	if err != nil {
		m.t.Fatal(err)
	}
	all := append(leaves, now.CAs...)
	m.checkFacts(all)
	m.checkRevoked(all)
	for _, c := range now.CAs {
		m.checkList(c, all)
	}
}

// checkActive: a leaf of the active CA signs, if that CA can be used; else there is
// no leaf.
func (m *installation) checkActive(now authority.Authorities) {
	m.t.Helper()
	active := find(m.t, now, now.Active)
	if !active.RetiredAt.IsZero() {
		m.t.Error("the active CA is retired")
	}
	stepped := m.replica.Step(m.t.Context())
	leaf, err := m.replica.Leaf(m.t.Context())
	if err == nil && m.isRevoked(leaf.ID) {
		m.replica.Discard(leaf.ID) // as who signs does when the records refuse
		leaf, err = m.replica.Leaf(m.t.Context())
	}
	if !active.RevokedAt.IsZero() || m.ended(now, active) {
		if m.replica.CheckIssuing(m.t.Context()) == nil || err == nil && leaf.IssuerID == active.ID && m.isRevoked(active.ID) {
			m.t.Errorf("the active CA cannot be used, and it is: %v", err)
		}
		return
	}
	if err != nil || stepped != nil || m.replica.CheckIssuing(m.t.Context()) != nil {
		m.t.Fatalf("the active CA can be used, and is not: %v, %v, %v", err, stepped, m.replica.CheckIssuing(m.t.Context()))
	}
	if leaf.IssuerID != active.ID || m.isRevoked(leaf.ID) {
		m.t.Errorf("a leaf of %.6s signs, revoked %v", leaf.IssuerID, m.isRevoked(leaf.ID))
	}
	m.checkLeaf(leaf)
}

// ended says whether a CA or one above it is outside its life.
func (m *installation) ended(now authority.Authorities, c authority.Certificate) bool {
	at := m.clock.now()
	for !at.Before(c.NotBefore) && at.Before(c.NotAfter.Add(-10*time.Minute)) {
		if c.Role == authority.Root {
			return false
		}
		c = find(m.t, now, c.IssuerID)
	}
	return true
}

func (m *installation) isRevoked(id string) bool {
	c, err := m.store.Certificate(m.t.Context(), id)
	if err != nil {
		m.t.Fatal(err)
	}
	return !c.RevokedAt.IsZero()
}

func (m *installation) checkLeaf(leaf *authority.Signer) {
	m.t.Helper()
	validate(m.t, m.world, leaf)
	certs := parse(m.t, leaf.Chain())
	digest := sha512.Sum384([]byte("signed"))
	signature, err := leaf.Sign(digest[:])
	if err != nil {
		m.t.Fatal(err)
	}
	if !ecdsa.Verify(certs[0].PublicKey.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:48]), new(big.Int).SetBytes(signature[48:])) {
		m.t.Error("the leaf's certificate does not verify what it signed")
	}
	m.signed[fingerprint(certs[len(certs)-1])] = true
}

// checkRoots: each root that was ever signed under is offered, until it is taken out
// of service; and the active one comes first.
func (m *installation) checkRoots(now authority.Authorities) {
	m.t.Helper()
	var offered []string
	for _, c := range now.Published() {
		offered = append(offered, c.ID)
		if !c.RetiredAt.IsZero() || !c.RevokedAt.IsZero() {
			m.t.Errorf("%.6s is offered", c.ID)
		}
	}
	for id := range m.signed {
		c := find(m.t, now, id)
		if c.RetiredAt.IsZero() && c.RevokedAt.IsZero() != slices.Contains(offered, id) {
			m.t.Errorf("the root %.6s was signed under and is not offered", id)
		}
	}
	if active := find(m.t, now, now.Active); now.InService(active) && !now.Above(active.ID, offered[0]) {
		m.t.Errorf("the first root offered is %.6s", offered[0])
	}
}

// checkKeys: each key of a CA is there and its own; what no CA has waits for one.
func (m *installation) checkKeys(now authority.Authorities) {
	m.t.Helper()
	used := map[string]int{}
	for _, c := range now.CAs {
		if c.KeyID == "" {
			continue
		}
		used[c.KeyID]++
		err := m.keys().Use(m.t.Context(), c.KeyID, func(key crypto.Signer) error {
			if !parse(m.t, [][]byte{c.DER})[0].PublicKey.(*ecdsa.PublicKey).Equal(key.Public()) {
				return fmt.Errorf("it is another's")
			}
			return nil
		})
		if err != nil {
			m.t.Errorf("the key of %.6s: %v", c.ID, err)
		}
	}
	keys, err := m.keys().List(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	waiting := map[authority.Purpose]int{}
	for _, k := range keys {
		switch made := k.Purpose == "root" || k.Purpose == "issuing"; {
		case used[k.ID] == 0:
			waiting[k.Purpose]++
		case used[k.ID] > 1 && made:
			m.t.Errorf("%d CAs that were made here share a key", used[k.ID])
		}
	}
	if waiting["root"] > 1 || waiting["issuing"] > 1 || waiting["imported"] > 0 && !m.raced {
		m.t.Errorf("keys are left over: %v", waiting)
	}
}

// checkFacts: what is retired or revoked stays so, and all below what is revoked is.
func (m *installation) checkFacts(all []authority.Certificate) {
	m.t.Helper()
	revoked := map[string]bool{}
	for _, c := range all {
		revoked[c.ID] = !c.RevokedAt.IsZero()
		if was, there := m.revoked[c.ID]; there && was != c.Revocation {
			m.t.Errorf("%.6s was revoked %+v and is %+v", c.ID, was, c.Revocation)
		}
		if m.retired[c.ID] && c.RetiredAt.IsZero() {
			m.t.Errorf("%.6s is retired no more", c.ID)
		}
		m.retired[c.ID] = !c.RetiredAt.IsZero()
		if revoked[c.ID] {
			m.revoked[c.ID] = c.Revocation
		}
	}
	for _, c := range all {
		if revoked[c.IssuerID] && !revoked[c.ID] {
			m.t.Errorf("the %s %.6s below %.6s, which is revoked, is not", c.Role, c.ID, c.IssuerID)
		}
	}
}

// checkRevoked: GetRevocationStatus knows the same.
func (m *installation) checkRevoked(all []authority.Certificate) {
	m.t.Helper()
	for some := range slices.Chunk(all, 16) {
		var hashes, want []string
		for _, c := range some {
			hashes = append(hashes, c.Hash)
			if !c.RevokedAt.IsZero() {
				want = append(want, c.Hash)
			}
		}
		facts, err := m.db.Jobs().RevocationFacts(m.t.Context(), signing.ProfileKey{}, "", signing.JobKey{}, hashes)
		slices.Sort(want)
		if err != nil || !slices.Equal(facts.Revoked, want) {
			m.t.Errorf("revoked are %d of %d, want %d; %v", len(facts.Revoked), len(some), len(want), err)
		}
	}
}

// checkList: the list of a CA whose key is here has what is revoked, and no more.
func (m *installation) checkList(ca authority.Certificate, all []authority.Certificate) {
	m.t.Helper()
	der, err := m.replica.CRL(m.t.Context(), ca.ID)
	if ca.KeyID == "" {
		if err == nil {
			m.t.Error("a list of a CA whose key is elsewhere")
		}
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(parse(m.t, [][]byte{ca.DER})[0]); err != nil {
		m.t.Error(err)
	}
	var got, want []string
	for _, e := range list.RevokedCertificateEntries {
		got = append(got, fmt.Sprint(e.SerialNumber.Text(16), e.ReasonCode))
	}
	for _, c := range all {
		if c.IssuerID == ca.ID && c.ID != ca.ID && !c.RevokedAt.IsZero() {
			want = append(want, fmt.Sprint(c.Serial, int(c.Reason)))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		m.t.Errorf("the list of %.6s has %q, want %q", ca.ID, got, want)
	}
	if now := m.clock.now(); now.Before(list.ThisUpdate) || now.After(list.NextUpdate) {
		m.t.Errorf("the list is of %v to %v", list.ThisUpdate, list.NextUpdate)
	}
}

// checkRestored: what a backup has is there, and as void and as retired as it says.
func (m *installation) checkRestored(from saved, now authority.Authorities) {
	m.t.Helper()
	for id, issuer := range from.leaves {
		c, err := m.store.Certificate(m.t.Context(), id)
		if err == nil && c.RevokedAt.IsZero() || err != nil && !m.isRevoked(issuer) {
			m.t.Errorf("the leaf %.6s is good again: %v", id, err)
		}
	}
	for _, was := range from.stood.CAs {
		c := find(m.t, now, was.ID)
		if was.Hash != c.Hash || was.Role != c.Role || was.IssuerID != c.IssuerID || was.KeyID != "" && was.KeyID != c.KeyID {
			m.t.Errorf("%.6s is back as %+v", was.ID, c)
		}
		if !was.RevokedAt.IsZero() && c.RevokedAt.IsZero() || !was.RetiredAt.IsZero() && c.RetiredAt.IsZero() && !now.Above(now.Active, c.ID) {
			m.t.Errorf("%.6s is back in service", was.ID)
		}
	}
}

// checkEvents: one event for each change of the CAs, and none for no change.
func (m *installation) checkEvents(before, after state, others bool) {
	m.t.Helper()
	changed, leaf, told := !reflect.DeepEqual(before.Authorities, after.Authorities), false, 0
	for _, name := range m.events()[before.events:after.events] {
		switch name {
		case "CreateCertificateAuthority", "RotateCertificateAuthority", "UpdateCertificateAuthority", "ImportCertificateAuthorityCertificate":
			told++
		case "RestoreCertificateAuthority", "RevokeCertificate":
			leaf = true // perhaps; and a restoration may have several
		}
	}
	if changed != (told > 0) && !leaf || told > 1 && !others {
		m.t.Errorf("the CAs changed: %v, and the journal tells %d times", changed, told)
	}
}
