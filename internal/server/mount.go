package server

import (
	"context"
	"net/http"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/ecrapi"
	"github.com/sealwright/sealwright/internal/edge/iamapi"
	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/edge/signerapi"
)

// mount puts every surface on one handler, so that one AWS_ENDPOINT_URL serves
// every client.
func (s *Server) mount(context.Context) (err error) {
	if s.hosts, err = newHosts(s.config.Listen, s.config.PublicURL); err != nil {
		return err
	}
	networks, err := s.config.TrustedProxies()
	if err != nil {
		return err
	}
	s.proxies = networks
	aws, err := s.awsHandler()
	if err != nil {
		return err
	}
	oci := ociapi.New(ociapi.Options{
		Registry: s.registry, Tokens: s.access, Authorizer: s.access,
		PublicURL: s.publicURL, SourceIP: s.proxies.sourceIP, Logger: s.options.Logger,
	})
	root := signerapi.RootHandler(s.authority.RootPEM)
	s.handler = timeBodies(bodyPatience, s.hosts.gate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route(r.URL.Path, oci, root, aws).ServeHTTP(w, r)
	})))
	return nil
}

// route picks a surface by the path alone. It is no http.ServeMux because that
// one cleans paths and redirects, which breaks signatures and digests alike.
func route(path string, oci, root, aws http.Handler) http.Handler {
	switch {
	case path == "/v2" || len(path) >= 4 && path[:4] == "/v2/":
		return oci
	case path == "/healthz":
		return http.HandlerFunc(healthy)
	case path == "/sealwright/root.pem":
		return root
	default:
		return aws
	}
}

// healthy says that the process serves. Whether it can do its work is readiness,
// which is another question.
func healthy(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET this path to learn whether the service is up.", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

func (s *Server) awsHandler() (http.Handler, error) {
	return awshttp.New(
		awshttp.Options{
			Authenticator: s.access, Authorizer: s.access, Region: s.config.Region, Now: s.options.Now,
			Logger: s.options.Logger, SourceIP: s.proxies.sourceIP, PublicURL: s.publicURL,
		},
		signerapi.Service(s.signing),
		ecrapi.Service(ecrapi.Options{Registry: s.registry, Tokens: s.access}),
		iamapi.STS(),
	)
}

// publicURL is scheme://host as the sender of r should see this service.
func (s *Server) publicURL(r *http.Request) string {
	return s.hosts.publicURL(r, s.proxies.https(r))
}
