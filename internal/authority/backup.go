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
// said of it, and every key. Of the leaves, whose keys are nowhere, it has those that
// were revoked by themselves: what is below a revoked CA is void with it.
type backup struct {
	Format       int                 `json:"sealwrightCABackup"` // 1
	MadeAt       time.Time           `json:"madeAt"`
	Active       string              `json:"active"` // ID of the issuing CA
	Certificates []backupCertificate `json:"certificates"`
	Keys         []backupKey         `json:"keys"`
	Leaves       []backupCertificate `json:"revokedLeaves,omitempty"` // older versions make none, and pass them over
}

type backupCertificate struct {
	DER       []byte    `json:"der"`
	IssuerID  string    `json:"issuer"`
	Region    string    `json:"region"`
	KeyID     string    `json:"keyId,omitempty"`
	Replica   string    `json:"replica,omitempty"`
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
	maxBackup     = 16 << 20
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

// Backup writes the CAs and their private keys, in the clear: w must encrypt; and the
// leaves that are revoked. It leaves a row in the journal. lost are the CAs whose key
// is not here though the records name it: they are written without.
func (a *Authority) Backup(ctx context.Context, keys Exporter, w io.Writer) (lost []Certificate, err error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	b := backup{Format: backupFormat, MadeAt: a.timestamp(), Active: now.Active}
	defer b.wipe()
	if err := b.export(ctx, keys, now); err != nil {
		return nil, err
	}
	for _, c := range now.CAs {
		if c.KeyID != "" && !b.has(c.KeyID) {
			lost = append(lost, c)
			c.KeyID = ""
		}
		b.Certificates = append(b.Certificates, forBackup(c))
	}
	if err := b.revokedLeaves(ctx, a.o.Store, now); err != nil {
		return nil, err
	}
	if err := b.write(w); err != nil {
		return nil, err
	}
	_, err = a.o.Store.ChangeAuthorities(ctx, func(Authorities) (*Change, error) {
		return &Change{Event: a.event(ctx, a.o.Now(), "BackupCertificateAuthority", map[string]any{"keys": len(b.Keys)})}, nil
	})
	return lost, err
}

func (b *backup) write(w io.Writer) error {
	text, err := json.Marshal(b)
	if err != nil {
		return errors.New("authority: encode a backup")
	}
	defer clear(text)
	if len(text) > maxBackup {
		return fmt.Errorf("authority: a backup of %d bytes could not be restored: at most %d can", len(text), maxBackup)
	}
	_, err = w.Write(text)
	return err
}

func forBackup(c Certificate) backupCertificate {
	return backupCertificate{c.DER, c.IssuerID, c.Region, c.KeyID, c.Replica, c.CreatedAt, c.RetiredAt, c.RevokedAt, c.RevokedBy, c.Reason}
}

// revokedLeaves takes up the leaves of CAs that are good.
func (b *backup) revokedLeaves(ctx context.Context, store Store, now Authorities) error {
	for _, ca := range now.CAs {
		if !ca.RevokedAt.IsZero() {
			continue
		}
		revoked, err := store.Revoked(ctx, ca.ID)
		if err != nil {
			return err
		}
		for _, c := range revoked {
			if c.Role == Leaf {
				b.Leaves = append(b.Leaves, forBackup(c))
			}
		}
	}
	return nil
}

// export takes up the keys of CAs and requests. One that was made for a CA and has
// none yet stays behind: restored, it would be taken for another.
func (b *backup) export(ctx context.Context, keys Exporter, now Authorities) error {
	all, err := keys.List(ctx)
	if err != nil {
		return err
	}
	for _, k := range all {
		if !now.uses(k.ID) && k.Purpose != forRequest {
			continue
		}
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

func (b *backup) has(keyID string) bool {
	return slices.ContainsFunc(b.Keys, func(k backupKey) bool { return k.ID == keyID })
}

func (b *backup) wipe() {
	for _, k := range b.Keys {
		clear(k.PKCS8)
	}
}
