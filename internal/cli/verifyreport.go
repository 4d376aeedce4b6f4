package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/notaryproject/notation-go/verifier/truststore"

	"github.com/sealwright/sealwright/internal/verify"
)

// What goes where: standard output is Notation's, to the letter. Standard error
// gets Notation's warnings first, then a line for each signature that was tried
// and one for each of its checks that failed; main adds the error.

// reportVerification prints the outcome. It fails unless the artifact is
// verified.
func (a *app) reportVerification(outcome *verify.Outcome, found artifact) error {
	if outcome.Skipped {
		a.separate(found.tag != "")
		fmt.Fprintln(a.Out, "Trust policy is configured to skip signature verification for", found.reference())
		return nil
	}
	passed := outcome.Passed()
	if passed == nil {
		a.reportSignatures(outcome)
		return a.failure(outcome, found)
	}
	for _, check := range passed.Checks {
		fmt.Fprintf(a.Err, "Warning: %v was set to %q and failed with error: %v\n", check.Type, check.Action, printable(check.Err.Error()))
	}
	a.separate(found.tag != "" || len(passed.Checks) > 0)
	fmt.Fprintln(a.Out, "Successfully verified signature for", found.reference())
	a.printMetadata(passed)
	a.reportSignatures(outcome)
	return nil
}

// separate prints the empty line that Notation puts between warnings and what
// follows.
func (a *app) separate(warned bool) {
	if warned {
		fmt.Fprintln(a.Out)
	}
}

// printMetadata prints what the signer added, sorted by key.
func (a *app) printMetadata(passed *verify.Signature) {
	metadata, err := passed.Notation.UserMetadata()
	if err != nil || len(metadata) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "\nThe artifact was signed with the following user metadata.")
	table := tabwriter.NewWriter(a.Out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nKEY\tVALUE\t")
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		fmt.Fprintf(table, "%v\t%v\t\n", printable(key), printable(metadata[key]))
	}
	table.Flush()
}

// reportSignatures prints a line for each signature and for each failed check.
func (a *app) reportSignatures(outcome *verify.Outcome) {
	for _, s := range outcome.Signatures {
		if s.Err == nil {
			fmt.Fprintf(a.Err, "Signature %s is valid%s\n", s.Digest, signedBy(s))
			continue
		}
		verdict := "is not valid"
		if s.Unknown() {
			verdict = "could not be verified"
		}
		fmt.Fprintf(a.Err, "Signature %s %s%s\n", s.Digest, verdict, signedBy(s))
		for _, reason := range reasons(s) {
			fmt.Fprintf(a.Err, "  %s\n", reason)
		}
	}
	if outcome.Stopped {
		fmt.Fprintf(a.Err, "Signature evaluation stopped: there are more than %d signatures. Raise --max-signatures to try the others.\n", len(outcome.Signatures))
	}
}

// reasons are the failed checks of a signature that did not pass, and the error
// that ended it if that was none of them.
func reasons(s verify.Signature) []string {
	var lines []string
	told := false
	for _, check := range s.Checks {
		lines = append(lines, fmt.Sprintf("%s (%s): %s", check.Type, check.Action, oneLine(withCause(check.Err))))
		told = told || errors.Is(s.Err, check.Err)
	}
	if !told {
		lines = append(lines, oneLine(withCause(s.Err)))
	}
	return lines
}

// withCause adds what a trust store error keeps to itself.
func withCause(err error) string {
	var store truststore.TrustStoreError
	if errors.As(err, &store) && store.InnerError != nil {
		return fmt.Sprintf("%v: %v", err, store.InnerError)
	}
	return err.Error()
}

// oneLine is printable, and bounded.
func oneLine(text string) string {
	const most = 2000
	text = printable(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// printable keeps untrusted text from looking like lines of ours, and from
// commanding the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// signedBy says who signed and when, as the signature has it.
func signedBy(s verify.Signature) string {
	if s.Notation == nil || s.Notation.EnvelopeContent == nil {
		return ""
	}
	info := s.Notation.EnvelopeContent.SignerInfo
	who := ""
	if len(info.CertificateChain) > 0 {
		who = info.CertificateChain[0].Subject.String()
	}
	for _, attribute := range info.SignedAttributes.ExtendedAttributes {
		if attribute.Key == "com.amazonaws.signer.signingProfileVersion" {
			who = fmt.Sprint(attribute.Value)
		}
	}
	return fmt.Sprintf(" (signed by %s at %s)", oneLine(who), info.SignedAttributes.SigningTime.UTC().Format(time.RFC3339))
}

// failure is the error of an artifact that is not verified, in Notation's
// words.
func (a *app) failure(outcome *verify.Outcome, found artifact) error {
	err := outcome.Err()
	var store truststore.TrustStoreError
	var certificate truststore.CertificateError
	if errors.As(err, &store) || errors.As(err, &certificate) {
		return explainFailure(err)
	}
	return fmt.Errorf("signature verification failed for all the signatures associated with %s", found.reference())
}
