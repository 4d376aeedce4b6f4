package authority

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Restore brings back what a backup holds and is not here, keys first. What is
// here stays as it is, but that it is retired or revoked if the backup says so, leaves
// included: neither can be undone, not by older records either. Before there is an active
// issuing CA, the backup's becomes it. Repeated, it does nothing. It returns the CAs
// that stand then.
func (a *Authority) Restore(ctx context.Context, keys Exporter, r io.Reader) (Authorities, error) {
	b, err := readBackup(r)
	if err != nil {
		return Authorities{}, err
	}
	defer b.wipe()
	known, err := b.certificates()
	if err != nil {
		return Authorities{}, err
	}
	leaves, err := b.leaves(Authorities{CAs: known})
	if err != nil {
		return Authorities{}, err
	}
	if err := b.restoreKeys(ctx, keys, Authorities{CAs: known}); err != nil {
		return Authorities{}, err
	}
	if _, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) { return a.restored(ctx, b, known, now) }); err != nil {
		return Authorities{}, err
	}
	if err := a.revokeAgain(ctx, known); err != nil {
		return Authorities{}, err
	}
	for _, c := range leaves {
		if err := a.revokeLeafAgain(ctx, c); err != nil {
			return Authorities{}, err
		}
	}
	return a.o.Store.Authorities(ctx)
}

// restoreKeys saves the keys. One of a CA is not taken for another, if the backup's
// CAs are not recorded for some reason.
func (b *backup) restoreKeys(ctx context.Context, keys Exporter, known Authorities) error {
	for _, k := range b.Keys {
		if known.uses(k.ID) {
			k.Purpose = imported
		}
		key, err := parseKey(k.PKCS8)
		if err != nil {
			return err
		}
		err = keys.Restore(ctx, k.Key, key)
		wipe(key)
		if err != nil {
			return err
		}
	}
	return nil
}

// restored is what a backup changes about the CAs as they are now; nil for nothing.
func (a *Authority) restored(ctx context.Context, b backup, known []Certificate, now Authorities) (*Change, error) {
	change := &Change{Add: now.voided(now.missing(known))}
	for _, c := range change.Add {
		if err := now.checkSerial(c, "restore the backup into an empty data directory"); err != nil {
			return nil, err
		}
	}
	for _, c := range known {
		here, found := now.find(c.ID)
		if found && !c.RetiredAt.IsZero() && here.RetiredAt.IsZero() && !now.Above(now.Active, c.ID) {
			change.Retire = append(change.Retire, c.ID)
		}
	}
	if now.Active == "" {
		change.Activate = b.Active
	}
	if len(change.Add)+len(change.Retire) == 0 && change.Activate == "" {
		return nil, nil
	}
	change.Event = a.event(ctx, a.o.Now(), "RestoreCertificateAuthority", map[string]any{"certificates": len(change.Add), "madeAt": b.MadeAt})
	return change, nil
}

// revokeAgain revokes what is not revoked here, the oldest revocation first, so that
// one of a CA below another keeps its own reason.
func (a *Authority) revokeAgain(ctx context.Context, known []Certificate) error {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(known, func(a, b Certificate) int { return a.RevokedAt.Compare(b.RevokedAt) })
	for _, c := range known {
		here, found := now.find(c.ID)
		if c.RevokedAt.IsZero() || !found || !here.RevokedAt.IsZero() {
			continue
		}
		if _, err := a.o.Store.Revoke(ctx, c.ID, c.Revocation, a.revoked(ctx, c, a.timestamp(), c.Reason)); err != nil {
			return err
		}
	}
	return nil
}

// revokeLeafAgain revokes a leaf, which may not be here. One whose issuer is revoked
// is void with it, here or not.
func (a *Authority) revokeLeafAgain(ctx context.Context, c Certificate) error {
	e := a.revoked(ctx, c, a.timestamp(), c.Reason)
	here, err := a.o.Store.Certificate(ctx, c.ID)
	switch {
	case errors.Is(err, ErrNoCertificate):
		if err = a.o.Store.AddCertificate(ctx, c, e); errors.Is(err, ErrCertificateBad) {
			return nil
		}
	case err == nil && here.RevokedAt.IsZero():
		_, err = a.o.Store.Revoke(ctx, c.ID, c.Revocation, e)
	}
	return err
}

// missing are the CAs that are not here, or whose key is not, issuers first.
func (s Authorities) missing(all []Certificate) (missing []Certificate) {
	for _, c := range all {
		if here, found := s.find(c.ID); !found || here.KeyID == "" && c.KeyID != "" {
			missing = append(missing, c)
		}
	}
	return missing
}

