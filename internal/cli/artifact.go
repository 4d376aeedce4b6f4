package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/sealwright/sealwright/internal/remote"
)

// artifact is what a verb's reference led to.
type artifact struct {
	repository *remote.Repository
	name       string // REGISTRY/REPOSITORY, or the layout's directory
	descriptor ocispec.Descriptor
	tag        string // what was given, if it was not a digest
}

// reference is the artifact's name by digest.
func (a artifact) reference() string { return a.name + "@" + a.descriptor.Digest.String() }

// locator says how to get to an artifact.
type locator struct {
	registryFlags
	layout            bool // the reference is into an OCI layout on disk
	forceReferrersTag bool
}

// find opens the repository that reference is into and resolves it.
func (l locator) find(ctx context.Context, a *app, reference string) (artifact, error) {
	found, target, err := l.open(a, reference)
	if err != nil {
		return artifact{}, err
	}
	found.descriptor, err = found.repository.Resolve(ctx, target)
	if err != nil {
		return artifact{}, fmt.Errorf("failed to get manifest descriptor: %w%s", err, loginHint(err, found.name))
	}
	if _, err := digest.Parse(target); err != nil {
		found.tag = target
	} else if target != found.descriptor.Digest.String() {
		return artifact{}, fmt.Errorf("user input digest %s does not match the resolved digest %s", target, found.descriptor.Digest)
	}
	return found, nil
}

// loginHint says what to do about a registry that does not know who we are.
func loginHint(err error, name string) string {
	host, _, _ := strings.Cut(name, "/")
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fmt.Sprintf("\nThere is no login for %s. To log in, run: sealwright login %s", host, host)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusUnauthorized:
		return fmt.Sprintf("\nThe login for %s is not accepted, or no longer: passwords of \"ecr get-login-password\" last 12 hours. To log in again, run: sealwright login %s", host, host)
	}
	return ""
}

// open returns the repository and the tag or digest within it.
func (l locator) open(a *app, reference string) (artifact, string, error) {
	if l.layout {
		return openLayout(reference)
	}
	parsed, err := parseReference(reference)
	if err != nil {
		return artifact{}, "", err
	}
	options, err := l.options(a)
	if err != nil {
		return artifact{}, "", err
	}
	options.ForceReferrersTag = l.forceReferrersTag
	repository, err := remote.NewRepository(parsed, options)
	return artifact{repository: repository, name: parsed.Registry + "/" + parsed.Repository}, parsed.Reference, err
}

// parseReference reads REGISTRY/REPOSITORY with a tag or a digest.
func parseReference(reference string) (registry.Reference, error) {
	const want = "Expecting <registry>/<repository>:<tag> or <registry>/<repository>@<digest>"
	parsed, err := registry.ParseReference(reference)
	if err != nil {
		return parsed, fmt.Errorf("%q: %w. %s", reference, err, want)
	}
	if parsed.Reference == "" {
		return parsed, fmt.Errorf("%q: invalid reference: no tag or digest. %s", reference, want)
	}
	return parsed, nil
}

// openLayout opens the OCI layout that reference is into.
func openLayout(reference string) (artifact, string, error) {
	path, target, err := splitLayoutReference(reference)
	if err != nil {
		return artifact{}, "", fmt.Errorf("failed to resolve user input reference: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return artifact{}, "", fmt.Errorf("failed to resolve user input reference: %w", err)
	}
	if !info.IsDir() {
		return artifact{}, "", errors.New("failed to resolve user input reference: input path is not a dir")
	}
	repository, err := remote.OpenLayout(path)
	return artifact{repository: repository, name: path}, target, err
}

// splitLayoutReference splits PATH:TAG or PATH@DIGEST.
func splitLayoutReference(reference string) (path, target string, err error) {
	at := strings.LastIndex(reference, "@")
	if at < 0 {
		at = strings.LastIndex(reference, ":")
	}
	if at < 0 || at == len(reference)-1 {
		return "", "", fmt.Errorf("%q: invalid reference: missing tag or digest. Expecting <file_path>:<tag> or <file_path>@<digest>", reference)
	}
	if at == 0 {
		return "", "", fmt.Errorf("%q: invalid reference: missing oci-layout file path. Expecting <file_path>:<tag> or <file_path>@<digest>", reference)
	}
	return reference[:at], reference[at+1:], nil
}

// warnOfTag says that a tag may move under a verb.
func (a *app) warnOfTag(verb string, found artifact) {
	if found.tag != "" {
		fmt.Fprintf(a.Err, "Warning: Always %s the artifact using digest(@sha256:...) rather than a tag(:%s) because resolved digest may not point to the same signed artifact, as tags are mutable.\n", verb, found.tag)
	}
}
