// Package config holds the settings of the service: one struct whose comments
// are the operator's manual. docs/configuration.md is made from them.
package config

//go:generate go run ./manual ../../docs/configuration.md

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// Config is everything `sealwright serve` can be told. Each setting has one name
// in three places: a flag (--public-url), an environment variable
// (SEALWRIGHT_PUBLIC_URL) and a key of the --config file, which is YAML
// (public-url). A flag wins over the environment, the environment over the file,
// the file over the default. An unknown key in the file is an error.
type Config struct {
	// Data is the directory that holds the records, the blobs and, unless key-file
	// says otherwise, the wrapping key. An absent or empty one is initialised. Only
	// one process may serve from a directory at a time. Default: ./sealwright-data
	Data string `yaml:"data" usage:"directory of records, blobs and keys"`

	// Listen is the address to serve on. The host localhost means both loopback
	// families; an empty host means every interface. Port 0 takes a free port.
	// Anything beyond loopback needs a certificate, or insecure-http.
	// Default: localhost:5000
	Listen string `yaml:"listen" usage:"host:port to serve on"`

	// Account is the 12-digit account that owns everything here. It is written
	// into ARNs and cannot be changed once the service has started with it.
	// Default: 111122223333
	Account string `yaml:"account" usage:"12-digit account ID of this installation"`

	// Region is the region of this installation: the one that clients sign their
	// requests for. It is written into ARNs and cannot be changed once the service
	// has started with it. Default: us-east-1
	Region string `yaml:"region" usage:"region of this installation"`

	// PublicURL lists the URLs that clients reach the service by, when these differ
	// from the listen address: behind a proxy, or under a name. Their hosts are
	// answered, as are the same hosts with the prefixes "data-" and
	// "verification." that AWS clients put before them. The first is the one that
	// answers name where a request does not tell. Below each host the names of
	// registries are answered too, in AWS's shape: ACCOUNT.dkr.ecr.REGION.HOST,
	// whose registry is then meant. A URL that has this shape itself, such as
	// https://111122223333.dkr.ecr.us-east-1.amazonaws.com, stands for its domain:
	// for all accounts, and for api.ecr.REGION, signer.REGION, sts.REGION, sts and
	// iam. Default: none
	PublicURL []string `yaml:"public-url" usage:"URL that clients reach the service by (repeatable)"`

	// TrustedProxy lists the networks (CIDR, or single addresses) of proxies whose
	// X-Forwarded-For and X-Forwarded-Proto headers are believed. From anywhere
	// else these headers are ignored. A proxy must pass Host and the path on
	// unchanged, since clients sign both. Default: none
	TrustedProxy []string `yaml:"trusted-proxy" usage:"network of a proxy whose X-Forwarded headers count (repeatable)"`

	// TLSCert is a PEM file with the certificate chain to serve HTTPS with, leaf
	// first. It goes with tls-key. When the files change, and on SIGHUP, they are
	// read again within seconds and new connections get the new certificate; what
	// is open goes on. A pair that cannot be used is refused with an error in the
	// log, and the one before stays. Default: none, plain HTTP
	TLSCert string `yaml:"tls-cert" usage:"PEM file of the certificate chain to serve HTTPS with"`

	// TLSKey is the PEM file of the certificate's private key. Default: none
	TLSKey string `yaml:"tls-key" usage:"PEM file of the certificate's private key"`

	// InsecureHTTP permits plain HTTP beyond loopback. Registry tokens and images
	// then cross the network unprotected: only for a network that is itself
	// protected, or behind a proxy that speaks TLS. Default: false
	InsecureHTTP bool `yaml:"insecure-http" usage:"permit plain HTTP beyond loopback"`

	// AdminListen is an address of its own for those who run the service: it
	// serves /metrics for Prometheus, /debug/pprof, /healthz and /readyz, with the
	// certificate of tls-cert if there is one. What it tells (traffic, timings,
	// stacks) and what it lets do (profile, which slows the service) is not for
	// strangers: keep it on loopback or a network of its own. Beyond loopback it
	// needs admin-token-file, and TLS or insecure-http. The host localhost means
	// both loopback families. Default: none, which serves neither metrics nor pprof
	AdminListen string `yaml:"admin-listen" usage:"host:port for metrics and pprof (default: none)"`

	// AdminTokenFile is a file with a token, of 16 characters or more, that
	// everything on admin-listen but /healthz and /readyz asks for: Prometheus
	// sends it with authorization and credentials_file. Default: none, which is
	// permitted on loopback only
	AdminTokenFile string `yaml:"admin-token-file" usage:"file of the token that admin-listen asks for"`

	// AccessLog says which requests leave a line in the log: all, errors (status
	// 400 and above, and answers that were cut off) or off. A line names the
	// operation, the principal, the source, method, path, status, bytes, seconds
	// and request ID; never a query string, a token or a secret. Probes of /healthz
	// and /readyz that succeed leave none. Lines are never sampled: a line costs the
	// service some 15 µs, a good part of what reading a manifest does, which is why
	// the default leaves out what went well. Changes of state are in the journal
	// whatever this says. Default: errors
	AccessLog string `yaml:"access-log" usage:"requests to log: all, errors or off"`

	// MetricsNames is how many signing profiles, and how many principals, the metrics
	// of signatures tell apart: those that come first. All others share the name
	// "other", so that nobody makes metrics grow without bound. Sessions of a role
	// count as the role. 0 tells none apart. Default: 100
	MetricsNames int `yaml:"metrics-names" usage:"profiles and principals that metrics tell apart"`

	// AuditFile is a directory for audit files: every change of state, every
	// signature and, as audit-reads says, other calls, as one line of JSON each in
	// CloudTrail's format. A line is synced before the service counts it as
	// delivered. Of several replicas one writes at a time, each into a directory of
	// its own. The journal in the records has the same without any of this, and
	// sealwright audit searches both. Default: none
	AuditFile string `yaml:"audit-file" usage:"directory for audit files"`

	// AuditFileSize is how many bytes an audit file may have before another is
	// begun. From 65536. Default: 104857600 (100 MiB)
	AuditFileSize int64 `yaml:"audit-file-size" usage:"bytes of an audit file"`

	// AuditFileAge is how long an audit file takes lines before another is begun.
	// From 1m. Default: 24h
	AuditFileAge time.Duration `yaml:"audit-file-age" usage:"time that an audit file takes lines"`

	// AuditFileKeep is how long an audit file is kept after its last line; 0 keeps
	// all. Default: 0
	AuditFileKeep time.Duration `yaml:"audit-file-keep" usage:"time that audit files are kept (default: for good)"`

	// AuditSyslog is a log server that the same lines are sent to, as messages of
	// RFC 5424: udp://host:514, tcp://host:601, tls://host:6514 or unix:///dev/log.
	// What a log server loses, nobody learns of: keep audit files, too, if it
	// matters. Default: none
	AuditSyslog string `yaml:"audit-syslog" usage:"log server for audit lines"`

	// AuditSyslogCAFile is a PEM file with authorities that the certificate of a
	// tls:// log server may come from, beside those the system knows.
	// Default: none
	AuditSyslogCAFile string `yaml:"audit-syslog-ca-file" usage:"PEM file of authorities of the log server"`

	// AuditStdout writes the same lines to standard output, and what serve says at
	// its start to standard error. Default: false
	AuditStdout bool `yaml:"audit-stdout" usage:"write audit lines to standard output"`

	// TransparencyLog enters each signing job in an append-only log that anyone can
	// check, below /log/. It is a tailer of the journal like those of audit, and
	// signing stops likewise when it does not keep up. Default: true
	TransparencyLog bool `yaml:"transparency-log" usage:"enter each signing job in a transparency log"`

	// LogWitnessPolicy is a file that names the witnesses which are asked to cosign
	// the log's checkpoints, and how many must have before one is published, as
	// sigsum's policies do: lines such as "witness NAME KEY URL", "group NAME all
	// NAME…" and "quorum NAME". Default: none are asked
	LogWitnessPolicy string `yaml:"log-witness-policy" usage:"file that names the witnesses of the transparency log"`

	// AuditMaxEntries is how many entries of the journal one of the above may have
	// yet to be given. Beyond it nothing is signed, and /readyz says so, until it
	// has caught up. Default: 100000
	AuditMaxEntries int64 `yaml:"audit-max-entries" usage:"entries that audit may be behind before signing stops"`

	// AuditMaxLag is how old the oldest of these may be, likewise. From 5s.
	// Default: 1m
	AuditMaxLag time.Duration `yaml:"audit-max-lag" usage:"time that audit may be behind before signing stops"`

	// AuditReads says which calls that change nothing are recorded: none; api, those
	// of the AWS APIs that look at what is managed; or all, which adds pulls through
	// /v2, their likes of the ECR API, GetRevocationStatus and LookupEvents, each of
	// which may come thousands of times a second. Refused calls are recorded
	// whatever this says. Neither is waited for. Default: api
	AuditReads string `yaml:"audit-reads" usage:"reads to record: none, api or all"`

	// AuditRate is how many reads, and how many refused calls, are recorded in a
	// second by each replica, for a while ten times as many; as many again of those
	// that come with no good credentials. What comes faster, from somebody who would
	// fill the disk, is counted, and the count is recorded. With audit-reads all, say
	// how much you mean to keep. Default: 100
	AuditRate int64 `yaml:"audit-rate" usage:"reads and refusals recorded in a second"`

	// JournalKeep is how long the records keep the journal's rows of changes and
	// signatures; 0 keeps all. A row is removed only after the transparency log and
	// all audit places of this replica were given it, so give each replica the same.
	// From 24h, and journal-keep-reads. Default: 0
	JournalKeep time.Duration `yaml:"journal-keep" usage:"time that the journal keeps changes (default: for good)"`

	// JournalKeepReads is how long the records keep the journal's rows of reads and
	// refused calls, likewise. Default: 2160h (90 days)
	JournalKeepReads time.Duration `yaml:"journal-keep-reads" usage:"time that the journal keeps reads and refusals"`

	// LogFormat is how the log on standard error is written: text or json.
	// Default: text
	LogFormat string `yaml:"log-format" usage:"format of the log: text or json"`

	// KeyFile is the file of the wrapping key, which encrypts the CA keys, the
	// access-key secrets and the token keys in the records. Kept on another volume,
	// or in a secret store that mounts it, a copy of the data directory reveals no
	// key. The key itself can be given in the environment as SEALWRIGHT_KEY
	// instead. Default: wrapping.key in the data directory, made at first start
	KeyFile string `yaml:"key-file" usage:"file of the wrapping key (default: wrapping.key in the data directory)"`

	// KeyPassphraseFile is a file whose first line is a passphrase to use in place of
	// a key file; - is standard input, where a terminal is asked without echo, and
	// /dev/fd/N a descriptor that the starter opened. It can be given in the
	// environment as SEALWRIGHT_KEY_PASSPHRASE instead. It has 12 characters or more.
	// To try it takes a second and 256 MiB at each start. Default: none
	KeyPassphraseFile string `yaml:"key-passphrase-file" usage:"file of a passphrase in place of the wrapping key"`

	// Database is the URL of a PostgreSQL database to keep the records in, such as
	// postgres://user@host/sealwright. A password is better given in PGPASSWORD or
	// a .pgpass file than here. Default: none, SQLite in the data directory
	Database string `yaml:"database" usage:"PostgreSQL URL for the records (default: SQLite in the data directory)"`

	// Blobs is a directory for the blobs and uploads, when data is not to hold them.
	// Replicas that share a database share this directory, and each has to name it: on
	// one machine, or on a network volume that keeps file locks for all its clients,
	// such as NFS 4. Its parent must be there. See docs/operations/replicas.md.
	// Default: none, the data directory, which one process has alone
	Blobs string `yaml:"blobs" usage:"directory of blobs that several processes share (default: the data directory)"`

	// OIDCCAFile is a PEM file with authorities that the certificates of OpenID
	// Connect issuers may come from, beside those the system knows.
	// Default: none
	OIDCCAFile string `yaml:"oidc-ca-file" usage:"PEM file of authorities of OpenID Connect issuers"`

	// OIDCKeys lists files with the keys of OpenID Connect issuers that this service
	// cannot reach, each as ISSUER=FILE: the issuer's URL, exactly as its tokens have
	// it, and a JSON Web Key Set, such as "kubectl get --raw /openid/v1/jwks" prints.
	// The issuer is not asked then. A file that is replaced is read again within a
	// quarter of an hour, and when a token names a key that is not known.
	// Default: none
	OIDCKeys []string `yaml:"oidc-keys" usage:"ISSUER=FILE: keys of an OpenID Connect issuer that cannot be reached (repeatable)"`

	// OIDCLoopback permits OpenID Connect issuers on this machine, over plain HTTP
	// too: for tests. Who may create a provider can then have this service ask what
	// listens here. Default: false
	OIDCLoopback bool `yaml:"oidc-loopback" usage:"permit OpenID Connect issuers on this machine"`

	// LeafValidity is how long a signing certificate lives. Its key exists only in
	// memory; it is replaced at half of this. From 1h to 240h.
	// Default: 72h
	LeafValidity time.Duration `yaml:"leaf-validity" usage:"lifetime of a signing certificate"`

	// WaitingReferrers is how long a signature or other referrer is kept whose
	// subject is not in the repository. Default: 168h
	WaitingReferrers time.Duration `yaml:"waiting-referrers" usage:"how long a referrer is kept without its subject"`

	// UploadIdle is how long an upload may stand still before it is forgotten. From
	// 1m. Default: 24h
	UploadIdle time.Duration `yaml:"upload-idle" usage:"how long an upload may stand still"`

	// BlobGrace is how long a blob is kept that no manifest of its repository names:
	// clients push blobs first. After that the repository no longer has it, and when
	// no other has it either and it is as old as this, its bytes are removed; those of
	// a small blob, which are among the records, at once. A shorter time frees the disk
	// sooner; a push that takes longer from its first blob to its manifest is told that
	// a blob is missing. From 1m. Default: 24h
	BlobGrace time.Duration `yaml:"blob-grace" usage:"how long a blob is kept that no manifest names"`

	// CollectInterval is the time from one collection of garbage to the next: of
	// blobs, abandoned uploads and waiting referrers. It goes in short steps beside
	// everything else. Two collections after blob-grace, a blob's bytes are gone.
	// From 1s. Default: 1h
	CollectInterval time.Duration `yaml:"collect-interval" usage:"time between collections of garbage"`

	// MaxUpload bounds one blob, in bytes. Default: 54525952000 (52,000 MiB, as
	// Amazon ECR)
	MaxUpload int64 `yaml:"max-upload" usage:"largest blob in bytes"`

	// MaxUploads bounds how many uploads' bodies arrive at once, and with that the
	// memory and connections they take. Who comes beyond waits a few seconds and is
	// then told to try again (429). Uploads that nothing is sent to do not count.
	// Default: 256
	MaxUploads int `yaml:"max-uploads" usage:"uploads that may arrive at once"`

	// HeaderTimeout is how long a request's header, and the TLS handshake before
	// it, may take to arrive. (A body may stand still for 30 seconds and must come
	// at 8 KiB a second beyond that.) From 1s. Default: 10s
	HeaderTimeout time.Duration `yaml:"header-timeout" usage:"time for a request's header to arrive"`

	// IdleTimeout is how long a connection is kept on which no request is under
	// way. From 1s. Default: 2m
	IdleTimeout time.Duration `yaml:"idle-timeout" usage:"time a connection without a request is kept"`

	// MaxImages is how many images one repository may hold: manifests of every
	// kind, so each signature counts as one. A push beyond it is denied and changes
	// nothing; what is there can be pushed and tagged again. A repository that holds
	// more than a lowered quota keeps what it has. DescribeRepositories tells how
	// many there are. Default: 100000 (as Amazon ECR)
	MaxImages int64 `yaml:"max-images" usage:"images in a repository, signatures included"`

	// ReadCache is how much memory may hold answers that are asked for often: one
	// half lists of referrers, ready to send, which go when the service is at rest and
	// nobody asks for them; the other manifests, small blobs and what repositories hold.
	// They are taken only while nothing has changed. In bytes, from 1048576.
	// Default: 134217728 (128 MiB)
	ReadCache int64 `yaml:"read-cache" usage:"bytes of memory for what is read often"`

	// RateLimit lists how often an account may call what, as OPERATION=CALLS a
	// second: signer:SignPayload=10. A second's worth may come at once. An operation
	// is called as in the metrics; signer:List*=6 bounds all whose names begin so,
	// together, and the closest limit counts alone. What comes faster gets the
	// protocol's own error, which SDKs wait and try again on, and is counted in
	// throttled_requests_total. Those without credentials count as one account. Each
	// replica counts by itself. See docs/operations/limits.md. Default: none
	RateLimit []string `yaml:"rate-limit" usage:"OPERATION=CALLS: calls a second of an account (repeatable)"`

	// ReuseEndedProfileNames permits a new version of a signing profile whose name
	// was canceled or revoked. A trust policy that names the profile trusts the new
	// version too, which is why the default refuses. Default: false
	ReuseEndedProfileNames bool `yaml:"reuse-ended-profile-names" usage:"permit a new profile under a canceled or revoked name"`
}

