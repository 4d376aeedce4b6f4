package cli

import (
	"context"
	"errors"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/config"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/signer"

	"github.com/sealwright/sealwright/internal/signerplugin"
)

// plugins finds our plugin in this process and others where Notation keeps
// them.
func plugins() plugin.Manager {
	return signerplugin.NewManager(signerplugin.New(userAgent()), plugin.NewCLIManager(dir.PluginFS()))
}

// signer makes the signer that the flags name: a key held by a plugin, given
// here or in signingkeys.json, or a local key.
func (a *app) signer(ctx context.Context, f *signFlags) (notation.Signer, error) {
	if f.id != "" && f.plugin != "" && f.key == "" {
		return pluginSigner(ctx, f.plugin, f.id, nil)
	}
	key, err := signingKey(f.key)
	if err != nil {
		return nil, err
	}
	switch {
	case key.X509KeyPair != nil:
		return signer.NewGenericSignerFromFiles(key.X509KeyPair.KeyPath, key.X509KeyPair.CertificatePath)
	case key.ExternalKey != nil:
		return pluginSigner(ctx, key.PluginName, key.ExternalKey.ID, key.PluginConfig)
	}
	return nil, errors.New("unsupported key, either provide a local key and certificate file paths, or a key name in config.json, check https://notaryproject.dev/docs/user-guides/how-to/notation-config-file/ for details")
}

func pluginSigner(ctx context.Context, name, id string, config map[string]string) (notation.Signer, error) {
	found, err := plugins().Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return signer.NewPluginSigner(found, id, config)
}

// signingKey finds a key of signingkeys.json; no name means the default.
func signingKey(name string) (config.KeySuite, error) {
	keys, err := config.LoadSigningKeys()
	if err != nil {
		return config.KeySuite{}, err
	}
	if name == "" {
		return keys.GetDefault()
	}
	return keys.Get(name)
}
