package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// ErrAccountExists means that the installation has an account of this number.
var ErrAccountExists = fault.New(fault.Conflict, "the account already exists")

// AccountStore makes and lists accounts. It is part of [Store].
type AccountStore interface {
	// CreateAccount saves an account and its root key. ErrAccountExists.
	CreateAccount(ctx context.Context, a Account, root AccessKey, e journal.Event) error
	// Accounts lists all accounts by number.
	Accounts(ctx context.Context) ([]Account, error)
}

// CreateAccount makes another account of the installation, with a root key. An
// empty id asks for any that is free. ErrAccountExists; ErrNoAccount before
// Bootstrap.
func (s *Service) CreateAccount(ctx context.Context, id arn.AccountID) (Account, Credentials, error) {
	first, err := s.account(ctx, "")
	if err != nil {
		return Account{}, Credentials{}, err
	}
	if id == "" {
		id = newAccountID()
	}
	if _, err := arn.ParseAccountID(string(id)); err != nil {
		return Account{}, Credentials{}, err
	}
	now := s.timestamp()
	a := Account{ID: id, Region: first.Region, TokenKey: s.newTokenKey(id), CreatedAt: now}
	root, secret := s.newRootKey(id, now)
	e := journal.New(ctx, now, journal.SourceSealwright, "CreateAccount",
		journal.Subject{Account: id, Region: a.Region, Resource: root.Principal}, map[string]string{"accessKeyId": root.ID})
	err = s.store.CreateAccount(ctx, a, root, e)
	if err == ErrAccountExists {
		err = fault.Becausef(ErrAccountExists, "account %s already exists", id)
	}
	return a, Credentials{root.ID, secret}, err
}

// newAccountID makes twelve digits that do not begin with 0.
func newAccountID() arn.AccountID {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
	if err != nil {
		panic(err) // never fails (crypto/rand, Go 1.24)
	}
	return arn.AccountID(fmt.Sprint(100_000_000_000 + n.Int64()))
}

// Accounts lists the installation's accounts by number.
func (s *Service) Accounts(ctx context.Context) ([]Account, error) { return s.store.Accounts(ctx) }

// account finds an account, "" for the installation's first. ErrNoAccount.
func (s *Service) account(ctx context.Context, id arn.AccountID) (Account, error) {
	a, err := s.store.Account(ctx, id)
	if err == ErrNoAccount && id != "" {
		return a, fault.Becausef(ErrNoAccount, "there is no account %s", id)
	}
	if err != nil {
		return a, fmt.Errorf("access: find the account: %w", err)
	}
	return a, nil
}
