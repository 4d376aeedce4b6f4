package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
)

// minAdminToken is the least length of an admin token.
const minAdminToken = 16

// mountAdmin makes the handler of the admin listener. There is no
// /debug/pprof/cmdline: a command line may hold the password of a database.
func (s *Server) mountAdmin() error {
	names, err := newHosts(s.config.Region, s.config.AdminListen, nil)
	if err != nil {
		return err
	}
	token, err := adminToken(s.config.AdminTokenFile)
	if err != nil {
		return err
	}
	inner := http.NewServeMux()
	inner.Handle("/metrics", s.metrics.Handler())
	inner.HandleFunc("/debug/pprof/", pprof.Index)
	inner.HandleFunc("/debug/pprof/profile", pprof.Profile)
	inner.HandleFunc("/debug/pprof/trace", pprof.Trace)
	inner.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	outer := http.NewServeMux()
	outer.HandleFunc(healthz, healthy)
	outer.Handle(readyz, s.ready)
	outer.Handle("/", demand(token, inner))
	s.admin = timeBodies(bodyPatience, names.gate(outer))
	return nil
}

// adminToken reads the token that the admin listener asks for; "" for none.
func adminToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("admin-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minAdminToken {
		return "", fmt.Errorf("admin-token-file: %s holds fewer than %d characters: make one with `openssl rand -hex 32`", path, minAdminToken)
	}
	return token, nil
}

// demand lets in who sends the token, compared in constant time; everybody if
// there is none.
func demand(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if token != "" && subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sealwright admin"`)
			http.Error(w, "Send the token of admin-token-file as Authorization: Bearer.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
