package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/translog"
)

// logVerifyFlags are the flags of log verify.
type logVerifyFlags struct {
	endpoint, keyFile string
	remote            bool
	checkpoints       []string
}

func (a *app) logVerifyCommand() *cobra.Command {
	var f logVerifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check a whole transparency log",
		Long: `Check a whole transparency log.

Beside the data of a service, running or not, this reads every entry, computes the
tree anew, holds it against the newest checkpoint and against those you kept, and
the entries against the signing jobs, one to one, in the journal's order. With
--remote it reads the log of a service that is not yours, which shows no jobs.

Keys of logs come from "sealwright trust install", or from --log-key; beside the
data, the log's own key is taken if none is named.

Example - Keep a checkpoint, and check the log against it later:
  sealwright log checkpoint > checkpoint
  sealwright log verify --checkpoint checkpoint
`,
		Args: cobra.NoArgs,
	}
	open := a.dataFlags(cmd)
	flags := cmd.Flags()
	addEndpoint(cmd, &f.endpoint)
	flags.BoolVar(&f.remote, "remote", false, "check the log of the service at --endpoint, over the network")
	flags.StringVar(&f.keyFile, "log-key", "", "file with the keys of trusted logs, one a line")
	flags.StringArrayVar(&f.checkpoints, "checkpoint", nil, "file with a checkpoint of earlier that the log must still contain (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.remote {
			return a.verifyRemoteLog(cmd.Context(), f)
		}
		dir, settings, err := open()
		if err != nil {
			return err
		}
		return a.verifyOwnLog(cmd.Context(), f, dir, settings)
	}
	return cmd
}

// verifyRemoteLog checks what a service shows of its log.
func (a *app) verifyRemoteLog(ctx context.Context, f logVerifyFlags) error {
	keys, err := readLogKeys(f.keyFile)
	if err != nil {
		return err
	}
	log, err := openRemoteLog(ctx, f.endpoint)
	if err != nil {
		return err
	}
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	newest, key, err := openCheckpoint("the service's checkpoint", signed, keys)
	if err != nil {
		return err
	}
	kept, err := f.kept(key)
	if err != nil {
		return err
	}
	for _, c := range kept {
		if c.Size > newest.Size {
			return fmt.Errorf("%w: it has %s now, and a checkpoint of %d was kept", translog.ErrBroken, count(newest.Size, "entry", "entries"), c.Size)
		}
	}
	if err := translog.Check(ctx, log.At(newest.Size), append(kept, newest), nil); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "The log %s is whole: %s, as %s.\n", key.Name(), count(newest.Size, "entry", "entries"), saidBy(len(kept)+1))
	return nil
}

// openCheckpoint reads a checkpoint that any of the logs signed.
func openCheckpoint(name string, signed []byte, keys []note.Verifier) (c translog.Checkpoint, key note.Verifier, err error) {
	for _, key = range keys {
		if c, err = translog.ParseCheckpoint(signed, key); err == nil {
			return c, key, nil
		}
	}
	return c, nil, fmt.Errorf("%s: %w", name, err)
}

// kept reads the checkpoints that were kept of the log with this key.
func (f logVerifyFlags) kept(key note.Verifier) (all []translog.Checkpoint, err error) {
	for _, file := range f.checkpoints {
		signed, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, _, err := openCheckpoint(file, signed, []note.Verifier{key})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// verifyOwnLog checks the log in the records of an installation.
func (a *app) verifyOwnLog(ctx context.Context, f logVerifyFlags, dir *datadir.Dir, settings config.Config) (err error) {
	records, err := openRecords(ctx, dir, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	stand, err := records.Tailers().Stand(ctx, translog.Tailer)
	if err != nil {
		return err
	}
	head, err := records.Translog().Head(ctx)
	if err != nil {
		return err
	}
	if head.Origin == "" {
		return fmt.Errorf("there is no transparency log in %s: `sealwright serve` begins one, unless --transparency-log=false says otherwise", dir.Path)
	}
	key, err := f.ownKey(ctx, opened{dir, records, settings}, head)
	if err != nil {
		return err
	}
	checkpoints, err := f.kept(key)
	if err != nil {
		return err
	}
	checkpoints = append(checkpoints, translog.Checkpoint{Size: head.Size, Root: head.Root})
	if head.Checkpoint != "" {
		published, err := translog.ParseCheckpoint([]byte(head.Checkpoint), key)
		if err != nil {
			return err
		}
		checkpoints = append(checkpoints, published)
	}
	ledger := translog.Ledger{Jobs: records.LoggedJobs(), Journal: records.Journal(), Read: signing.LogRecordOf, Delivered: stand.Position, Kept: signing.GoneBefore(time.Now())}
	if err := ledger.CheckAgainst(ctx, records.Translog()); err != nil {
		return err
	}
	if err := translog.Check(ctx, records.Translog(), checkpoints, ledger.Entry(ctx)); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "The log %s is whole: %s, one for each signing job, as %s.\n", head.Origin, count(head.Size, "entry", "entries"), saidBy(len(checkpoints)-1))
	return nil
}

// count is a number of things.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// saidBy is how many checkpoints say what is so.
func saidBy(checkpoints int) string {
	return count(int64(checkpoints), "checkpoint says", "checkpoints say")
}

// ownKey is the log's key: the one that is named, or else the service's own.
func (f logVerifyFlags) ownKey(ctx context.Context, o opened, head translog.Head) (note.Verifier, error) {
	if f.keyFile == "" {
		unlocked, err := o.unlock(ctx)
		if err != nil {
			return nil, err
		}
		public, err := authority.NewSealedKeys(o.records.AuthorityKeys(), unlocked.Sealer, head.Region, nil).LogPublicKey(ctx, head.KeyID)
		if err != nil {
			return nil, err
		}
		text, err := note.NewEd25519VerifierKey(head.Origin, public)
		if err != nil {
			return nil, err
		}
		return note.NewVerifier(text)
	}
	keys, err := readLogKeys(f.keyFile)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Name() == head.Origin {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s has no key of the log %s", f.keyFile, head.Origin)
}
