package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, s *Server) map[string]*dto.MetricFamily {
	t.Helper()
	code, text := get(t, s.AdminURL()+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", code, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// total adds up the series of a family that have the labels, given as name and
// value in turn: counts of histograms, values of the rest.
func total(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	family := families["sealwright_"+name]
	if family == nil {
		t.Fatalf("no metric %s", name)
	}
	sum := 0.0
	for _, m := range family.Metric {
		has := map[string]string{}
		for _, l := range m.Label {
			has[l.GetName()] = l.GetValue()
		}
		matches := true
		for i := 0; i < len(labels); i += 2 {
			matches = matches && has[labels[i]] == labels[i+1]
		}
		if matches {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestMetricsMove does some work and finds it in the figures.
func TestMetricsMove(t *testing.T) {
	c := settings(t)
	c.AdminListen = "localhost:0"
	s, _ := run(t, c)
	client := ecr.NewFromConfig(awsConfig(t, s))
	before := scrape(t, s)
	if _, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	signed := signer.NewFromConfig(awsConfig(t, s))
	for range 2 {
		if _, err := signed.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("measured"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := signed.SignPayload(t.Context(), signPayload("measured")); err != nil {
			t.Fatal(err)
		}
	}
	blob := strings.Repeat("a blob, not a small one", 10_000)
	if code := send(t, client, http.MethodPost, s.URL()+"/v2/app/blobs/uploads/?digest="+digestOf(blob), strings.NewReader(blob), int64(len(blob))); code != http.StatusCreated {
		t.Fatalf("push: %d", code)
	}
	if code := send(t, client, http.MethodGet, s.URL()+"/v2/app/blobs/"+digestOf(blob), nil, 0); code != http.StatusOK {
		t.Fatalf("pull: %d", code)
	}
	get(t, s.URL()+"/v2/")
	after := scrape(t, s)
	await(t, "every request and write has ended", time.Minute, func() bool { // a moment after its answer has come
		after = scrape(t, s)
		return total(t, after, "http_requests_in_flight") == 0 && total(t, after, "store_queue_depth") == 0
	})
	for _, want := range []struct {
		name   string
		labels []string
		least  float64
	}{
		{"http_requests_total", []string{"operation", "ecr:CreateRepository", "code", "2xx"}, 1},
		{"http_requests_total", []string{"operation", "oci:startUpload", "code", "2xx"}, 1},
		{"http_requests_total", []string{"operation", "oci:ping", "code", "4xx"}, 1},
		{"http_request_duration_seconds", []string{"operation", "signer:SignPayload"}, 2},
		{"http_received_bytes_total", []string{"operation", "oci:startUpload"}, float64(len(blob))},
		{"http_sent_bytes_total", []string{"operation", "oci:getBlob"}, float64(len(blob))},
		{"store_transactions_total", []string{"outcome", "committed"}, 5},
		{"store_transaction_duration_seconds", nil, 5},
		{"store_commit_duration_seconds", nil, 5},
		{"store_batch_requests", nil, 5},
		{"blob_sync_duration_seconds", []string{"of", "file"}, 1},
		{"blob_sync_duration_seconds", []string{"of", "directory"}, 1},
		{"cache_requests_total", []string{"cache", "signing_profiles", "outcome", "hit"}, 1},
		{"cache_requests_total", []string{"cache", "sigv4_keys", "outcome", "hit"}, 1},
	} {
		moved := total(t, after, want.name, want.labels...)
		if before["sealwright_"+want.name] != nil {
			moved -= total(t, before, want.name, want.labels...)
		}
		if moved < want.least {
			t.Errorf("%s%q moved by %v, want %v at least", want.name, want.labels, moved, want.least)
		}
	}
	for name, want := range map[string]float64{"uploads_limit": 256, "uploads_in_flight": 0, "http_requests_in_flight": 0, "store_queue_depth": 0} {
		if got := total(t, after, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"go_goroutines", "go_build_info"} {
		if after[name] == nil {
			t.Errorf("no %s", name)
		}
	}
}

// What clients choose must not make series.
func TestLabelsAreBounded(t *testing.T) {
	c := settings(t)
	c.AdminListen = "localhost:0"
	s, _ := run(t, c)
	for _, path := range []string{"/v2/secret-repository/tags/list", "/v2/x/nothing", "/unheard-of", "/signing-profiles/secret-profile"} {
		get(t, s.URL()+path)
	}
	_, text := get(t, s.AdminURL()+"/metrics")
	for _, word := range []string{"secret", "unheard", "nothing"} {
		if strings.Contains(text, word) {
			t.Errorf("the metrics know %q", word)
		}
	}
}

func TestAdminIsNotOnTheMainListener(t *testing.T) {
	c := settings(t)
	c.AdminListen = "localhost:0"
	s, _ := run(t, c)
	patientReadiness(s)
	for path, want := range map[string]int{
		"/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine?debug=2": 200, "/debug/pprof/symbol": 200,
		healthz: 200, readyz: 200, "/debug/pprof/cmdline": 404, "/v2/": 404, "/": 404,
	} {
		if code, text := get(t, s.AdminURL()+path); code != want {
			t.Errorf("admin %s: %d, want %d: %.200s", path, code, want, text)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
		if code, _ := get(t, s.URL()+path); code < 400 {
			t.Errorf("%s on the main listener: %d", path, code)
		}
	}
}

func TestAdminAsksForItsToken(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	c := settings(t)
	c.AdminListen = "localhost:0"
	c.AdminTokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(c.AdminTokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := run(t, c)
	patientReadiness(s)
	for _, tt := range []struct {
		path, authorization, host string
		want                      int
	}{
		{"/metrics", "", "", 401},
		{"/metrics", "Bearer wrong", "", 401},
		{"/metrics", "Bearer ", "", 401},
		{"/metrics", "Basic " + token, "", 401},
		{"/debug/pprof/heap", "", "", 401},
		{"/metrics", "Bearer " + token, "", 200},
		{"/metrics", "Bearer " + token, "a-page.example", 421},
		{readyz, "", "", 200},
		{healthz, "", "", 200},
	} {
		r, err := http.NewRequest(http.MethodGet, s.AdminURL()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Host = tt.host; tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s with %q for %q: %d, want %d", tt.path, tt.authorization, tt.host, response.StatusCode, tt.want)
		}
	}
}

func TestAdminRefusesAPoorToken(t *testing.T) {
	c := settings(t)
	c.AdminListen = "localhost:0"
	for name, write := range map[string]string{"short": "short\n", "empty": ""} {
		c.AdminTokenFile = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(c.AdminTokenFile, []byte(write), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "admin-token-file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.AdminTokenFile = filepath.Join(t.TempDir(), "none")
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "admin-token-file") {
		t.Errorf("no file: %v", err)
	}
}

func TestAdminListenerClosesWithTheService(t *testing.T) {
	c := settings(t)
	c.AdminListen = "localhost:0"
	s, stop := run(t, c)
	url := s.AdminURL()
	get(t, url+healthz)
	stop()
	if response, err := http.Get(url + healthz); err == nil {
		response.Body.Close()
		t.Error("the admin listener answers after the service has stopped")
	}
	if c.AdminListen = strings.TrimPrefix(url, "http://"); c.AdminListen == "" {
		t.Fatal("no address")
	}
	run(t, c) // the port is free
}
