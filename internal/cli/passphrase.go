package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// A passphrase must withstand guessing by who has the file it protects.
const (
	minPassphrase = 12
	maxPassphrase = 1024
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
	if fresh && len(line) < minPassphrase || line == "" || len(line) > maxPassphrase {
		return "", fmt.Errorf("the passphrase has %d characters: take %d to %d", len(line), minPassphrase, maxPassphrase)
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

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassphrase+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
