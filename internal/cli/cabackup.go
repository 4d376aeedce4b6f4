package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/durable"
)

func (a *app) caBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE (--recipient AGE1… | --passphrase-file FILE)",
		Short: "Write the CAs and their private keys to an encrypted file",
		Long: `Write the CAs and their private keys to a new file, encrypted as age does it
(https://age-encryption.org), for recipients or under a passphrase. Of the
signing certificates, whose keys are nowhere, it has those that are revoked. Nothing
else is in it: back up the records for profiles and jobs. The passphrase is read
from a file; "-" is standard input, where a terminal is asked without echo.`,
		Args: cobra.ExactArgs(1),
	}
	recipients := cmd.Flags().StringArray("recipient", nil, "age recipient that can open the file (repeatable)")
	passphrase := passphraseFlag(cmd)
	cmd.MarkFlagsOneRequired("recipient", "passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("recipient", "passphrase-file")
	return a.runCeremony(cmd, func(ctx context.Context, c ceremony, args []string) error {
		to, err := a.backupRecipients(*recipients, *passphrase)
		if err != nil {
			return err
		}
		if exists(args[0]) {
			return fmt.Errorf("%s is there already: name a new file", args[0])
		}
		var sealed bytes.Buffer
		var lost []authority.Certificate
		err = encryptTo(&sealed, to, func(w io.Writer) (err error) {
			lost, err = c.Backup(ctx, c.keys, w)
			return err
		})
		if err != nil {
			return err
		}
		if err := durable.WriteFile(args[0], sealed.Bytes(), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "The CAs with their keys are in %s. Keep it apart from what opens it.\n", args[0])
		for _, ca := range lost {
			fmt.Fprintf(a.Err, "Warning: the key of %s is lost, and so is not in it. Restore an older backup, which brings it back, and make another.\n", ca.ID)
		}
		return nil
	})
}

func (a *app) backupRecipients(names []string, passphraseFile string) ([]age.Recipient, error) {
	if len(names) > 0 {
		to, err := age.ParseRecipients(strings.NewReader(strings.Join(names, "\n")))
		if err != nil {
			return nil, errors.New("--recipient takes an age recipient, age1…, as age-keygen prints it")
		}
		return to, nil
	}
	passphrase, err := a.readPassphrase(passphraseFile, true)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(passphrase)
	return []age.Recipient{r}, err
}

func encryptTo(to io.Writer, recipients []age.Recipient, write func(io.Writer) error) error {
	w, err := age.Encrypt(to, recipients...)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	return w.Close()
}

// decryptFile opens a file for whoever has an identity, or the passphrase.
func (a *app) decryptFile(path, identityFile, passphraseFile string) (io.Reader, error) {
	with, err := a.backupIdentities(identityFile, passphraseFile)
	if err != nil {
		return nil, err
	}
	sealed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	opened, err := age.Decrypt(bytes.NewReader(sealed), with...)
	if err != nil {
		return nil, fmt.Errorf("%s does not open with that identity or passphrase, or is no backup", path)
	}
	return opened, nil
}

func (a *app) backupIdentities(identityFile, passphraseFile string) ([]age.Identity, error) {
	if identityFile != "" {
		text, err := os.ReadFile(identityFile)
		if err != nil {
			return nil, err
		}
		defer clear(text)
		with, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s holds no age identity", identityFile)
		}
		return with, nil
	}
	passphrase, err := a.readPassphrase(passphraseFile, false)
	if err != nil {
		return nil, err
	}
	i, err := age.NewScryptIdentity(passphrase)
	return []age.Identity{i}, err
}
