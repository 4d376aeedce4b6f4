package server

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sealwright/sealwright/internal/config"
)

// AWS clients put one of these before the host when they ask for a revocation
// status, even when the endpoint is a custom one.
var hostPrefixes = []string{"data-", "verification."}

// hosts knows the names this service answers to. Any other name gets 421, so
// that a web page cannot reach a service on loopback through a name of its own.
type hosts struct {
	names   map[string]bool // lower case, without port
	urls    []*url.URL      // the public URLs
	region  string
	domains []awsDomain // of the public URLs
}

func newHosts(region, listen string, publicURLs []string) (*hosts, error) {
	h := &hosts{names: map[string]bool{}, region: region}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		h.names[strings.ToLower(host)] = true
	}
	for _, raw := range publicURLs {
		u, err := url.Parse(raw)
		if err != nil {
			return nil, err
		}
		h.urls = append(h.urls, u)
		h.names[strings.ToLower(u.Hostname())] = true
		if d, ok := awsDomainOf(u); ok {
			h.domains = append(h.domains, d)
		}
	}
	return h, nil
}

// gate passes on requests that came to one of our names.
func (h *hosts) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.answers(r) {
			next.ServeHTTP(w, r)
			return
		}
		misdirected(w, r.Host)
	})
}

// misdirection is an error as both the AWS SDKs and registry clients read it:
// who asks under a wrong name may be either.
type misdirection struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Errors  []misdirection `json:"errors,omitempty"`
}

func misdirected(w http.ResponseWriter, host string) {
	const code = "MisdirectedRequestException"
	says := "This service does not answer to the host '" + printable(host) + "'. Use the endpoint that `sealwright serve` printed, or start it with --public-url for this name."
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(http.StatusMisdirectedRequest)
	json.NewEncoder(w).Encode(misdirection{code, says, []misdirection{{Code: "UNSUPPORTED", Message: says}}})
}

func (h *hosts) answers(r *http.Request) bool {
	return h.known(strings.ToLower(hostname(r.Host)), r) || h.known(bareName(r.Host), r)
}

// known reports whether a name without prefix is ours: loopback, the listen
// address, a public URL, the very address the connection came to, or a name of
// AWS's shape in the domain of a public URL.
func (h *hosts) known(name string, r *http.Request) bool {
	if config.Loopback(name) || h.names[name] || name != "" && name == localAddress(r) {
		return true
	}
	_, _, shaped := h.awsNames(name)
	return shaped
}

// publicURL is scheme://host as the sender of r should see this service.
func (h *hosts) publicURL(r *http.Request, https bool) string {
	name := strings.ToLower(hostname(r.Host))
	for _, u := range h.urls {
		if strings.EqualFold(u.Hostname(), name) {
			return u.Scheme + "://" + u.Host
		}
	}
	if d, account, shaped := h.awsNames(name); shaped && account != "" {
		return d.registryURL(h.region, account)
	} else if shaped {
		return d.url.Scheme + "://" + r.Host
	}
	if len(h.urls) > 0 && !config.Loopback(name) {
		return h.urls[0].Scheme + "://" + h.urls[0].Host
	}
	if https {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// hostname takes the port off, and the brackets of an IPv6 address.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func localAddress(r *http.Request) string {
	address, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if address == nil {
		return ""
	}
	ip, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return ""
	}
	return ip.Addr().Unmap().String()
}

// printable keeps an error page from echoing control characters or a long name.
func printable(host string) string {
	clean := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' {
			return '?'
		}
		return c
	}, host)
	return clean[:min(len(clean), 100)]
}
