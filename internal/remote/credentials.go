package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// ownHelper is the suffix under which configuration files name our helper.
const ownHelper = "sealwright"

// Credentials looks for logins where Notation does and, for servers that have
// no credential helper, in our own file:
//
//  1. the credential helper which the first configuration file that says
//     anything about credentials (Notation's config.json, then Docker's) names
//     for the server or for all; with neither file, the platform's helper;
//  2. our own file;
//  3. what that configuration file holds in the clear.
//
// Logins are kept in the helper if there is one, else in our own file.
type Credentials struct {
	own    CredentialFile
	config credentialConfig
}

// credentialConfig is what a config.json says about credentials.
type credentialConfig struct {
	path    string
	Auths   map[string]json.RawMessage `json:"auths"`
	Store   string                     `json:"credsStore"`
	Helpers map[string]string          `json:"credHelpers"`
}

// FindCredentials reads Notation's configuration file at notationConfig, and
// Docker's if that one says nothing.
func FindCredentials(notationConfig string) (*Credentials, error) {
	own, err := UserCredentialFile()
	if err != nil {
		return nil, err
	}
	c := &Credentials{own: own}
	for _, path := range []string{notationConfig, dockerConfig()} {
		if c.config, err = readCredentialConfig(path); err != nil {
			return nil, err
		}
		if c.config.configured() {
			break
		}
	}
	return c, nil
}

// dockerConfig is the path of Docker's configuration file.
func dockerConfig() string {
	folder := os.Getenv("DOCKER_CONFIG")
	if folder == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		folder = filepath.Join(home, ".docker")
	}
	return filepath.Join(folder, "config.json")
}

// readCredentialConfig reads a configuration file; one that is missing says
// nothing.
func readCredentialConfig(path string) (credentialConfig, error) {
	c := credentialConfig{path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s is not a configuration file with credentials: it is not the JSON expected", path)
	}
	return c, nil
}

func (c credentialConfig) configured() bool {
	return len(c.Auths) > 0 || c.Store != "" || len(c.Helpers) > 0
}

// helper is the store of the credential helper for server, nil if there is
// none. Our own helper is not run: it is this program.
func (c *Credentials) helper(server string) credentials.Store {
	suffix := c.config.Helpers[server]
	if suffix == "" {
		suffix = c.config.Store
	}
	switch suffix {
	case "":
	case ownHelper:
		return c.own
	default:
		return credentials.NewNativeStore(suffix)
	}
	if c.config.configured() {
		return nil
	}
	if platform, ok := credentials.NewDefaultNativeStore(); ok {
		return platform
	}
	return nil
}

// KeptIn is the path of our own file if a login to server would be kept there
// for want of a helper, else empty.
func (c *Credentials) KeptIn(server string) string {
	if c.helper(credentials.ServerAddressFromRegistry(server)) != nil {
		return ""
	}
	return c.own.Path()
}

// Get finds the login for server; none is the empty credential.
func (c *Credentials) Get(ctx context.Context, server string) (auth.Credential, error) {
	places := []credentials.Store{c.own}
	if helper := c.helper(server); helper != nil {
		places = []credentials.Store{helper, c.own}
	}
	for _, place := range places {
		if found, err := place.Get(ctx, server); err != nil || found != auth.EmptyCredential {
			return found, err
		}
	}
	return c.inTheClear(ctx, server)
}

// inTheClear looks into the configuration file itself.
func (c *Credentials) inTheClear(ctx context.Context, server string) (auth.Credential, error) {
	if len(c.config.Auths) == 0 {
		return auth.EmptyCredential, nil
	}
	file, err := credentials.NewFileStore(c.config.path)
	if err != nil {
		return auth.EmptyCredential, err
	}
	return file.Get(ctx, server)
}

// Put keeps the login for server. What our own file held from the time before
// there was a helper goes.
func (c *Credentials) Put(ctx context.Context, server string, credential auth.Credential) error {
	helper := c.helper(server)
	if helper == nil || helper == c.own {
		return c.own.Put(ctx, server, credential)
	}
	return errors.Join(helper.Put(ctx, server, credential), c.own.Delete(ctx, server))
}

// Delete forgets the login for server everywhere Get looks.
func (c *Credentials) Delete(ctx context.Context, server string) error {
	err := c.own.Delete(ctx, server)
	if helper := c.helper(server); helper != nil && helper != c.own {
		err = errors.Join(err, helper.Delete(ctx, server))
	}
	if len(c.config.Auths) == 0 {
		return err
	}
	file, openErr := credentials.NewFileStore(c.config.path)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	return errors.Join(err, file.Delete(ctx, server))
}
