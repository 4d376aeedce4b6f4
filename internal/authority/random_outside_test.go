package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/rand/v2"
	"testing"
)

// outside is somebody with CAs of their own, few keys, and few names for them.
type outside struct {
	house
	random   *rand.Rand
	clock    *clock
	keys     []*ecdsa.PrivateKey
	cas      []owned
	requests [][]byte
}

// owned is a CA with its chain, and its key.
type owned struct {
	chain []*x509.Certificate
	key   *ecdsa.PrivateKey
}

func newOutside(t *testing.T, random *rand.Rand, c *clock) *outside {
	o := &outside{house: house{t: t}, random: random, clock: c}
	for range 3 {
		o.keys = append(o.keys, o.key(elliptic.P384()))
	}
	return o
}

// any is a CA: one from before, or a new one.
func (o *outside) any() owned {
	if n := o.random.IntN(len(o.cas) + 2); n < len(o.cas) {
		return o.cas[n]
	}
	made := o.root()
	if o.random.IntN(3) > 0 {
		made = o.below(o.parent())
	}
	o.cas = append(o.cas, made)
	return made
}

func (o *outside) someKey() *ecdsa.PrivateKey { return o.keys[o.random.IntN(len(o.keys))] }

// template is that of a CA, which may end before what it certifies, and within
// what time may pass.
func (o *outside) template() *x509.Certificate {
	o.now = o.clock.now()
	t := o.ca([]string{"Acme", "Bolt"}[o.random.IntN(2)])
	t.NotAfter = o.now.AddDate(0, []int{2, 20, 120}[o.random.IntN(3)], 0)
	return t
}

func (o *outside) root() owned {
	t, key := o.template(), o.someKey()
	return owned{[]*x509.Certificate{o.sign(t, t, key.Public(), key)}, key}
}

// parent is a CA that may certify another: a root, or one below a root.
func (o *outside) parent() owned {
	for range 5 {
		if len(o.cas) == 0 {
			break
		}
		if p := o.cas[o.random.IntN(len(o.cas))]; len(p.chain) < 3 {
			return p
		}
	}
	made := o.root()
	o.cas = append(o.cas, made)
	return made
}

func (o *outside) below(p owned) owned {
	key := o.someKey()
	return owned{append([]*x509.Certificate{o.sign(o.template(), p.chain[0], key.Public(), p.key)}, p.chain...), key}
}

// answer certifies the key of a request.
func (o *outside) answer(request []byte) []*x509.Certificate {
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		o.t.Fatal(err)
	}
	p := o.parent()
	return append([]*x509.Certificate{o.sign(o.template(), p.chain[0], csr.PublicKey, p.key)}, p.chain...)
}

func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}
