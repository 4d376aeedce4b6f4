package authority

import (
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestKeyIsWiped drops a signer and waits for the collector to notice.
func TestKeyIsWiped(t *testing.T) {
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	words := key.D.Bits() //lint:ignore SA1019 what wipe overwrites
	s := newSigner(Certificate{}, testChain, key)
	if _, err := s.Sign(make([]byte, 48)); err != nil {
		t.Fatal(err)
	}
	s = nil
	wiped := func() bool {
		for _, word := range words {
			if word != 0 {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(time.Minute); !wiped(); runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the key is still there")
		}
	}
}

func TestSignerDoesNotPrintItsKey(t *testing.T) {
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	d := key.D //lint:ignore SA1019 how fmt would print it
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		text := strings.ToLower(fmt.Sprintf(verb, newSigner(Certificate{}, testChain, key)))
		if strings.Contains(text, d.String()) || strings.Contains(text, fmt.Sprintf("%x", secret)) || strings.Contains(text, strings.ToLower(fmt.Sprintf("%#v", d))) {
			t.Errorf("%s prints the key", verb)
		}
	}
	runtime.KeepAlive(key)
}

var testChain = &chain{certs: []*x509.Certificate{new(x509.Certificate)}}
