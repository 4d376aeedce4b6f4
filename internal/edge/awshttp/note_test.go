package awshttp_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// TestNoteNamesOperationAndPrincipal: the operation is known before the
// signature is checked, the principal only after.
func TestNoteNamesOperationAndPrincipal(t *testing.T) {
	service, root := newAccess(t)
	var notes []string
	h, err := awshttp.New(awshttp.Options{
		Authenticator: service, Authorizer: service, Region: region, Logger: slog.New(slog.DiscardHandler),
		Note: func(_ http.ResponseWriter, operation, principal string) {
			notes = append(notes, operation+" "+principal)
		},
	}, awshttp.Service{SigningName: "signer", Protocol: awshttp.RESTJSON, Validation: "ValidationException", Operations: []awshttp.Operation{
		awshttp.Op("ListThings", "signer:ListThings", func(*awshttp.Call, *struct{}) string { return "*" },
			func(context.Context, *awshttp.Call, *struct{}) (*struct{}, error) { return &struct{}{}, nil }).At("GET", "/things"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	w := &world{Server: server, Root: root, Now: time.Now}
	for range 2 {
		if a := send(t, w.sign(t, request{method: "GET", path: "/things"})); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	send(t, w.sign(t, request{method: "GET", path: "/things", secret: strings.Repeat("x", 40)}))
	send(t, w.sign(t, request{method: "GET", path: "/nothing"}))
	who := "signer:ListThings arn:aws:iam::" + account + ":root"
	if want := []string{"signer:ListThings ", who, "signer:ListThings ", who, "signer:ListThings "}; !slices.Equal(notes, want) {
		t.Errorf("noted %q, want %q", notes, want)
	}
	if hits, misses := h.KeyCache(); hits != 2 || misses != 1 {
		t.Errorf("%d hits and %d misses of derived keys, want 2 and 1", hits, misses)
	}
}
