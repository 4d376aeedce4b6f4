package sigv4

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestVerifyTogether: requests that are verified at the same time, in memory that is
// used again, have nothing of each other. The race detector says more.
func TestVerifyTogether(t *testing.T) {
	v := &Verifier{}
	var all sync.WaitGroup
	for n := range 8 {
		body := fmt.Appendf(nil, "body %d", n)
		r, err := http.NewRequest("POST", fmt.Sprintf("http://host.test/%d?b=%d&a=%s", n, n, strings.Repeat("x", n<<10)), bytes.NewReader(body))
		if err != nil || resign(r, body) != nil {
			t.Fatal(err)
		}
		good, _, err := received(r)
		if err != nil {
			t.Fatal(err)
		}
		bad := good.Clone(t.Context())
		bad.RequestURI = strings.Replace(good.RequestURI, "b=", "b=0", 1)
		all.Go(func() {
			for range 200 {
				if err := verifyAll(v, good, body); err != nil {
					t.Errorf("request %d: %v", n, err)
				}
				if err := verifyAll(v, bad, body); err == nil {
					t.Errorf("request %d is good with another parameter", n)
				}
			}
		})
	}
	all.Wait()
}
