package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
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
	defer b.wipe()
	if err := b.export(ctx, keys, now); err != nil {
		return err
	}
	for _, c := range now.CAs {
		if !b.has(c.KeyID) {
			c.KeyID = "" // it is lost
		}
		b.Certificates = append(b.Certificates, backupCertificate{c.DER, c.IssuerID, c.Region, c.KeyID, c.CreatedAt, c.RetiredAt, c.RevokedAt, c.RevokedBy, c.Reason})
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
