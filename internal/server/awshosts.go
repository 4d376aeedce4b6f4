package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// awsDomain has names of AWS's shape below it: those of registries, which say
// whose, and those of the services that are here.
type awsDomain struct {
	name     string   // lower case, such as "amazonaws.com"
	url      *url.URL // the public URL it comes from
	explicit bool     // that URL is of a registry in AWS's shape: names of the shape are there for clients
}

// awsDomainOf is the domain that a public URL brings: what a name of AWS's shape
// ends with, or the whole name. An address brings none.
func awsDomainOf(u *url.URL) (d awsDomain, ok bool) {
	name := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(name); err == nil {
		return awsDomain{}, false
	}
	if h, shaped := arn.ParseRegistryHost(name); shaped {
		return awsDomain{h.Domain, u, true}, true
	}
	return awsDomain{name, u, false}, true
}

// registryURL is scheme://host of an account's registry, named so.
func (d awsDomain) registryURL(region string, account arn.AccountID) string {
	host := arn.RegistryHost{Account: account, Region: region, Domain: d.name}.String()
	if port := d.url.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return d.url.Scheme + "://" + host
}

// awsNames finds the domain of a name in AWS's shape: of a registry, or of a
// service, which clients reach at these when nobody tells them an endpoint. name
// is in lower case and without port. A registry's names its account.
//
// Source: https://docs.aws.amazon.com/general/latest/gr/rande.html
func (h *hosts) awsNames(name string) (d awsDomain, account arn.AccountID, ok bool) {
	if r, registry := arn.ParseRegistryHost(name); registry {
		d, ok = h.domain(r.Domain)
		return d, r.Account, ok && r.Region == h.region
	}
	for _, service := range []string{"api.ecr." + h.region, "signer." + h.region, "sts." + h.region, "sts", "iam"} {
		if rest, found := strings.CutPrefix(name, service+"."); found {
			if d, ok = h.domain(rest); ok {
				return d, "", true
			}
		}
	}
	return awsDomain{}, "", false
}

func (h *hosts) domain(name string) (awsDomain, bool) {
	for _, d := range h.domains {
		if d.name == name {
			return d, true
		}
	}
	return awsDomain{}, false
}

// account is whose registry the host of a request names; "" if it names none.
func (h *hosts) account(r *http.Request) arn.AccountID {
	_, account, _ := h.awsNames(bareName(r.Host))
	return account
}

// bareName is the name of a host as it is compared: in lower case, without port,
// and without what AWS clients put before it.
func bareName(host string) string {
	name := strings.ToLower(hostname(host))
	for _, prefix := range hostPrefixes {
		if rest, found := strings.CutPrefix(name, prefix); found {
			return rest
		}
	}
	return name
}

// registryURL is scheme://host of an account's registry for who called. Clients
// that came by a name of AWS's shape are told one; so are those that name the
// registry, if there is one, since the public URL may not tell accounts apart.
func (h *hosts) registryURL(c *awshttp.Call, account arn.AccountID, named bool) string {
	if d, _, shaped := h.awsNames(bareName(c.Host)); shaped {
		return d.registryURL(h.region, account)
	}
	for _, d := range h.domains {
		if d.explicit && (named || account != c.Account) {
			return d.registryURL(h.region, account)
		}
	}
	return c.PublicURL()
}
