package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sealwright/sealwright/internal/remote"
)

// CredentialHelperRole is the name under which the program is a credential
// helper of Docker and Notation ("credsStore": "sealwright").
const CredentialHelperRole = "docker-credential-sealwright"

// The texts that callers of credential helpers compare with.
//
// Source: https://github.com/docker/docker-credential-helpers/blob/master/credentials/error.go
var (
	errNoCredentials = errors.New("credentials not found in native keychain")
	errNoServer      = errors.New("no credentials server URL")
	errNoUsername    = errors.New("no credentials username")
)

// helperLogin is a login as helpers speak of it.
type helperLogin struct {
	ServerURL string
	Username  string
	Secret    string
}

// maxHelperInput bounds a request to the helper.
const maxHelperInput = 1 << 20

// RunCredentialHelper serves one request of the credential helper protocol and
// returns the exit code. args are the process's own. Errors go to standard
// output, where callers look for them.
func RunCredentialHelper(args []string, streams IO) int {
	if err := credentialHelper(args, streams); err != nil {
		fmt.Fprintln(streams.Out, err)
		return 1
	}
	return 0
}

func credentialHelper(args []string, streams IO) error {
	actions := map[string]func(remote.CredentialFile, []byte, io.Writer) error{
		"get": helperGet, "store": helperStore, "erase": helperErase, "list": helperList,
	}
	if len(args) == 2 && (args[1] == "version" || args[1] == "--version" || args[1] == "-v") {
		_, err := fmt.Fprintf(streams.Out, "%s (github.com/sealwright/sealwright) %s\n", CredentialHelperRole, Version)
		return err
	}
	if len(args) != 2 || actions[args[1]] == nil {
		return fmt.Errorf("usage: %s <store|get|erase|list|version>", CredentialHelperRole)
	}
	file, err := remote.UserCredentialFile()
	if err != nil {
		return err
	}
	var input []byte
	if args[1] != "list" {
		if input, err = readHelperInput(streams.In); err != nil {
			return err
		}
	}
	return actions[args[1]](file, input, streams.Out)
}

func readHelperInput(r io.Reader) ([]byte, error) {
	input, err := io.ReadAll(io.LimitReader(r, maxHelperInput+1))
	if err == nil && len(input) > maxHelperInput {
		return nil, errors.New("the request is too long")
	}
	return input, err
}

// serverOf reads a request that is a server's address alone.
func serverOf(input []byte) (string, error) {
	server := strings.TrimSpace(string(input))
	if server == "" {
		return "", errNoServer
	}
	return server, nil
}

func helperGet(file remote.CredentialFile, input []byte, out io.Writer) error {
	server, err := serverOf(input)
	if err != nil {
		return err
	}
	login, ok, err := file.Find(server)
	if err != nil {
		return err
	}
	if !ok {
		return errNoCredentials
	}
	return json.NewEncoder(out).Encode(helperLogin{ServerURL: server, Username: login.Username, Secret: login.Secret})
}

func helperStore(file remote.CredentialFile, input []byte, _ io.Writer) error {
	var login helperLogin
	if err := json.Unmarshal(input, &login); err != nil {
		return errors.New("the login is not the JSON expected: ServerURL, Username, Secret")
	}
	if strings.TrimSpace(login.ServerURL) == "" {
		return errNoServer
	}
	if login.Username == "" {
		return errNoUsername
	}
	return file.Set(login.ServerURL, remote.Login{Username: login.Username, Secret: login.Secret})
}

func helperErase(file remote.CredentialFile, input []byte, _ io.Writer) error {
	server, err := serverOf(input)
	if err != nil {
		return err
	}
	return file.Remove(server)
}

func helperList(file remote.CredentialFile, _ []byte, out io.Writer) error {
	users, err := file.List()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(users)
}
