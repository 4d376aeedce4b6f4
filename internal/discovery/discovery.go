// Package discovery gets the keys of OpenID Connect issuers, by OpenID Connect
// Discovery or from files for issuers that cannot be reached.
//
// Who may create a provider chooses a URL that this service then asks; so what
// comes of it is bounded, no redirect is followed, nothing of an answer is shown,
// and loopback, link-local neighbours and metadata services of clouds
// are not asked.
package discovery

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/webidentity"
)

// Bounds of what an issuer may answer, in bytes, and of the time it takes.
const (
	maxConfiguration = 64 << 10
	maxKeySet        = 512 << 10
	dialPatience     = 5 * time.Second
	answerPatience   = 10 * time.Second
)

// Options say how issuers are asked.
type Options struct {
	Roots *x509.CertPool // the authorities of issuers' certificates; nil means the system's
	// Files are files with the key sets of issuers, by the issuers' URLs. Those are
	// not asked.
	Files map[string]string
	// Loopback permits issuers on this machine, over plain HTTP too.
	Loopback bool
	// Asked, unless nil, is told of each request to an issuer: how long its answer
	// took, and what came instead of one.
	Asked func(took time.Duration, err error)
}

// Source asks issuers. It is safe for concurrent use and remembers nothing.
type Source struct{ options Options }

// New makes a source.
func New(o Options) *Source { return &Source{o} }

// KeySet implements [webidentity.Source].
//
// Source: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
func (s *Source) KeySet(ctx context.Context, issuer webidentity.Issuer) ([]byte, error) {
	if file, there := s.options.Files[issuer.URL]; there {
		return readFile(file)
	}
	c := s.client(issuer)
	defer c.CloseIdleConnections()
	document, err := s.get(ctx, c, strings.TrimSuffix(issuer.URL, "/")+"/.well-known/openid-configuration", maxConfiguration)
	if err != nil {
		return nil, err
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if json.Unmarshal(document, &configuration) != nil || configuration.Issuer != issuer.URL {
		return nil, refuse("its openid-configuration is not JSON that names it as the issuer, exactly as the provider's URL is written")
	}
	if strings.HasPrefix(configuration.Keys, "http://") && !strings.HasPrefix(issuer.URL, "http://") {
		return nil, refuse("its jwks_uri is not https")
	}
	return s.get(ctx, c, configuration.Keys, maxKeySet)
}

func refuse(why string) error { return fault.Errorf(fault.Unavailable, "%s", why) }

// readFile reads a key set that somebody may be about to replace.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Hide(fault.Unavailable, err, "the file of its keys cannot be read")
	}
	defer f.Close()
	return readAll(f, maxKeySet)
}

func readAll(from io.Reader, most int64) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return nil, fault.Hide(fault.Unavailable, err, "its answer broke off")
	}
	if int64(len(document)) > most {
		return nil, refuse(fmt.Sprintf("its answer has more than %d bytes", most))
	}
	return document, nil
}

// get reads a document, and tells who wants to know.
func (s *Source) get(ctx context.Context, c *http.Client, address string, most int64) ([]byte, error) {
	begun := time.Now()
	document, err := s.read(ctx, c, address, most)
	if s.options.Asked != nil {
		s.options.Asked(time.Since(begun), err)
	}
	return document, err
}

// read reads a document. Of what goes wrong little is told: it might describe the
// network to who chose the URL.
func (s *Source) read(ctx context.Context, c *http.Client, address string, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !s.options.Loopback) {
		return nil, refuse("it is not asked over plain HTTP, except on this machine where oidc-loopback is set")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.Do(request)
	if err != nil {
		return nil, fault.Hide(fault.Unavailable, err, "it did not answer over a connection that can be trusted")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fault.Hide(fault.Unavailable, errors.New(address+" answered "+response.Status), "it answered without what was asked for")
	}
	return readAll(response.Body, most)
}

// client makes a client that follows nothing and lasts for one question: issuers
// are asked a few times an hour.
func (s *Source) client(issuer webidentity.Issuer) *http.Client {
	plain := strings.HasPrefix(issuer.URL, "http://")
	dialer := &net.Dialer{Timeout: dialPatience, Control: func(_, address string, _ syscall.RawConn) error { return s.mayDial(address, plain) }}
	return &http.Client{
		Timeout:       answerPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DialTLSContext: s.dialTLS(dialer, issuer.Thumbprints),
			ResponseHeaderTimeout: answerPatience, MaxResponseHeaderBytes: maxConfiguration, DisableCompression: true,
		},
	}
}

// mayDial is asked with the address that a name was resolved to, so that a name
// cannot lead where its address may not. Plain HTTP stays on this machine.
func (s *Source) mayDial(address string, plain bool) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := inner(a.Addr().WithZone(""))
	switch {
	case ip.IsLoopback() && s.options.Loopback:
		return nil
	case plain, ip.IsLoopback(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), slices.Contains(metadata, ip):
		return fmt.Errorf("discovery: %s is not asked", a.Addr())
	}
	return nil
}

// metadata are services of clouds that tell a machine its secrets, at addresses
// that are not link-local: of Alibaba, Azure, Oracle, AWS and Google.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23"), netip.MustParseAddr("fd20:ce::254"),
}

// embedding are the prefixes of IPv6 addresses that lead to an IPv4 address which
// they hold behind them: compatible ones, NAT64, 6to4.
//
// Source: RFC 4291, section 2.5.5.1; RFC 6052, section 2.1; RFC 3056, section 2
var embedding = []netip.Prefix{netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16")}

// inner is the IPv4 address that an IPv6 address leads to, or ip itself.
func inner(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap(); ip.Is4() || ip.IsLoopback() || ip.IsUnspecified() {
		return ip
	}
	for _, prefix := range embedding {
		if bytes, from := ip.As16(), prefix.Bits()/8; prefix.Contains(ip) {
			return netip.AddrFrom4([4]byte(bytes[from : from+4]))
		}
	}
	return ip
}
