package access

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// checkIssuer checks an issuer's URL. It has one spelling, since tokens are
// compared with it byte by byte and it becomes part of an ARN and of condition
// keys: lower-case ASCII host, perhaps a port, and a path without escapes. Plain
// HTTP is for this machine only.
//
// Source: https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || len(issuer) > maxProviderURL || u.Host == "":
		return badIssuer(issuer, "it must be a URL such as https://server.example.org")
	case u.User != nil || strings.ContainsAny(issuer, "?#%"):
		return badIssuer(issuer, "it must have no user, query, fragment or escapes")
	case u.Scheme+"://"+u.Host+u.Path != issuer || strings.Trim(u.Host, hostAlphabet) != "" || strings.Trim(u.Path, pathAlphabet) != "":
		return badIssuer(issuer, "its host must be in lower case, and its path plain")
	case !strings.ContainsAny(u.Host, ".:") && u.Host != "localhost":
		return badIssuer(issuer, "its host must have a dot, so that condition keys such as host:sub are nobody else's")
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./"):
		return badIssuer(issuer, "it must name a host, and its path must be clean")
	case u.Scheme == "https", u.Scheme == "http" && onThisMachine(u.Hostname()):
		return nil
	}
	return badIssuer(issuer, "it must begin with https://")
}

const (
	hostAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]"
	pathAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-+=,@"
)

func badIssuer(issuer, why string) error {
	return fault.Becausef(ErrBadProvider, "Invalid Open ID Connect Provider URL %.260q: %s.", issuer, why)
}

func onThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// shared are issuers that make tokens for whoever has an account there. A policy
// that trusts one must say whose.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
var shared = []string{
	"agent.buildkite.com", "app.terraform.io", "gitlab.com", "oidc-configuration.audit-log.githubusercontent.com", "oidc.codefresh.io", "proidc.upbound.io",
	"scalr.io", "token.actions.githubusercontent.com", "vstoken.actions.githubusercontent.com",
}

// subjectOf is the condition key that a policy which trusts a provider must ask
// for; "" is none.
func subjectOf(provider string) string {
	_, name, _ := strings.Cut(provider, ":"+providerPrefix)
	if host, _, _ := strings.Cut(name, "/"); slices.Contains(shared, host) {
		return name + ":sub"
	}
	return ""
}
