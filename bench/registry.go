package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/sealwright/sealwright/bench/internal/load"
)

const (
	imageManifest = "application/vnd.oci.image.manifest.v1+json"
	imageIndex    = "application/vnd.oci.image.index.v1+json"
	imageConfig   = "application/vnd.oci.image.config.v1+json"
	imageLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
	emptyConfig   = "application/vnd.oci.empty.v1+json"
	signatureType = "application/vnd.cncf.notary.signature"
	envelopeType  = "application/jose+json"
)

// registry is where to send OCI requests, and with which header lines.
type registry struct {
	address string // to dial
	host    string // the Host header
	header  []string
}

func (r registry) request(method, target string, body []byte, header ...string) load.Request {
	return load.Make(method, target, r.host, body, append(header, r.header...)...)
}

// pushBlob uploads a blob as clients do: POST for a place, PUT it there.
func (r registry) pushBlob(c *load.Conn, repository string, content []byte) (descriptor, error) {
	d := describe("", content)
	started, err := c.Expect(202, r.request("POST", "/v2/"+repository+"/blobs/uploads/", nil))
	if err != nil {
		return d, err
	}
	_, err = c.Expect(201, r.request("PUT", withDigest(started.Location, d.Digest), content, "Content-Type: application/octet-stream"))
	return d, err
}

// pushBlobAtOnce uploads a blob in a single POST.
func (r registry) pushBlobAtOnce(c *load.Conn, repository string, content []byte) (descriptor, error) {
	d := describe("", content)
	_, err := c.Expect(201, r.request("POST", "/v2/"+repository+"/blobs/uploads/?digest="+d.Digest, content, "Content-Type: application/octet-stream"))
	return d, err
}

// withDigest is where an upload that was given a location ends.
func withDigest(location, digest string) string {
	target := load.Target(location)
	if strings.Contains(target, "?") {
		return target + "&digest=" + digest
	}
	return target + "?digest=" + digest
}

// pushManifest puts a manifest under a tag or its digest.
func (r registry) pushManifest(c *load.Conn, repository, reference string, m manifest) error {
	_, err := c.Expect(201, r.request("PUT", "/v2/"+repository+"/manifests/"+reference, m.bytes, "Content-Type: "+m.MediaType))
	return err
}

// get fetches a path and returns the request with its answer's body.
func (r registry) get(ctx context.Context, target string, header ...string) (load.Request, []byte, error) {
	c, err := load.Dial(ctx, r.address)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	request := r.request("GET", target, nil, header...)
	a, err := c.Expect(200, request)
	return request, a.Body, err
}

// pushFile uploads a file as a blob of any size.
func (r registry) pushFile(ctx context.Context, repository, path, digest string) error {
	c, err := load.Dial(ctx, r.address)
	if err != nil {
		return err
	}
	defer c.Close()
	started, err := c.Expect(202, r.request("POST", "/v2/"+repository+"/blobs/uploads/", nil))
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return r.expectCreated(ctx, withDigest(started.Location, digest), f, info.Size())
}

// expectCreated puts a body, which must create something.
func (r registry) expectCreated(ctx context.Context, target string, body io.Reader, size int64) error {
	resp, err := r.stream(ctx, http.MethodPut, target, body, size)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("PUT of %d bytes: status %d: %s", size, resp.StatusCode, text)
	}
	return err
}

// stream sends a request with a body of any size, whose answer's body is left to
// be read.
func (r registry) stream(ctx context.Context, method, target string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.address+target, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength, req.Host = size, r.host
	for _, line := range r.header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	return http.DefaultClient.Do(req)
}

// descriptor is OCI's.
type descriptor struct {
	MediaType    string `json:"mediaType"`
	Digest       string `json:"digest"`
	Size         int    `json:"size"`
	ArtifactType string `json:"artifactType,omitempty"`
}

func describe(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(content)}
}

// manifest is one with its bytes; its descriptor is of these.
type manifest struct {
	descriptor
	bytes []byte
}

// manifestOf is an image manifest of a configuration and one layer, with a
// subject if it is a signature.
func manifestOf(config, layer descriptor, subject *descriptor, annotation string) manifest {
	m := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType,omitempty"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Subject       *descriptor       `json:"subject,omitempty"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}{SchemaVersion: 2, MediaType: imageManifest, Config: config, Layers: []descriptor{layer}, Subject: subject}
	if subject != nil {
		m.ArtifactType = signatureType
		m.Annotations = map[string]string{"org.opencontainers.image.created": annotation}
	}
	content, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	d := describe(imageManifest, content)
	d.ArtifactType = m.ArtifactType
	return manifest{descriptor: d, bytes: content}
}
