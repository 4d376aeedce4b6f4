package signerplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/notaryproject/notation-go/log"
	notationplugin "github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/plugin/proto"
	"github.com/notaryproject/notation-plugin-framework-go/cli"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"
)

// Manager finds our plugin in this process, whatever is installed under its
// name, and all others where next finds them.
type Manager struct {
	own  *Plugin
	next notationplugin.Manager
}

// NewManager makes a manager for own and next.
func NewManager(own *Plugin, next notationplugin.Manager) *Manager {
	return &Manager{own: own, next: next}
}

// Get finds the plugin called name.
func (m *Manager) Get(ctx context.Context, name string) (plugin.Plugin, error) {
	if name != Name {
		return m.next.Get(ctx, name)
	}
	log.GetLogger(ctx).Debugf("the plugin %s is built in (version %s); what is installed under that name is not run", Name, Version)
	return inProcess{m.own}, nil
}

// List names the installed plugins and ours.
func (m *Manager) List(ctx context.Context) ([]string, error) {
	names, err := m.next.List(ctx)
	if err == nil && !slices.Contains(names, Name) {
		names = append(names, Name)
	}
	return names, err
}

// inProcess gives errors the form they have when notation-go runs a plugin as a
// program, so that the texts are the same.
type inProcess struct{ *Plugin }

// GenerateEnvelope is [Plugin.GenerateEnvelope].
func (p inProcess) GenerateEnvelope(ctx context.Context, req *plugin.GenerateEnvelopeRequest) (*plugin.GenerateEnvelopeResponse, error) {
	resp, err := p.Plugin.GenerateEnvelope(ctx, req)
	return resp, asRequestError(err)
}

// VerifySignature is [Plugin.VerifySignature].
func (p inProcess) VerifySignature(ctx context.Context, req *plugin.VerifySignatureRequest) (*plugin.VerifySignatureResponse, error) {
	resp, err := p.Plugin.VerifySignature(ctx, req)
	return resp, asRequestError(err)
}

// asRequestError turns the contract's error into notation-go's.
func asRequestError(err error) error {
	var contract *plugin.Error
	if !errors.As(err, &contract) {
		return err
	}
	return proto.RequestError{Code: contract.ErrCode, Err: errors.New(contract.Message), Metadata: contract.Metadata}
}

// maxRequest bounds a request over standard input. The largest is to verify a
// signature: its attributes and certificates, a few kilobytes.
const maxRequest = 4 << 20

// Execute serves one request of the contract over the process's standard input
// and output. args are the process's own. A failed request ends the process
// with exit code 1, its error on standard error, as the contract has it. What
// is longer than any request is cut off, and so is not the JSON expected.
func Execute(ctx context.Context, p *Plugin, args []string) error {
	served, err := cli.New(p)
	if err != nil {
		return fmt.Errorf("serve the plugin: %w", err)
	}
	if err := boundStdin(maxRequest); err != nil {
		return fmt.Errorf("serve the plugin: %w", err)
	}
	served.Execute(ctx, args)
	return nil
}

// boundStdin ends the process's standard input after limit bytes: the framework
// reads it whole, and nothing else.
func boundStdin(limit int64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	from := os.Stdin
	os.Stdin = r
	go func() {
		defer w.Close()
		io.Copy(w, io.LimitReader(from, limit)) // a failed read ends the input, too
	}()
	return nil
}
