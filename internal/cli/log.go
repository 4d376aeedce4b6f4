package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/sealwright/sealwright/internal/ownerfile"
	"github.com/sealwright/sealwright/internal/remote"
)

func (a *app) logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Check the transparency log of signing jobs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.logCheckpointCommand(), a.logVerifyCommand())
	return cmd
}

func (a *app) logCheckpointCommand() *cobra.Command {
	var endpoint string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the newest checkpoint of a service's log",
		Long: `Print the newest checkpoint of a service's log: how many entries it has, and
their root, signed. Keep it where the service cannot reach it. Whatever is taken
out of the log or changed in it later, "sealwright log verify --checkpoint FILE"
will tell.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := openRemoteLog(cmd.Context(), endpoint)
			if err != nil {
				return err
			}
			signed, err := log.Checkpoint(cmd.Context())
			if err == nil {
				_, err = a.Out.Write(signed)
			}
			return err
		},
	}
	addEndpoint(cmd, &endpoint)
	return cmd
}

// addEndpoint adds the flag that names a service.
func addEndpoint(cmd *cobra.Command, endpoint *string) {
	cmd.Flags().StringVar(endpoint, "endpoint", "", "URL of the service (default: $AWS_ENDPOINT_URL_SIGNER, $AWS_ENDPOINT_URL or the shared AWS configuration)")
}

// serviceURL is the service that a flag or the environment names.
func serviceURL(ctx context.Context, endpoint string) (*url.URL, error) {
	client, err := remote.NewSigner(ctx, remote.SignerOptions{Endpoint: endpoint, UserAgent: userAgent()})
	if err != nil {
		return nil, err
	}
	return remote.Endpoint(client)
}

func openRemoteLog(ctx context.Context, endpoint string) (*remote.Log, error) {
	service, err := serviceURL(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	return remote.NewLog(service), nil
}

// logKeysFile has the keys of the logs that are trusted, one a line.
const logKeysFile = "sealwright/log.keys"

// readLogKeys reads verifier keys (https://c2sp.org/signed-note), one a line, from
// a file; "" is the one that "trust install" writes.
func readLogKeys(file string) (keys []note.Verifier, err error) {
	path := firstOf(file, configPath(logKeysFile))
	text, err := os.ReadFile(path)
	if err != nil {
		if file == "" && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no transparency log is trusted: run \"sealwright trust install\", or name a file with its key with --log-key (%w)", err)
		}
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %.100q is no key of a transparency log: %w", path, line, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key of a transparency log", path)
	}
	return keys, nil
}

// trustLog adds a log's key to those that are trusted, and returns the file.
func trustLog(key string) (string, error) {
	path := configPath(logKeysFile)
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("%.100q is no key of a transparency log: %w", key, err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == key {
			return path, nil
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return path, ownerfile.Write(path, append(text, key+"\n"...))
}
