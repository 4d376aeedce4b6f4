// Package webidentity judges the tokens of OpenID Connect issuers: who made one,
// whom it is for, and what it says of its bearer.
//
// A token comes from a stranger. Nothing of it counts before its signature is
// checked with a key that its issuer publishes; only which issuer it names is read
// earlier, to know whose keys to ask for. Those keys are remembered, so that
// strangers cannot have an issuer asked at their pace.
package webidentity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"

	"github.com/sealwright/sealwright/internal/fault"
)

// Errors of tokens. Edges translate them to STS's.
var (
	// ErrInvalid means that a token is none, or not one of its issuer for us now.
	ErrInvalid = fault.New(fault.Invalid, "the web identity token is not valid")
	// ErrExpired means that a token was good once.
	ErrExpired = fault.New(fault.Invalid, "the web identity token has expired")
	// ErrRejected means that an authentic token has a claim that cannot be taken.
	ErrRejected = fault.New(fault.Denied, "a claim of the web identity token cannot be accepted")
	// ErrUnreachable means that the issuer's keys could not be had. Retry.
	ErrUnreachable = fault.New(fault.Unavailable, "the identity provider could not be asked for its keys")
)

// maxToken bounds a token, in bytes.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
const maxToken = 20_000

// algorithms are those a token may be signed with. None of them is symmetric.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// Token is a token that has been read and not believed.
type Token struct {
	signed *jose.JSONWebSignature
	issuer string
	claims map[string]any
}

// Parse reads a token: a JWS in compact form whose payload is a JSON object, with
// no name twice, that names its issuer. ErrInvalid.
//
// Source: RFC 7519, section 7.2
func Parse(text string) (Token, error) {
	if len(text) > maxToken {
		return Token{}, fault.Becausef(ErrInvalid, "The token has more than %d characters.", maxToken)
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return Token{}, fault.Becausef(ErrInvalid, "The token is not a JWT that is signed with RS256, RS384, RS512, ES256, ES384 or ES512. Pass what the identity provider issued, whole and unchanged.")
	}
	t := Token{signed: signed}
	payload := signed.UnsafePayloadWithoutVerification()
	if !utf8.Valid(payload) || josejson.Unmarshal(payload, &t.claims) != nil || t.claims == nil {
		return Token{}, fault.Becausef(ErrInvalid, "The token's claims are not a JSON object with each name once.")
	}
	if t.issuer, _ = t.claims["iss"].(string); t.issuer == "" || strings.ContainsFunc(t.issuer, unicode.IsControl) {
		return Token{}, missing("iss")
	}
	return t, nil
}

// Issuer is who the token says made it. Do not believe it.
func (t Token) Issuer() string { return t.issuer }

func missing(claim string) error {
	return fault.Becausef(ErrInvalid, "Missing a required claim: %s", claim)
}

// verify checks the signature with the keys, all of which fit.
func (t Token) verify(keys []jose.JSONWebKey) error {
	for _, k := range keys {
		if _, err := t.signed.Verify(k); err == nil {
			return nil
		}
	}
	return fault.Becausef(ErrInvalid, "No key of the identity provider fits the token's signature (kid %.100q). Get a new token from it.", t.header().KeyID)
}

func (t Token) header() jose.Header { return t.signed.Signatures[0].Protected }

// A key set has at most this many keys that count, and that are looked at.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxKeys    = 200
	maxEntries = 1000
)

// parseKeys reads a key set and leaves out what no token may be signed with.
//
// Source: RFC 7517, section 5
func parseKeys(document []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxEntries)] {
		var k jose.JSONWebKey
		if len(keys) < maxKeys && k.UnmarshalJSON(raw) == nil && usable(k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Bounds of RSA keys, in bits.
const (
	minRSA = 2048
	maxRSA = 8192
)

func usable(k jose.JSONWebKey) bool {
	if !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return true
	}
	return false
}

// fits reports whether a token with this header may be signed with the key. The
// key's type decides, not the header. Without a kid the key must be the only one.
func fits(k jose.JSONWebKey, h jose.Header, only bool) bool {
	if h.KeyID != k.KeyID && (h.KeyID != "" || !only) || k.Algorithm != "" && k.Algorithm != h.Algorithm {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return h.Algorithm[:2] == "RS"
	case *ecdsa.PublicKey:
		return curves[h.Algorithm] == key.Curve
	}
	return false
}

// Source: RFC 7518, section 3.4
var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
