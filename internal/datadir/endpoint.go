package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sealwright/sealwright/internal/durable"
)

const endpointFile = "endpoint.json"

// Endpoint is how clients reach the service, as the last serve recorded it.
type Endpoint struct {
	URL      string `json:"url"`                // scheme://host:port
	Region   string `json:"region"`             // for AWS_REGION
	Root     string `json:"root"`               // fingerprint of the root certificate
	Database bool   `json:"database,omitempty"` // the records are in PostgreSQL, not here
}

// SetEndpoint records where the service listens.
func (d *Dir) SetEndpoint(e Endpoint) error {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(d.file(endpointFile), append(text, '\n'), 0o600)
}

// Endpoint returns what was recorded last; none yet is an error that says so.
func (d *Dir) Endpoint() (Endpoint, error) {
	text, err := os.ReadFile(d.file(endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, fmt.Errorf("no service has listened from %s yet: start `sealwright serve --data %s` first", d.Path, d.Path)
	}
	if err != nil {
		return Endpoint{}, err
	}
	var e Endpoint
	if err := json.Unmarshal(text, &e); err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", d.file(endpointFile), err)
	}
	return e, nil
}
