// Package server is the composition root: it opens the stores, builds the
// services, mounts the edges on one listener and runs the background work.
// Tests start the same value that `sealwright serve` does.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/metrics"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/throttle"
	"github.com/sealwright/sealwright/internal/translog"
)

// Options are what a server takes beside its configuration.
type Options struct {
	Key string // the wrapping key as text; "" for the configured file
	// Passphrase is the wrapping key as people know it; "" for none.
	Passphrase string
	Logger     *slog.Logger     // required
	Now        func() time.Time // time.Now unless a test says otherwise
	Reload     <-chan os.Signal // each one has the certificate's files read again; nil for none
	Stdout     io.Writer        // of audit-stdout; nil means the process's own
}

// Server is a service that is open but does not serve yet.
type Server struct {
	config    config.Config
	options   Options
	dir       *datadir.Dir
	records   *sqlstore.DB
	sealer    *seal.Sealer // of the secrets in the records
	blobs     *blobstore.Dir
	access    *access.Service
	authority *authority.Authority
	registry  *registry.Service
	signing   *signing.Service
	uploads   *ociapi.Slots
	limits    *throttle.Limits
	expired   expired
	signings  *metrics.Signing
	hosts     *hosts
	proxies   proxies
	metrics   *metrics.Metrics
	accessLog accessLog
	ready     *readiness
	recorder  *journal.Recorder
	log       *translog.Log                 // nil: there is none
	watch     *journal.Watch                // nil: the journal goes nowhere
	tailed    []string                      // names of the tailers
	failing   sync.Map                      // of these, those whose last step failed
	work      []func(context.Context) error // that goes on while the service serves, beside that of the services
	stopping  atomic.Bool
	handler   http.Handler
	admin     http.Handler // of the admin listener; nil for none

	certificate    *keyPair // nil: plain HTTP
	listeners      []net.Listener
	adminListeners []net.Listener
	closers        []func() error // in the order they were opened
}

// Open opens everything an installation has, making what a new one needs, and
// listens. The caller then calls [Server.Run], or [Server.Close].
func Open(ctx context.Context, c config.Config, o Options) (_ *Server, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{config: c, options: o, metrics: metrics.New()}
	s.signings = s.metrics.Signing(c.MetricsNames)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	steps := []func(context.Context) error{s.openDirectory, s.openRecords, s.openSecrets, s.openAccess, s.openAuthority, s.openLog, s.openAudit, s.openServices, s.mount, s.listen}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) openDirectory(context.Context) (err error) {
	s.dir, err = datadir.OpenOrInit(datadir.Options{Path: s.config.Data, KeyFile: s.config.KeyFile, Key: s.options.Key, Passphrase: s.options.Passphrase})
	if err != nil {
		return err
	}
	unlock, err := s.dir.Lock()
	if err != nil {
		return err
	}
	s.onClose(unlock)
	return nil
}

func (s *Server) openRecords(ctx context.Context) (err error) {
	if s.config.Database != "" {
		s.records, err = sqlstore.OpenPostgres(ctx, s.config.Database)
	} else {
		s.records, err = sqlstore.OpenSQLite(ctx, s.dir.Records())
	}
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	s.records.Remember(s.config.ReadCache / 2)
	s.onClose(s.records.Close)
	s.measureRecords()
	return nil
}

// openSecrets opens what seals the secrets in the records, which a new
// installation makes.
func (s *Server) openSecrets(ctx context.Context) error {
	unlocked, err := seal.Unlock(ctx, seal.Options{Slots: s.records.Slots(), Region: s.config.Region, Now: s.options.Now}, s.dir.Key)
	if s.dir.New && errors.Is(err, seal.ErrOpen) {
		return errors.Join(errors.New("the database holds an installation with another wrapping key than the new directory's: give that installation's key with --key-file, --key-passphrase-file or SEALWRIGHT_KEY"), s.dir.Abandon())
	}
	if err != nil {
		return err
	}
	s.sealer = unlocked.Sealer
	return nil
}

// openAccess makes the account and its root key at first start, and afterwards
// insists on the identity that the installation has.
func (s *Server) openAccess(ctx context.Context) (err error) {
	issuers, err := s.issuers()
	if err != nil {
		return err
	}
	s.access, err = access.New(access.Options{
		Store: s.records.Access(), Sealer: s.sealer, Region: s.config.Region, Now: s.options.Now, Logger: s.options.Logger,
		ResourcePolicies: s.resourcePolicies(), IssuerKeys: issuers,
	})
	if err != nil {
		return err
	}
	cas, err := s.records.Authority().Authorities(ctx)
	if err != nil {
		return err
	}
	if cas.Active == "" && s.dir.Root() != "" {
		return fmt.Errorf("the records of %s are gone: it made the root certificate %s, and the database has none. Restore the database from a backup, or start with an empty directory", s.dir.Path, s.dir.Root())
	}
	account, _, err := s.access.Bootstrap(ctx, arn.AccountID(s.config.Account), s.config.Region)
	if err != nil {
		return err
	}
	if string(account.ID) != s.config.Account || account.Region != s.config.Region {
		return fmt.Errorf("this installation is account %s in %s, which cannot be changed: start it with --account %s --region %s, or start another with an empty --data directory",
			account.ID, account.Region, account.ID, account.Region)
	}
	return nil
}