// Default returns the settings with nothing said.
func Default() Config {
	return Config{
		Data:             "./sealwright-data",
		Listen:           "localhost:5000",
		Account:          "111122223333",
		Region:           "us-east-1",
		LeafValidity:     72 * time.Hour,
		WaitingReferrers: 7 * 24 * time.Hour,
		UploadIdle:       24 * time.Hour,
		BlobGrace:        24 * time.Hour,
		CollectInterval:  time.Hour,
		MaxUpload:        52_000 << 20,
		MaxUploads:       256,
		HeaderTimeout:    10 * time.Second,
		IdleTimeout:      2 * time.Minute,
		ReadCache:        128 << 20,
		AccessLog:        "errors",
		LogFormat:        "text",
		MetricsNames:     100,
		AuditFileSize:    100 << 20,
		AuditFileAge:     24 * time.Hour,
		TransparencyLog:  true,
		AuditMaxEntries:  100_000,
		AuditMaxLag:      time.Minute,
		AuditReads:       "api",
		AuditRate:        100,
		JournalKeepReads: 90 * 24 * time.Hour,
		MaxImages:        100_000,
	}
}

// Validate checks each setting and how they go together. The error names the
// setting and says what it should be.
func (c Config) Validate() error {
	checks := []func() error{c.checkIdentity, c.checkListen, c.checkAdmin, c.checkLog, c.checkAudit, c.checkURLs, c.checkProxies, c.checkIssuers, c.checkRates, c.checkLimits, c.checkTimeouts}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkIdentity() error {
	if c.Data == "" {
		return fmt.Errorf("data: name a directory")
	}
	if _, err := arn.ParseAccountID(c.Account); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if !arn.ValidRegion(c.Region) {
		return fmt.Errorf("region: %q is not a region: want letters, digits and hyphens, such as us-east-1", c.Region)
	}
	return nil
}

func (c Config) checkListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q: want host:port, such as localhost:5000", c.Listen)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("tls-cert and tls-key: give both or none")
	}
	if c.TLSCert == "" && !c.InsecureHTTP && !Loopback(host) {
		return fmt.Errorf("listen: %s is beyond loopback and would be plain HTTP: give --tls-cert and --tls-key, or --insecure-http if the network is protected", c.Listen)
	}
	return nil
}

