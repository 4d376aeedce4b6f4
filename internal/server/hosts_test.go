package server

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// request is a GET that came to host, on a connection to the address 192.0.2.7.
func request(host string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	r.Host = host
	local := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:5000"))
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
}

func TestHostsThatAreAnswered(t *testing.T) {
	h, err := newHosts("us-east-1", "0.0.0.0:5000", []string{"https://Registry.example.com", "http://other.example:8080"})
	if err != nil {
		t.Fatal(err)
	}
	gate := h.gate(http.HandlerFunc(healthy))
	for host, want := range map[string]int{
		"localhost":                         200,
		"localhost:5000":                    200,
		"LOCALHOST:5000":                    200,
		"127.0.0.1:5000":                    200,
		"127.9.9.9":                         200,
		"[::1]:5000":                        200,
		"[::1]":                             200,
		"data-localhost:5000":               200,
		"verification.localhost:5000":       200,
		"verification.127.0.0.1:5000":       200,
		"data-127.0.0.1:5000":               200,
		"registry.example.com":              200,
		"registry.example.com:443":          200,
		"data-registry.example.com":         200,
		"verification.other.example:8080":   200,
		"192.0.2.7:5000":                    200,
		"192.0.2.8:5000":                    421,
		"evil.example":                      421,
		"data-data-localhost":               421,
		"localhost.evil.example":            421,
		"registry.example.com.evil.example": 421,
		"x.registry.example.com":            421,
		"data-":                             421,
		"":                                  421,
	} {
		w := httptest.NewRecorder()
		gate.ServeHTTP(w, request(host))
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestMisdirectedPageEchoesNothingOdd(t *testing.T) {
	h, _ := newHosts("us-east-1", "localhost:5000", nil)
	w := httptest.NewRecorder()
	h.gate(http.HandlerFunc(healthy)).ServeHTTP(w, request("evil\"\r\n<script>"))
	var says struct {
		Message string
		Errors  []struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &says); err != nil {
		t.Fatal(err)
	}
	want := "This service does not answer to the host 'evil???<script>'. Use the endpoint that `sealwright serve` printed, or start it with --public-url for this name."
	if says.Message != want || len(says.Errors) != 1 || says.Errors[0].Message != want {
		t.Errorf("got %+v", says)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
}

func TestPublicURL(t *testing.T) {
	behind, _ := newHosts("us-east-1", "localhost:5000", []string{"https://registry.example.com", "http://other.example:8080"})
	plain, _ := newHosts("us-east-1", "localhost:5000", nil)
	for _, tt := range []struct {
		hosts *hosts
		host  string
		https bool
		want  string
	}{
		{plain, "localhost:5000", false, "http://localhost:5000"},
		{plain, "127.0.0.1:5000", true, "https://127.0.0.1:5000"},
		{behind, "registry.example.com", false, "https://registry.example.com"},
		{behind, "OTHER.example:8080", false, "http://other.example:8080"},
		{behind, "10.0.0.1:5000", false, "https://registry.example.com"},
		{behind, "localhost:5000", false, "http://localhost:5000"},
	} {
		if got := tt.hosts.publicURL(request(tt.host), tt.https); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.host, got, tt.want)
		}
	}
}

func TestForwardedHeadersCountOnlyFromTrustedProxies(t *testing.T) {
	p := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, tt := range []struct {
		name, peer, forwarded, proto string
		wantIP                       string
		wantHTTPS                    bool
	}{
		{"no proxy", "192.0.2.1:1", "", "", "192.0.2.1", false},
		{"a client that pretends", "192.0.2.1:1", "198.51.100.1", "https", "192.0.2.1", false},
		{"a proxy", "10.1.1.1:1", "198.51.100.1", "https", "198.51.100.1", true},
		{"a proxy, plain", "10.1.1.1:1", "198.51.100.1", "http", "198.51.100.1", false},
		{"a client behind it that pretends", "10.1.1.1:1", "203.0.113.9, 198.51.100.1", "https", "198.51.100.1", true},
		{"two proxies", "10.1.1.1:1", "198.51.100.1, 10.2.2.2", "https", "198.51.100.1", true},
		{"nonsense", "10.1.1.1:1", "unknown", "https", "10.1.1.1", true},
		{"IPv6", "[::1]:1", "2001:db8::1", "", "2001:db8::1", false},
		{"IPv4 in IPv6", "[::ffff:10.1.1.1]:1", "198.51.100.1", "HTTPS", "198.51.100.1", true},
		{"a proxy that says nothing", "10.1.1.1:1", "", "", "10.1.1.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request("localhost")
			r.RemoteAddr = tt.peer
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			r.Header.Set("X-Forwarded-Proto", tt.proto)
			if got := p.sourceIP(r); got != tt.wantIP {
				t.Errorf("source %s, want %s", got, tt.wantIP)
			}
			if got := p.https(r); got != tt.wantHTTPS {
				t.Errorf("https %v, want %v", got, tt.wantHTTPS)
			}
		})
	}
}