// voided revokes CAs, issuers first, that are below one that is revoked here.
func (s Authorities) voided(all []Certificate) []Certificate {
	void := map[string]Revocation{}
	for _, c := range s.CAs {
		void[c.ID] = c.Revocation
	}
	for i, c := range all {
		if above := void[c.IssuerID]; c.RevokedAt.IsZero() && !above.RevokedAt.IsZero() {
			all[i].Revocation = Revocation{above.RevokedAt, above.RevokedBy, CACompromise}
		}
		if _, here := void[c.ID]; !here {
			void[c.ID] = all[i].Revocation
		}
	}
	return all
}

func readBackup(r io.Reader) (backup, error) {
	var b backup
	text, err := io.ReadAll(io.LimitReader(r, maxBackup+1))
	if err != nil {
		return b, err
	}
	defer clear(text)
	if len(text) > maxBackup || json.Unmarshal(text, &b) != nil || b.Format != backupFormat || len(b.Keys) > maxBackupKeys || slices.ContainsFunc(b.Keys, backupKey.strange) {
		return b, fmt.Errorf("this is not a backup of a certificate authority that this program knows (format %d)", backupFormat)
	}
	return b, nil
}

// certificates reads the CAs of a backup, issuers first, and checks that they hang
// together and that their keys are theirs.
func (b *backup) certificates() ([]Certificate, error) {
	all := Authorities{Active: b.Active}
	byID := map[string]*x509.Certificate{}
	for _, c := range b.Certificates {
		cert, err := x509.ParseCertificate(c.DER)
		if err != nil {
			return nil, fmt.Errorf("authority: the backup holds what is no certificate: %w", err)
		}
		byID[fingerprint(c.DER)] = cert
	}
	for _, c := range b.Certificates {
		id := fingerprint(c.DER)
		issuer, found := byID[c.IssuerID]
		if !found || !byID[id].IsCA || byID[id].CheckSignatureFrom(issuer) != nil {
			return nil, fmt.Errorf("authority: the backup's certificate %s is not a CA that %s signed", id, c.IssuerID)
		}
		keyID, err := b.keyOf(byID[id], c.KeyID)
		if err != nil {
			return nil, err
		}
		role := Issuing
		if c.IssuerID == id {
			role = Root
		}
		r := record(role, c.Region, byID[id], issuer, c.CreatedAt)
		r.KeyID, r.RetiredAt, r.Revocation = keyID, c.RetiredAt, Revocation{c.RevokedAt, c.RevokedBy, c.Reason}
		if err := all.checkSerial(r, "this is no backup that this program made"); err != nil {
			return nil, err
		}
		all.CAs = append(all.CAs, r)
	}
	slices.SortStableFunc(all.CAs, func(a, b Certificate) int { return all.depth(a) - all.depth(b) })
	_, err := all.chainOf(b.Active)
	return all.CAs, err
}

// leaves reads the revoked leaves of a backup, whose CAs are known.
func (b *backup) leaves(known Authorities) (all []Certificate, err error) {
	for _, c := range b.Leaves {
		cert, err := x509.ParseCertificate(c.DER)
		if err != nil {
			return nil, fmt.Errorf("authority: the backup holds what is no certificate: %w", err)
		}
		above, err := known.chainOf(c.IssuerID)
		if err != nil {
			return nil, err
		}
		if cert.IsCA || c.RevokedAt.IsZero() || cert.CheckSignatureFrom(above.issuing()) != nil {
			return nil, fmt.Errorf("authority: the backup's certificate %s is not a revoked leaf of %s", fingerprint(c.DER), c.IssuerID)
		}
		r := record(Leaf, c.Region, cert, above.issuing(), c.CreatedAt)
		r.Replica, r.Revocation = c.Replica, Revocation{c.RevokedAt, c.RevokedBy, c.Reason}
		all = append(all, r)
	}
	return all, nil
}

// keyOf is the ID of a certificate's key, "" if the backup has none of it.
func (b *backup) keyOf(cert *x509.Certificate, id string) (string, error) {
	at := slices.IndexFunc(b.Keys, func(k backupKey) bool { return k.ID == id })
	if id == "" || at < 0 {
		return "", nil
	}
	key, err := parseKey(b.Keys[at].PKCS8)
	if err != nil {
		return "", err
	}
	defer wipe(key)
	if !key.PublicKey.Equal(cert.PublicKey) {
		return "", fmt.Errorf("authority: the backup's key %s is not that of %q", id, cert.Subject)
	}
	return id, nil
}

// depth is how many CAs are above one.
func (s Authorities) depth(c Certificate) (n int) {
	for ; c.Role != Root && n < maxChain; n++ {
		c, _ = s.find(c.IssuerID)
	}
	return n
}
