package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sealwright/sealwright/internal/seal"
)

// passphraseFlag adds the flag that says where a passphrase is read from. It is
// never an argument: any user of the machine can read those.
func passphraseFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("passphrase-file", "", "`FILE` whose first line is the passphrase; - for standard input")
}

// readPassphrase reads the first line of a file, or of standard input, or asks at
// the terminal; twice if the passphrase is a new one.
func (a *app) readPassphrase(path string, fresh bool) (string, error) {
	line, err := a.readSecretLine(path, fresh)
	if err != nil {
		return "", err
	}
	if fresh {
		if _, err := seal.NewPassphrase(line); err != nil {
			return "", err
		}
	}
	if line == "" {
		return "", fmt.Errorf("there is no passphrase in the first line of %s", path)
	}
	return line, nil
}

func (a *app) readSecretLine(path string, fresh bool) (string, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return firstLine(f)
	}
	if f, ok := a.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return a.askPassphrase(int(f.Fd()), fresh)
	}
	return firstLine(a.In)
}

func (a *app) askPassphrase(terminal int, fresh bool) (string, error) {
	fmt.Fprint(a.Err, "Passphrase: ")
	typed, err := term.ReadPassword(terminal)
	fmt.Fprintln(a.Err)
	if err != nil || !fresh {
		return string(typed), err
	}
	fmt.Fprint(a.Err, "Once more: ")
	again, err := term.ReadPassword(terminal)
	fmt.Fprintln(a.Err)
	if err == nil && string(again) != string(typed) {
		err = errors.New("the two are not the same")
	}
	return string(typed), err
}

// firstLine reads no further than its line: the next may be another passphrase, as
// when the one in use and a new one are both given on standard input.
func firstLine(r io.Reader) (string, error) {
	var line []byte
	for char := make([]byte, 1); len(line) < seal.MaxPassphrase+2; {
		_, err := io.ReadFull(r, char)
		if errors.Is(err, io.EOF) || char[0] == '\n' {
			break
		}
		if err != nil {
			return "", err
		}
		line = append(line, char[0])
	}
	return strings.TrimSuffix(string(line), "\r"), nil
}
