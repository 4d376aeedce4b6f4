package authority_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/seal"
)

// saved is a backup and what was so when it was made.
type saved struct {
	text   []byte
	stood  authority.Authorities
	leaves map[string]string // those that were revoked, though their issuer was not: ID to the issuer's
	signed map[string]bool
}

// happen is what is no ceremony: time passes, or the replica starts again.
func (m *installation) happen() {
	if m.random.IntN(4) == 0 {
		m.done = append(m.done, "restart")
		m.restart()
		return
	}
	const day = 24 * time.Hour
	d := pick(m, []time.Duration{time.Microsecond, time.Second, 5 * time.Second, time.Hour, -time.Hour, 40 * time.Hour, 80 * time.Hour, 100 * day, 400 * day})
	m.done = append(m.done, fmt.Sprintf("%v pass", d))
	m.clock.advance(d)
}

func pick[T any](m *installation, all []T) T { return all[m.random.IntN(len(all))] }

// choose is a ceremony that may be done whatever else goes on.
func (m *installation) choose() ceremony {
	return pick(m, []func() ceremony{
		m.rotate, m.rotate, m.newRoot, m.newRoot, m.activate, m.activate, m.activate, m.retire, m.revoke, m.revokeLeaf, m.revokeLeaf,
		m.request, m.install, m.install, m.imports, m.imports, m.imports, m.backUp, m.backUp, m.restore, m.restore, m.replaceWrappingKey,
	})()
}

// chooseAlone is one that may be disturbed.
func (m *installation) chooseAlone() ceremony {
	switch n := m.random.IntN(40); {
	case n == 0:
		return m.reseal()
	case n <= 2 && len(m.backups) > 0:
		return m.beginAnew()
	}
	return m.choose()
}

// ca picks a CA, the active one as often as all others of its role.
func (m *installation) ca(role authority.Role) string {
	now := authorities(m.t, m.world)
	ids := []string{"00"}
	for _, c := range now.CAs {
		if c.Role == role {
			ids = append(ids, c.ID)
		}
	}
	if role == authority.Issuing && m.random.IntN(2) == 0 {
		return now.Active
	}
	return pick(m, ids)
}

func (m *installation) rotate() ceremony {
	id := m.ca(authority.Issuing)
	return ceremony{fmt.Sprintf("rotate %.6s", id), func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		c, err := a.Rotate(ctx, id)
		return c.ID, err
	}, 1}
}

func (m *installation) newRoot() ceremony {
	return ceremony{"new root", func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		root, issuing, err := a.NewRoot(ctx)
		if err != nil {
			return "", err
		}
		return root.ID + issuing.ID, nil
	}, 2}
}

func (m *installation) activate() ceremony {
	id := m.ca(authority.Issuing)
	return ceremony{fmt.Sprintf("activate %.6s", id), func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		return "", a.Activate(ctx, id)
	}, 0}
}

func (m *installation) retire() ceremony {
	id := m.ca(pick(m, []authority.Role{authority.Root, authority.Issuing}))
	return ceremony{fmt.Sprintf("retire %.6s", id), func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		return "", a.Retire(ctx, id)
	}, 0}
}

func (m *installation) revoke() ceremony {
	return m.revocation(m.ca(pick(m, []authority.Role{authority.Root, authority.Issuing})))
}

func (m *installation) revokeLeaf() ceremony {
	leaves, err := m.store.Certificates(m.t.Context(), authority.Leaf)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(leaves) == 0 {
		return m.rotate()
	}
	return m.revocation(pick(m, leaves).Hash)
}

func (m *installation) revocation(name string) ceremony {
	why := pick(m, slices.Sorted(maps.Values(authority.Reasons)))
	return ceremony{fmt.Sprintf("revoke %.6s", name), func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		c, _, err := a.Revoke(ctx, strings.ToUpper(name), why)
		return c.ID, err
	}, 0}
}

func (m *installation) request() ceremony {
	return ceremony{"request", func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		csr, err := a.Request(ctx)
		if err != nil {
			return "", err
		}
		m.outside.requests = append(m.outside.requests, csr)
		return string(publicOf(m.t, csr)), nil
	}, 0}
}