func (c Config) checkIssuers() error {
	_, err := c.IssuerFiles()
	return err
}

// IssuerFiles are the files of oidc-keys by their issuers.
func (c Config) IssuerFiles() (map[string]string, error) {
	files := map[string]string{}
	for _, entry := range c.OIDCKeys {
		issuer, file, ok := strings.Cut(entry, "=")
		u, err := url.Parse(issuer)
		if _, twice := files[issuer]; !ok || twice || file == "" || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("oidc-keys: %q: want ISSUER=FILE, each issuer once, such as https://issuer.example=keys.json", entry)
		}
		files[issuer] = file
	}
	return files, nil
}

func (c Config) checkAdmin() error {
	if c.AdminListen == "" {
		if c.AdminTokenFile != "" {
			return fmt.Errorf("admin-token-file: it is for admin-listen, which is not set")
		}
		return nil
	}
	host, _, err := net.SplitHostPort(c.AdminListen)
	switch {
	case err != nil:
		return fmt.Errorf("admin-listen: %q: want host:port, such as localhost:5001", c.AdminListen)
	case Loopback(host):
		return nil
	case c.AdminTokenFile == "":
		return fmt.Errorf("admin-listen: %s is beyond loopback and would be open to strangers: give --admin-token-file, or listen on localhost", c.AdminListen)
	case c.TLSCert == "" && !c.InsecureHTTP:
		return fmt.Errorf("admin-listen: %s is beyond loopback and would be plain HTTP: give --tls-cert and --tls-key, or --insecure-http if the network is protected", c.AdminListen)
	}
	return nil
}

