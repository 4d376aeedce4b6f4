package authority

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// forLog is the key that signs the transparency log's checkpoints.
const forLog Purpose = "log"

// GenerateLogKey makes an Ed25519 key for a transparency log; the checkpoint
// format knows no P-384. It lies sealed beside the CA keys.
func (s *SealedKeys) GenerateLogKey(ctx context.Context) (string, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("authority: make a log key: %w", err)
	}
	defer clear(key)
	id, err := keyID(public)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("authority: encode a log key: %w", err)
	}
	defer clear(der)
	k := Key{ID: id, Purpose: forLog, CreatedAt: s.now().UTC().Truncate(time.Microsecond)}
	e := s.event(ctx, "CreateKey", map[string]any{"keyId": id, "purpose": forLog})
	if err := s.records.AddKey(ctx, SealedKey{k, s.sealer.Seal(sealName(id), der)}, e); err != nil {
		return "", fmt.Errorf("authority: save a log key: %w", err)
	}
	return id, nil
}

// LogPublicKey returns the public half of a log's key. ErrNoKey.
func (s *SealedKeys) LogPublicKey(ctx context.Context, id string) (public []byte, err error) {
	err = s.useLogKey(ctx, id, func(key ed25519.PrivateKey) { public = key.Public().(ed25519.PublicKey) })
	return public, err
}

// SignLog signs a message with a log's key. ErrNoKey.
func (s *SealedKeys) SignLog(ctx context.Context, id string, message []byte) (signature []byte, err error) {
	err = s.useLogKey(ctx, id, func(key ed25519.PrivateKey) { signature = ed25519.Sign(key, message) })
	return signature, err
}

func (s *SealedKeys) useLogKey(ctx context.Context, id string, do func(ed25519.PrivateKey)) error {
	der, err := s.unseal(ctx, id)
	if err != nil {
		return err
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return errors.New("authority: the log key is not a PKCS#8 Ed25519 key") // the cause could quote key bytes
	}
	defer clear(key)
	do(key)
	return nil
}
