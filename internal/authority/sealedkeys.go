package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
)

// SealedKey is a key as it lies in the records: PKCS#8, sealed under
// "authority/<ID>".
type SealedKey struct {
	Key
	Sealed []byte
}

// SealedKeys is the [Keys] whose keys lie sealed in the records, and are opened
// for the moment of one signature.
type SealedKeys struct {
	records KeyRecords
	sealer  *seal.Sealer
	region  string
	now     func() time.Time
}

// NewSealedKeys keeps keys in records under sealer. region goes into the journal;
// a nil now is time.Now.
func NewSealedKeys(records KeyRecords, sealer *seal.Sealer, region string, now func() time.Time) *SealedKeys {
	if now == nil {
		now = time.Now
	}
	return &SealedKeys{records, sealer, region, now}
}

// Generate implements [Keys].
func (s *SealedKeys) Generate(ctx context.Context, p Purpose) (Key, error) {
	key, err := newKey()
	if err != nil {
		return Key{}, fmt.Errorf("authority: make a CA key: %w", err)
	}
	defer wipe(key)
	return s.save(ctx, Key{Purpose: p}, key, "CreateKey")
}

// Import takes in a key from outside, which it does not wipe.
func (s *SealedKeys) Import(ctx context.Context, key *ecdsa.PrivateKey) (Key, error) {
	return s.save(ctx, Key{Purpose: imported}, key, "ImportKey")
}

// Restore implements [Exporter].
func (s *SealedKeys) Restore(ctx context.Context, k Key, key *ecdsa.PrivateKey) error {
	_, err := s.save(ctx, k, key, "ImportKey")
	return err
}

// save keeps a key; what k leaves open is filled in.
func (s *SealedKeys) save(ctx context.Context, k Key, key *ecdsa.PrivateKey, event string) (_ Key, err error) {
	if k.ID == "" {
		k.CreatedAt = s.now().UTC().Truncate(time.Microsecond)
		if k.ID, err = keyID(&key.PublicKey); err != nil {
			return Key{}, err
		}
	}
	sealed, err := s.seal(k.ID, key)
	if err != nil {
		return Key{}, err
	}
	e := s.event(ctx, event, map[string]any{"keyId": k.ID, "purpose": k.Purpose})
	if err := s.records.AddKey(ctx, SealedKey{k, sealed}, e); err != nil {
		return Key{}, fmt.Errorf("authority: save a CA key: %w", err)
	}
	return k, nil
}

func (s *SealedKeys) seal(id string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("authority: encode a CA key: %w", err)
	}
	defer clear(der)
	return s.sealer.Seal(sealName(id), der), nil
}

// sealName is the name a CA's private key is sealed under.
func sealName(keyID string) string { return "authority/" + keyID }

// Use implements [Keys].
func (s *SealedKeys) Use(ctx context.Context, id string, do func(crypto.Signer) error) error {
	return s.open(ctx, id, func(key *ecdsa.PrivateKey) error { return do(key) })
}

// Export lends a private key to do, for a backup. ErrNoKey.
func (s *SealedKeys) Export(ctx context.Context, id string, do func(*ecdsa.PrivateKey) error) error {
	return s.open(ctx, id, do)
}

func (s *SealedKeys) open(ctx context.Context, id string, do func(*ecdsa.PrivateKey) error) error {
	der, err := s.unseal(ctx, id)
	if err != nil {
		return err
	}
	defer clear(der)
	key, err := parseKey(der)
	if err != nil {
		return err
	}
	defer wipe(key)
	return do(key)
}

// unseal returns a key's PKCS#8, which the caller clears.
func (s *SealedKeys) unseal(ctx context.Context, id string) ([]byte, error) {
	k, err := s.records.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	der, err := s.sealer.Open(sealName(id), k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("authority: the key %s is not sealed under this installation's data key (id %s): if the secrets were sealed anew while this process ran, start it again with the new wrapping key; "+
			"else the records were mixed with another's, or spoiled: restore them from a backup: %w", id, s.sealer.ID(), err)
	}
	return der, nil
}

// parseKey reads a P-384 key from PKCS#8.
func parseKey(der []byte) (*ecdsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("this is not a private key in PKCS#8") // the cause could quote key bytes
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P384() {
		return nil, errors.New("this private key is not on the curve P-384, the one this service's platform signs with")
	}
	return ec, nil
}

// List implements [Keys]. The transparency log's key is no CA's.
func (s *SealedKeys) List(ctx context.Context) ([]Key, error) {
	sealed, err := s.records.Keys(ctx)
	var keys []Key
	for _, k := range sealed {
		if k.Purpose != forLog {
			keys = append(keys, k.Key)
		}
	}
	return keys, err
}

// Delete implements [Keys].
func (s *SealedKeys) Delete(ctx context.Context, id string) error {
	return s.records.DeleteKey(ctx, id, s.event(ctx, "DeleteKey", map[string]any{"keyId": id}))
}

func (s *SealedKeys) event(ctx context.Context, name string, detail map[string]any) journal.Event {
	return journal.New(ctx, s.now(), journal.SourceSealwright, name, journal.Subject{Region: s.region}, detail)
}

// keyID names a public key: the hex SHA-256 of its SubjectPublicKeyInfo.
func keyID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("authority: encode a public key: %w", err)
	}
	return fingerprint(der), nil
}

// wipe overwrites a private key, as far as Go lets: the runtime may have moved
// or copied it before.
func wipe(key *ecdsa.PrivateKey) {
	clear(key.D.Bits()) //lint:ignore SA1019 overwriting is what the field is deprecated for, and what we want
}
