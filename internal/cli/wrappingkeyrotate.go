package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/seal"
)

func (a *app) wrappingKeyRotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the key in the key file",
		Long: `Replace the key in the key file by a new one: the new key is made beside the old
(FILE.new) and let open the installation, takes the file's place, and the old one is
removed. Interrupted anywhere, the file that is there opens the installation, and
the same command finishes. Where several replicas have a copy of the file each, use
add and remove instead.`,
		Args: cobra.NoArgs,
	}
	return a.runVault(cmd, func(ctx context.Context, v vault, _ []string) error {
		if err := v.rotate(ctx); err != nil {
			return v.insteadOfRotating(err)
		}
		fmt.Fprintf(a.Out, "The key in %s was replaced. Back it up, apart from the data.\n", v.dir.KeyPath)
		return nil
	})
}

// insteadOfRotating says what to do where a rotation cannot be.
func (v vault) insteadOfRotating(err error) error {
	switch {
	case errors.Is(err, datadir.ErrNoKeyFile):
		return fmt.Errorf("%w: add another with \"sealwright wrapping-key add\" and remove this one", err)
	case errors.Is(err, seal.ErrSameKey):
		return fmt.Errorf("%w: %s holds what %s holds; remove it, and another is made", err, v.dir.NextKeyPath(), v.dir.KeyPath)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("%w: if the file is mounted or written by something else, have that bring another, let it open the installation with \"sealwright wrapping-key add\", and remove this one", err)
	}
	return err
}

// rotate replaces the key file, or finishes a rotation that has put the new key in
// its place already.
func (v vault) rotate(ctx context.Context) error {
	unlock, err := v.dir.LockKey()
	if err != nil {
		return err
	}
	defer unlock()
	if finished, err := v.FinishSuccession(ctx); finished || err != nil {
		return err
	}
	next, err := v.dir.NextKey()
	if err != nil {
		return err
	}
	if _, err := v.Succeed(ctx, next); err != nil {
		return err
	}
	if err := v.dir.TakeNextKey(); err != nil {
		return err
	}
	return v.yield(ctx, next)
}

// yield removes the slot of the key that the next one has replaced.
func (v vault) yield(ctx context.Context, next seal.Wrapper) error {
	successor, err := v.Reopen(ctx, next)
	if err != nil {
		return err
	}
	_, err = successor.FinishSuccession(ctx)
	return err
}
