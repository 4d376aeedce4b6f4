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

	"github.com/sealwright/sealwright/internal/ownerfile"
)

// TokenUser is the user name under which credential helpers keep a token that
// has no user.
//
// Source: https://github.com/docker/docker-credential-helpers
const TokenUser = "<token>"

// Login is a user name and a secret.
type Login struct {
	Username string
	Secret   string
}

// CredentialFile keeps logins by server address in one file that its owner
// alone can read. Changes are whole or not made, and several processes may make
// them at once. It is the store of the docker-credential-sealwright helper.
type CredentialFile struct{ path string }

// maxCredentials bounds the file.
const maxCredentials = 4 << 20

// credentialDocument is the file's content.
type credentialDocument struct {
	Version int              `json:"version"`
	Logins  map[string]entry `json:"logins"`
}

type entry struct {
	Username string `json:"username"`
	Secret   string `json:"secret"`
}

// UserCredentialFile is the user's own: sealwright/credentials.json in
// $XDG_CONFIG_HOME or where the system keeps configuration.
func UserCredentialFile() (CredentialFile, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return CredentialFile{}, fmt.Errorf("there is no place for credentials: %w", err)
	}
	return CredentialFile{filepath.Join(folder, "sealwright", "credentials.json")}, nil
}

// Path is where the file is.
func (f CredentialFile) Path() string { return f.path }

// Find returns the login for server; ok is false if there is none.
func (f CredentialFile) Find(server string) (login Login, ok bool, err error) {
	document, err := f.read()
	found, ok := document.Logins[server]
	return Login(found), ok, err
}

// List returns the user name for each server.
func (f CredentialFile) List() (map[string]string, error) {
	document, err := f.read()
	users := make(map[string]string, len(document.Logins))
	for server, login := range document.Logins {
		users[server] = login.Username
	}
	return users, err
}

// Set keeps login for server, in place of what was kept.
func (f CredentialFile) Set(server string, login Login) error {
	return f.change(func(logins map[string]entry) bool {
		logins[server] = entry(login)
		return true
	})
}

// Remove forgets the login for server, if there is one.
func (f CredentialFile) Remove(server string) error {
	return f.change(func(logins map[string]entry) bool {
		_, there := logins[server]
		delete(logins, server)
		return there
	})
}

// change applies edit under the file's lock and writes if edit says so.
func (f CredentialFile) change(edit func(map[string]entry) bool) error {
	unlock, err := ownerfile.Lock(f.path)
	if err != nil {
		return err
	}
	defer unlock()
	document, err := f.read()
	if err != nil || !edit(document.Logins) {
		return err
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	if len(data) > maxCredentials {
		return fmt.Errorf("%s would grow beyond %d bytes", f.path, maxCredentials)
	}
	return ownerfile.Write(f.path, append(data, '\n'))
}

// read loads the file; one that is missing is empty.
func (f CredentialFile) read() (credentialDocument, error) {
	empty := credentialDocument{Version: 1, Logins: map[string]entry{}}
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return empty, fmt.Errorf("%s may be read by others (mode %o): its secrets may be known; run chmod 600 on it, and log in again", f.path, info.Mode().Perm())
	}
	if info.Size() > maxCredentials {
		return empty, fmt.Errorf("%s is larger than %d bytes", f.path, maxCredentials)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return empty, err
	}
	return f.parse(data)
}

// parse reads the document. Its errors tell nothing of the contents.
func (f CredentialFile) parse(data []byte) (credentialDocument, error) {
	document := credentialDocument{}
	if err := json.Unmarshal(data, &document); err != nil || document.Version != 1 {
		return credentialDocument{Version: 1, Logins: map[string]entry{}}, fmt.Errorf("%s is not a version 1 credentials file: move it away and log in again", f.path)
	}
	if document.Logins == nil {
		document.Logins = map[string]entry{}
	}
	return document, nil
}

// Get is [CredentialFile.Find] for oras-go: none is the empty credential.
func (f CredentialFile) Get(_ context.Context, server string) (auth.Credential, error) {
	login, ok, err := f.Find(server)
	switch {
	case err != nil || !ok:
		return auth.EmptyCredential, err
	case login.Username == TokenUser:
		return auth.Credential{RefreshToken: login.Secret}, nil
	}
	return auth.Credential{Username: login.Username, Password: login.Secret}, nil
}

// Put is [CredentialFile.Set] for oras-go.
func (f CredentialFile) Put(_ context.Context, server string, credential auth.Credential) error {
	if credential.RefreshToken != "" {
		return f.Set(server, Login{Username: TokenUser, Secret: credential.RefreshToken})
	}
	return f.Set(server, Login{Username: credential.Username, Secret: credential.Password})
}

// Delete is [CredentialFile.Remove] for oras-go.
func (f CredentialFile) Delete(_ context.Context, server string) error { return f.Remove(server) }