func (m *installation) install() ceremony {
	if len(m.outside.requests) == 0 {
		return m.request()
	}
	chain := m.outside.answer(pick(m, m.outside.requests))
	return ceremony{"install " + ids(chain), func(ctx context.Context, a *authority.Authority, _ *interrupted) (string, error) {
		c, err := a.Install(ctx, chain)
		return c.ID, err
	}, len(chain)}
}

func (m *installation) imports() ceremony {
	o := m.outside.any()
	return ceremony{"import " + ids(o.chain), func(ctx context.Context, a *authority.Authority, i *interrupted) (string, error) {
		c, err := a.Import(ctx, i, o.chain, o.key)
		return c.ID, err
	}, max(2, len(o.chain))}
}

func ids(chain []*x509.Certificate) (names string) {
	for _, cert := range chain {
		names += fmt.Sprintf("%.6s ", fingerprint(cert))
	}
	return names
}

func (m *installation) backUp() ceremony {
	return ceremony{"back up", func(ctx context.Context, a *authority.Authority, i *interrupted) (string, error) {
		stood := authorities(m.t, m.world)
		if stood.Active == "" {
			return "", nil // the command refuses
		}
		var text bytes.Buffer
		leaves := m.revokedLeaves()
		_, err := a.Backup(ctx, i, &text)
		m.backups = append(m.backups, saved{text.Bytes(), stood, leaves, maps.Clone(m.signed)})
		return "", err
	}, 0}
}

// revokedLeaves are those that are revoked though their issuer is not.
func (m *installation) revokedLeaves() map[string]string {
	leaves, err := m.store.Certificates(m.t.Context(), authority.Leaf)
	if err != nil {
		m.t.Fatal(err)
	}
	issuers := map[string]string{}
	for _, c := range leaves {
		if !c.RevokedAt.IsZero() && !m.isRevoked(c.IssuerID) {
			issuers[c.ID] = c.IssuerID
		}
	}
	return issuers
}

func (m *installation) restore() ceremony {
	if len(m.backups) == 0 {
		return m.backUp()
	}
	n := m.random.IntN(len(m.backups))
	return m.restoration(fmt.Sprintf("restore backup %d", n), m.backups[n])
}

func (m *installation) restoration(name string, from saved) ceremony {
	return ceremony{name, func(ctx context.Context, a *authority.Authority, i *interrupted) (string, error) {
		now, err := a.Restore(ctx, i, bytes.NewReader(from.text))
		if err == nil {
			m.checkRestored(from, now)
		}
		return "", err
	}, len(from.stood.CAs)}
}

// beginAnew loses everything but a backup.
func (m *installation) beginAnew() ceremony {
	n := m.random.IntN(len(m.backups))
	from := m.backups[n]
	m.move(m.clock)
	m.replica = nil
	m.facts = facts{map[string]bool{}, map[string]authority.Revocation{}, maps.Clone(from.signed)}
	return m.restoration(fmt.Sprintf("begin anew with backup %d", n), from)
}

func (m *installation) replaceWrappingKey() ceremony {
	was, next := m.wrapping, newSealer(m.t)
	return ceremony{"replace the wrapping key", func(ctx context.Context, _ *authority.Authority, i *interrupted) (string, error) {
		unlocked, err := seal.Unlock(ctx, m.sealed(i), next)
		if errors.Is(err, seal.ErrOpen) {
			if unlocked, err = seal.Unlock(ctx, m.sealed(i), was); err != nil {
				return "", err
			}
			if _, err = unlocked.Succeed(ctx, next); err != nil {
				return "", err
			}
			unlocked, err = unlocked.Reopen(ctx, next)
		}
		if err != nil {
			return "", err
		}
		m.wrapping = next
		_, err = unlocked.FinishSuccession(ctx)
		return "", err
	}, 0}
}

// reseal ends with the replica's restart: none may run.
func (m *installation) reseal() ceremony {
	was, next := m.wrapping, newSealer(m.t)
	return ceremony{"reseal", func(ctx context.Context, _ *authority.Authority, i *interrupted) (string, error) {
		_, err := seal.Unlock(ctx, m.sealed(i), next)
		if errors.Is(err, seal.ErrOpen) {
			var old *seal.Unlocked
			if old, err = seal.Unlock(ctx, m.sealed(i), was); err != nil {
				return "", err
			}
			err = old.Reseal(ctx, next)
		}
		if err != nil {
			return "", err
		}
		m.wrapping = next
		m.unlock(next)
		m.replica = nil
		return "", nil
	}, 0}
}
