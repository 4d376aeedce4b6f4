package access_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
)

// forged is a token of the right shape that no service made.
func forged(t testing.TB, account string) string {
	t.Helper()
	return base64.RawURLEncoding.EncodeToString(append([]byte("\x01"+account), make([]byte, 100)...))
}

// FuzzVerifyToken looks for a text that is accepted and is not the token that
// was issued. The token is fixed in part only (it is encrypted under a fresh
// key), so the fuzzer works on edits of it.
func FuzzVerifyToken(f *testing.F) {
	w := newWorld(f)
	token := w.token(f)
	f.Add(0, 0, "")
	f.Add(0, 1, "\n")
	f.Add(len(token)-1, 1, "B")
	f.Add(0, len(token), forged(f, "111122223333"))
	f.Add(5, 3, token)
	f.Fuzz(func(t *testing.T, at, drop int, insert string) {
		at = min(max(at, 0), len(token))
		drop = min(max(drop, 0), len(token)-at)
		text := token[:at] + insert + token[at+drop:]
		_, _, err := w.VerifyToken(context.Background(), text)
		if text == token && err != nil {
			t.Errorf("the token itself: %v", err)
		}
		if text != token && !errors.Is(err, access.ErrTokenInvalid) {
			t.Errorf("%q: %v, want ErrTokenInvalid", text, err)
		}
	})
}