func (s *Server) openAuthority(ctx context.Context) (err error) {
	s.authority, err = authority.New(authority.Options{
		Store: s.records.Authority(), Region: s.config.Region, Replica: replica(),
		Keys:         s.sealedKeys(),
		LeafValidity: s.config.LeafValidity, Now: s.options.Now, Logger: s.options.Logger,
	})
	if err != nil {
		return err
	}
	if _, err := s.authority.Bootstrap(ctx); err != nil {
		return err
	}
	return s.dir.SetRoot(s.authority.RootFingerprint())
}

func (s *Server) sealedKeys() *authority.SealedKeys {
	return authority.NewSealedKeys(s.records.AuthorityKeys(), s.sealer, s.config.Region, s.options.Now)
}

// replica names this process among those that share a database: each has signing
// keys of its own.
func replica() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + uuid.NewString()
}

func (s *Server) openServices(ctx context.Context) (err error) {
	if err := s.openBlobs(ctx); err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	s.registry, err = registry.New(registry.Options{
		Repositories: s.records.Repositories(), Manifests: s.records.Manifests(), Links: s.records.Links(), Blobs: s.blobs, Leaders: s.records.Leaders(), Principals: s.access,
		Region: s.config.Region, Now: s.options.Now, MaxUpload: s.config.MaxUpload, MaxImages: s.config.MaxImages, WaitingFor: s.config.WaitingReferrers,
		UploadIdle: s.config.UploadIdle, BlobGrace: s.config.BlobGrace, CollectInterval: s.config.CollectInterval, Collected: s.measureCollected,
	})
	if err != nil {
		return err
	}
	s.signing, err = signing.New(signing.Options{
		Profiles: s.records.Profiles(), Jobs: s.records.Jobs(), Leaves: s.authority, Principals: s.access,
		Region: s.config.Region, Now: s.options.Now, AllowReuseOfEndedNames: s.config.ReuseEndedProfileNames, MaySign: s.maySign, Told: s.toldOfSigning,
	})
	if err != nil {
		return err
	}
	return s.retain()
}

func (s *Server) listen(context.Context) (err error) {
	if s.config.TLSCert != "" {
		s.certificate = &keyPair{
			certFile: s.config.TLSCert, keyFile: s.config.TLSKey,
			logger: s.options.Logger, now: s.options.Now, told: s.metrics.TLSReload,
		}
		if err := s.certificate.open(); err != nil {
			return err
		}
		s.metrics.Time("tls_certificate_end_seconds", "When the certificate in use ends, in Unix time.", s.certificate.ends)
	}
	if s.listeners, err = s.listenOn("listen", s.config.Listen); err != nil {
		return err
	}
	if s.config.AdminListen != "" {
		if s.adminListeners, err = s.listenOn("admin-listen", s.config.AdminListen); err != nil {
			return err
		}
	}
	return s.dir.SetEndpoint(datadir.Endpoint{URL: s.URL(), Region: s.config.Region, Root: s.authority.RootFingerprint(), Database: s.config.Database != ""})
}

// listenOn opens the listeners of a setting, with TLS if there is a certificate.
func (s *Server) listenOn(setting, address string) ([]net.Listener, error) {
	listeners, err := listen(setting, address)
	for i, l := range listeners {
		s.onClose(func() error { return ignoreClosed(l.Close()) })
		if s.certificate != nil {
			listeners[i] = tls.NewListener(l, s.certificate.config())
		}
	}
	return listeners, err
}

// Handler answers everything: what the listeners serve.
func (s *Server) Handler() http.Handler { return s.handler }

// URL is how clients reach the service: the first public URL, or the listener's.
func (s *Server) URL() string {
	if len(s.config.PublicURL) > 0 {
		return strings.TrimSuffix(s.config.PublicURL[0], "/")
	}
	return s.scheme() + s.Address()
}

func (s *Server) scheme() string {
	if s.certificate != nil {
		return "https://"
	}
	return "http://"
}

// Address is host:port of the listener.
func (s *Server) Address() string { return advertised(s.config.Listen, s.listeners[0]) }

// AdminURL is how metrics and pprof are reached; "" without admin-listen.
func (s *Server) AdminURL() string {
	if len(s.adminListeners) == 0 {
		return ""
	}
	return s.scheme() + advertised(s.config.AdminListen, s.adminListeners[0])
}

// Directory is the data directory the server runs on.
func (s *Server) Directory() *datadir.Dir { return s.dir }

// RootFingerprint is the SHA-256 of the root certificate, in hex.
func (s *Server) RootFingerprint() string { return s.authority.RootFingerprint() }

// RootCredentials is the account's root access key.
func (s *Server) RootCredentials(ctx context.Context) (access.Credentials, error) {
	return s.access.RootCredentials(ctx)
}

func (s *Server) onClose(f func() error) { s.closers = append(s.closers, f) }

// Close gives back what Open took, last first. A second call does nothing.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