func (c Config) checkLog() error {
	if !slices.Contains([]string{"all", "errors", "off"}, c.AccessLog) {
		return fmt.Errorf("access-log: %q: want all, errors or off", c.AccessLog)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return fmt.Errorf("log-format: %q: want text or json", c.LogFormat)
	}
	return nil
}

func (c Config) checkURLs() error {
	for _, raw := range c.PublicURL {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("public-url: %q: want scheme and host only, such as https://registry.example.com", raw)
		}
	}
	return nil
}

func (c Config) checkProxies() error {
	_, err := c.TrustedProxies()
	return err
}

func (c Config) checkLimits() error {
	switch {
	case c.LeafValidity < time.Hour || c.LeafValidity > 240*time.Hour:
		return fmt.Errorf("leaf-validity: %s: want 1h to 240h", c.LeafValidity)
	case c.WaitingReferrers < time.Minute:
		return fmt.Errorf("waiting-referrers: %s: want at least 1m", c.WaitingReferrers)
	case c.MaxImages < 1:
		return fmt.Errorf("max-images: want a positive number")
	case c.MaxUpload < 1:
		return fmt.Errorf("max-upload: want a positive number of bytes")
	case c.ReadCache < 1<<20:
		return fmt.Errorf("read-cache: want at least 1048576 bytes")
	case c.MetricsNames < 0 || c.MetricsNames > 10_000:
		return fmt.Errorf("metrics-names: %d: want 0 to 10000", c.MetricsNames)
	case c.MaxUploads < 1:
		return fmt.Errorf("max-uploads: want a positive number")
	}
	return nil
}

func (c Config) checkTimeouts() error {
	switch {
	case c.HeaderTimeout < time.Second:
		return fmt.Errorf("header-timeout: %s: want at least 1s", c.HeaderTimeout)
	case c.IdleTimeout < time.Second:
		return fmt.Errorf("idle-timeout: %s: want at least 1s", c.IdleTimeout)
	case c.UploadIdle < time.Minute:
		return fmt.Errorf("upload-idle: %s: want at least 1m", c.UploadIdle)
	case c.BlobGrace < time.Minute:
		return fmt.Errorf("blob-grace: %s: want at least 1m", c.BlobGrace)
	case c.CollectInterval < time.Second:
		return fmt.Errorf("collect-interval: %s: want at least 1s", c.CollectInterval)
	}
	return nil
}

// TrustedProxies returns trusted-proxy as networks.
func (c Config) TrustedProxies() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, s := range c.TrustedProxy {
		if address, err := netip.ParseAddr(s); err == nil {
			networks = append(networks, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("trusted-proxy: %q: want a network such as 10.0.0.0/8, or an address", s)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// Loopback reports whether host, without a port, can only be this machine.
func Loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
