package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// proxies believes X-Forwarded-* headers from certain networks only.
type proxies []netip.Prefix

// sourceIP is the address of the client: of the connection, or, coming from a
// trusted proxy, the last address in X-Forwarded-For that is not itself one.
func (p proxies) sourceIP(r *http.Request) string {
	peer := peerAddress(r)
	if !p.trusts(peer) {
		return peer
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			return peer // somebody wrote what is no address: believe the connection
		}
		if peer = address.Unmap().String(); !p.trusts(peer) {
			return peer
		}
	}
	return peer
}

// https reports whether the client speaks HTTPS: to us, or to a trusted proxy.
func (p proxies) https(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") && p.trusts(peerAddress(r))
}

func (p proxies) trusts(address string) bool {
	if len(p) == 0 {
		return false
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, network := range p {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return host
}
