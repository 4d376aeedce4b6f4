package access

import (
	"cmp"
	"net/netip"
	"net/url"
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

// shared are issuers that make tokens for whoever has an account there, and the
// claim that says whose a token is. A policy that trusts one must ask for it. AWS's
// list has Cognito besides, which is no provider here, and IBM Turbonomic, whose
// issuers change.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
var shared = map[string]string{
	"agent.buildkite.com":                   "sub",
	"api.pulumi.com/oidc":                   "aud",
	"app.terraform.io":                      "sub",
	"gitlab.com":                            "sub",
	"oidc.codefresh.io":                     "sub",
	"oidc.vercel.com":                       "aud",
	"proidc.upbound.io":                     "sub",
	"sandboxes.cloud":                       "aud",
	"scalr.io":                              "sub",
	"studio.datachain.ai/api":               "sub",
	"token.actions.githubusercontent.com":   "sub",
	"tokens.cloud.shisho.dev":               "sub",
	"vstoken.actions.githubusercontent.com": "sub",
	"oidc-configuration.audit-log.githubusercontent.com": "sub",
}

// sentinel is Microsoft's tenant that Azure Sentinel comes from; its customers
// differ in the name of the session.
const sentinel = "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d"

// tenantKey is the condition key that a policy which trusts a provider must ask
// for; "" is none.
func tenantKey(provider string) string {
	_, name, _ := strings.Cut(provider, ":"+providerPrefix)
	plain := strings.TrimSuffix(name, "/")
	host, _, _ := strings.Cut(name, "/")
	if plain == sentinel {
		return "sts:RoleSessionName"
	}
	if claim := cmp.Or(shared[plain], shared[host]); claim != "" {
		return name + ":" + claim
	}
	return ""
}
