package remote

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/notaryproject/notation-go/log"
)

// secretHeaders never reach a log.
var secretHeaders = []string{"Authorization", "Set-Cookie", "X-Amz-Security-Token"}

// tracer logs each HTTP exchange to the notation-go logger of its context.
type tracer struct{ http.RoundTripper }

// RoundTrip sends req and logs it and its answer, without their secrets.
func (t tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	logger := log.GetLogger(req.Context())
	logger.Debugf("> %s %s\n%s", req.Method, req.URL.Redacted(), headerLines(req.Header))
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		logger.Errorf("no answer to %s %s: %v", req.Method, req.URL.Redacted(), err)
		return nil, err
	}
	logger.Debugf("< %s to %s %s\n%s", resp.Status, req.Method, req.URL.Redacted(), headerLines(resp.Header))
	return resp, nil
}

// headerLines writes a header one field a line, sorted, secrets blotted out.
func headerLines(header http.Header) string {
	lines := make([]string, 0, len(header))
	for name, values := range header {
		value := strings.Join(values, ", ")
		if slices.ContainsFunc(secretHeaders, func(secret string) bool { return strings.EqualFold(secret, name) }) {
			value = "*****"
		}
		lines = append(lines, fmt.Sprintf("   %q: %q", name, value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
