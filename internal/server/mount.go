package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/ecrapi"
	"github.com/sealwright/sealwright/internal/edge/iamapi"
	"github.com/sealwright/sealwright/internal/edge/logapi"
	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/edge/signerapi"
	"github.com/sealwright/sealwright/internal/edge/trailapi"
	"github.com/sealwright/sealwright/internal/footprint"
)

// mount puts every surface on one handler, so that one AWS_ENDPOINT_URL serves
// every client.
func (s *Server) mount(context.Context) (err error) {
	if s.hosts, err = newHosts(s.config.Region, s.config.Listen, s.config.PublicURL); err != nil {
		return err
	}
	networks, err := s.config.TrustedProxies()
	if err != nil {
		return err
	}
	s.proxies = networks
	if err := s.openLimits(); err != nil {
		return err
	}
	aws, err := s.awsHandler()
	if err != nil {
		return err
	}
	s.uploads = ociapi.NewSlots(s.config.MaxUploads, slotPatience)
	pages := ociapi.NewPages(s.config.ReadCache / 2)
	s.work = append(s.work, func(ctx context.Context) error { return footprint.Tend(ctx, pages.Age) })
	oci := ociapi.New(ociapi.Options{
		Registry: s.registry, Tokens: s.access, Authorizer: s.access, Uploads: s.uploads, Pages: pages, Note: note,
		PublicURL: s.publicURL, SourceIP: s.proxies.sourceIP, Secure: s.proxies.https, Logger: s.options.Logger,
		AnonymousAccount: arn.AccountID(s.config.Account), HostAccount: s.hosts.account, Revision: s.records.Access().Revision, Recorder: s.recorder,
		Limit: s.limit,
	})
	if err := s.checkLimits(); err != nil {
		return err
	}
	s.ready = s.newReadiness()
	s.accessLog = accessLog{logger: s.options.Logger, which: s.config.AccessLog, sourceIP: s.proxies.sourceIP}
	s.measureServices(aws)
	mounted := surfaces{oci: oci, aws: aws, log: s.logHandler(), root: signerapi.RootHandler(s.authority.RootsPEM), crl: signerapi.CRLHandler(s.authority.CRL), ready: s.ready}
	s.handler = s.observed(timeBodies(bodyPatience, s.hosts.gate(mounted)))
	if s.config.AdminListen != "" {
		return s.mountAdmin()
	}
	return nil
}

// slotPatience is how long an upload waits for a slot before it is refused.
const slotPatience = 5 * time.Second

// The paths of the probes, which are their names in log and metrics, too.
const (
	healthz = "/healthz"
	readyz  = "/readyz"
)

// surfaces is all that one listener serves.
type surfaces struct{ oci, aws, log, root, crl, ready http.Handler }

// ServeHTTP picks a surface by the path alone. It is no http.ServeMux because
// that one cleans paths and redirects, which breaks signatures and digests alike.
func (s surfaces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, handler := s.route(r.URL.Path)
	note(w, operation, "")
	handler.ServeHTTP(w, r)
}

// route finds the handler of a path, and what to call the request unless the
// handler knows better.
func (s surfaces) route(path string) (operation string, handler http.Handler) {
	switch {
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		return "oci:" + unrouted, s.oci
	case strings.HasPrefix(path, logapi.Prefix) && s.log != nil:
		return "log:" + unrouted, s.log
	case path == healthz:
		return healthz, http.HandlerFunc(healthy)
	case path == readyz:
		return readyz, s.ready
	case path == "/sealwright/root.pem":
		return "getRootCertificate", s.root
	case strings.HasPrefix(path, signerapi.CRLPath):
		return "getRevocationList", s.crl
	default:
		return "aws:" + unrouted, s.aws
	}
}

// logHandler serves the transparency log; nil if there is none.
func (s *Server) logHandler() http.Handler {
	if s.log == nil {
		return nil
	}
	return logapi.New(logapi.Options{Log: s.log, Logger: s.options.Logger, Note: note})
}

func (s *Server) awsHandler() (*awshttp.Handler, error) {
	return awshttp.New(
		awshttp.Options{
			Authenticator: s.access, Authorizer: s.access, Region: s.config.Region, Now: s.options.Now,
			Logger: s.options.Logger, SourceIP: s.proxies.sourceIP, Secure: s.proxies.https, PublicURL: s.publicURL, Whole: whole, Note: note, Recorder: s.recorder, Limit: s.limit,
		},
		s.awsServices()...,
	)
}

// awsServices are the tables of the AWS surfaces.
func (s *Server) awsServices() []awshttp.Service {
	return append(trailapi.Services(s.records.Search()),
		signerapi.Service(s.signing),
		ecrapi.Service(ecrapi.Options{Registry: s.registry, Tokens: s.access, Judge: s.access, RegistryURL: s.hosts.registryURL}),
		iamapi.STS(s.access),
		iamapi.IAM(s.access),
	)
}

// publicURL is scheme://host as the sender of r should see this service.
func (s *Server) publicURL(r *http.Request) string {
	return s.hosts.publicURL(r, s.proxies.https(r))
}
