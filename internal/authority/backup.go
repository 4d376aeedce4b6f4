package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// backup is what a backup of the authority holds, as JSON: every CA with what is
// said of it, and every key. Leaves are not in it: their keys are nowhere.
type backup struct {
	Format       int                 `json:"sealwrightCABackup"` // 1
	MadeAt       time.Time           `json:"madeAt"`
	Active       string              `json:"active"` // ID of the issuing CA
	Certificates []backupCertificate `json:"certificates"`
	Keys         []backupKey         `json:"keys"`
}

type backupCertificate struct {
	DER       []byte    `json:"der"`
	IssuerID  string    `json:"issuer"`
	Region    string    `json:"region"`
	KeyID     string    `json:"keyId,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	RetiredAt time.Time `json:"retiredAt,omitzero"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	RevokedBy string    `json:"revokedBy,omitempty"`
	Reason    Reason    `json:"reason,omitempty"`
}

type backupKey struct {
	Key
	PKCS8 []byte `json:"pkcs8"`
}

// strange says whether a key has a name that no key of ours has.
func (k backupKey) strange() bool {
	id, err := hex.DecodeString(k.ID)
	return err != nil || len(id) != sha256.Size || !slices.Contains([]Purpose{"first", forRoot, forIssuing, forRequest, imported}, k.Purpose)
}

const (
	backupFormat  = 1
	maxBackup     = 4 << 20
	maxBackupKeys = 1000
)

// Exporter gives out CA keys for a backup, and takes them in again: not every
// [Keys] can.
type Exporter interface {
	Keys
	Export(ctx context.Context, id string, do func(*ecdsa.PrivateKey) error) error
	// Restore saves a key under the ID it had, unless it is there.
	Restore(ctx context.Context, k Key, key *ecdsa.PrivateKey) error
}

// Backup writes the CAs and their private keys, in the clear: w must encrypt. It
// leaves a row in the journal.
func (a *Authority) Backup(ctx context.Context, keys Exporter, w io.Writer) error {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return err
	}
	b := backup{Format: backupFormat, MadeAt: a.timestamp(), Active: now.Active}
	for _, c := range now.CAs {
		b.Certificates = append(b.Certificates, backupCertificate{c.DER, c.IssuerID, c.Region, c.KeyID, c.CreatedAt, c.RetiredAt, c.RevokedAt, c.RevokedBy, c.Reason})
	}
	defer b.wipe()
	if err := b.export(ctx, keys); err != nil {
		return err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return errors.New("authority: encode a backup")
	}
	defer clear(text)
	if _, err := w.Write(text); err != nil {
		return err
	}
	_, err = a.o.Store.ChangeAuthorities(ctx, func(Authorities) (*Change, error) {
		return &Change{Event: a.event(ctx, a.o.Now(), "BackupCertificateAuthority", map[string]any{"keys": len(b.Keys)})}, nil
	})
	return err
}

func (b *backup) export(ctx context.Context, keys Exporter) error {
	all, err := keys.List(ctx)
	if err != nil {
		return err
	}
	for _, k := range all {
		err := keys.Export(ctx, k.ID, func(key *ecdsa.PrivateKey) error {
			der, err := x509.MarshalPKCS8PrivateKey(key)
			b.Keys = append(b.Keys, backupKey{k, der})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *backup) wipe() {
	for _, k := range b.Keys {
		clear(k.PKCS8)
	}
}

// Restore brings back what a backup holds and is not here, keys first. What is
// here stays as it is, but that it is retired or revoked if the backup says so:
// neither can be undone, not by older records either. Before there is an active
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
	if err := b.restoreKeys(ctx, keys); err != nil {
		return Authorities{}, err
	}
	if _, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) { return a.restored(ctx, b, known, now), nil }); err != nil {
		return Authorities{}, err
	}
	if err := a.revokeAgain(ctx, known); err != nil {
		return Authorities{}, err
	}
	return a.o.Store.Authorities(ctx)
}

func (b *backup) restoreKeys(ctx context.Context, keys Exporter) error {
	for _, k := range b.Keys {
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
func (a *Authority) restored(ctx context.Context, b backup, known []Certificate, now Authorities) *Change {
	change := &Change{Add: now.missing(known)}
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
		return nil
	}
	change.Event = a.event(ctx, a.o.Now(), "RestoreCertificateAuthority", map[string]any{"certificates": len(change.Add), "madeAt": b.MadeAt})
	return change
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

func (s Authorities) missing(all []Certificate) (missing []Certificate) {
	for _, c := range all {
		if _, found := s.find(c.ID); !found {
			missing = append(missing, c)
		}
	}
	return missing
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

// certificates reads the CAs of a backup, and checks that they hang together.
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
		if !found || byID[id].CheckSignatureFrom(issuer) != nil {
			return nil, fmt.Errorf("authority: the backup's certificate %s is not signed by %s", id, c.IssuerID)
		}
		role := Issuing
		if c.IssuerID == id {
			role = Root
		}
		r := record(role, c.Region, byID[id], issuer, c.CreatedAt)
		r.KeyID, r.RetiredAt, r.Revocation = c.KeyID, c.RetiredAt, Revocation{c.RevokedAt, c.RevokedBy, c.Reason}
		all.CAs = append(all.CAs, r)
	}
	_, err := all.chainOf(b.Active)
	return all.CAs, err
}
