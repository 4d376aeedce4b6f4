package arn

import (
	"net"
	"strings"
)

// RegistryHost is how AWS calls the host of an account's registry. Amazon's
// credential helper takes no other.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
type RegistryHost struct {
	Account AccountID
	Region  string
	Domain  string // such as "amazonaws.com"
}

// ParseRegistryHost reads <account>.dkr.ecr.<region>.<domain>, in any case and
// without port. The domain may have any number of labels.
func ParseRegistryHost(host string) (h RegistryHost, ok bool) {
	first, rest, _ := strings.Cut(strings.ToLower(host), ".")
	rest, ecr := strings.CutPrefix(rest, "dkr.ecr.")
	region, domain, found := strings.Cut(rest, ".")
	account, err := ParseAccountID(first)
	if err != nil || !ecr || !found || domain == "" || !ValidRegion(region) {
		return RegistryHost{}, false
	}
	return RegistryHost{account, region, domain}, true
}

// String is the host, without port.
func (h RegistryHost) String() string {
	return string(h.Account) + ".dkr.ecr." + h.Region + "." + h.Domain
}

// WithAccount puts another account into host, or host:port, if AWS would call a
// registry so; any other host is returned as it is.
func WithAccount(hostport string, account AccountID) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, ""
	}
	h, ok := ParseRegistryHost(host)
	if h.Account = account; !ok {
		return hostport
	}
	if port != "" {
		return net.JoinHostPort(h.String(), port)
	}
	return h.String()
}
