package ociapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/registry"
)

// slow is a client that takes nothing until it may go on.
type slow struct {
	*httptest.ResponseRecorder
	waits, goOn chan struct{}
}

func (w *slow) Write(b []byte) (int, error) {
	w.waits <- struct{}{}
	<-w.goOn
	return w.ResponseRecorder.Write(b)
}

// TestSlowClientsHoldBoundedMemory: large manifests that are being sent take the
// memory there is for them and no more, and the same one takes it once.
func TestSlowClientsHoldBoundedMemory(t *testing.T) {
	s := serve(t, nil, "app")
	config := s.pushBlob("app", []byte("{}"))
	put := func(fill int) string {
		content := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[],"annotations":{"a":%q}}`, config, strings.Repeat("x", fill))
		r := s.want(s.do("PUT", fmt.Sprint("/v2/app/manifests/m", fill), strings.NewReader(content), "Content-Type: "+registry.MediaTypeImage), 201)
		return r.Header.Get("Location")
	}
	large, larger, little := put(100_000), put(100_001), put(1)
	handler := ociapi.New(ociapi.Options{Registry: s.registry, Tokens: s.access, Authorizer: s, Sending: 150_000})
	get := func(w http.ResponseWriter, path string) {
		r := httptest.NewRequest("GET", path, nil)
		r.SetBasicAuth("AWS", s.password)
		handler.ServeHTTP(w, r)
	}
	var clients []*slow
	var all sync.WaitGroup
	for range 2 { // who are sent the same bytes
		w := &slow{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
		all.Go(func() { get(w, large) })
		<-w.waits
		clients = append(clients, w)
	}
	status := func(path string) int {
		w := httptest.NewRecorder()
		get(w, path)
		if w.Code != 200 && (w.Header().Get("Retry-After") == "" || w.Header().Get("ETag") != "") {
			t.Errorf("%d with %v", w.Code, w.Header())
		}
		return w.Code
	}
	for path, want := range map[string]int{larger: 429, little: 200, large: 200} {
		if got := status(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	for _, w := range clients {
		close(w.goOn)
	}
	all.Wait()
	if got := status(larger); got != 200 {
		t.Errorf("when all is sent: %d", got)
	}
}
