package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestSecretsAreNowhere searches everything a service and the ceremonies write, while
// it runs and afterwards, for what is sealed, for the keys it is sealed under, and for
// private keys of any kind, in every form that they may have.
func TestSecretsAreNowhere(t *testing.T) { searchForSecrets(t, "") }

// TestSecretsAreNowhereOnPostgreSQL searches the database as well.
func TestSecretsAreNowhereOnPostgreSQL(t *testing.T) { searchForSecrets(t, pgtest.URL(t)) }

func searchForSecrets(t *testing.T, database string) {
	elsewhere, dir := t.TempDir(), filepath.Join(t.TempDir(), "data")
	keyFile, words := filepath.Join(elsewhere, "wrapping.key"), filepath.Join(elsewhere, "words")
	if err := os.WriteFile(words, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--key-file", keyFile}
	if database != "" {
		flags = append(flags, "--database", database)
	}
	permitCores(t)
	s := start(t, dir, append(flags[:len(flags):len(flags)], "--access-log", "all", "--audit-reads", "all", "--audit-file", filepath.Join(dir, "audit"))...)
	noCore(t, s.command.Process.Pid)
	noCoreOfCommands(t, append(flags[:len(flags):len(flags)], "--data", dir))
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	sc := &scene{service: s, t: t, profile: createProfile(t, s, "oracle"), images: s.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	sc.sign(sc.image)
	written := []byte(sc.ceremoniesForSecrets(dir, words, flags))
	sc.sign(sc.image)

	found := secretsOf(t, dir, keyFile, database)
	found["passphrase"] = []byte("correct horse battery staple")
	haystack := func() map[string][]byte {
		all := readTree(t, dir)
		all["the output"] = append(written, s.output.String()...)
		if database != "" {
			all["the database"] = dump(t, database)
		}
		return all
	}
	live := haystack()
	if _, wal := live[filepath.Join(dir, "records.db-wal")]; !wal && database == "" {
		t.Error("the write-ahead log was not searched")
	}
	s.stop()
	search(t, found, live)
	search(t, found, haystack())
	copied(t, dir, database)
	theSearchFinds(t, found)
}

// ceremoniesForSecrets makes keys and secrets of each kind, and backups of them, and
// returns what the commands said.
func (sc *scene) ceremoniesForSecrets(dir, words string, flags []string) string {
	sc.t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.mustRun([]string{"iam", "create-user", "--user-name", "alice"})
	sc.mustRun([]string{"iam", "create-access-key", "--user-name", "alice"}) // says the secret, once
	wrapping := func(args ...string) string {
		return sc.mustRun(slices.Concat([]string{"wrapping-key"}, args, flags, []string{"--data", dir}))
	}
	return sc.ca("new-root") + sc.ca("rotate", sc.authorities()[1].id) + sc.ca("list", "--leaves") + sc.ca("csr") +
		sc.ca("backup", filepath.Join(dir, "ca.age"), "--recipient", identity.Recipient().String()) +
		wrapping("add", "--new-passphrase-file", words) + wrapping("rotate") + wrapping("list")
}

// noCoreOfCommands checks it of a command that opens the directory, one that goes on
// until it is stopped.
func noCoreOfCommands(t *testing.T, flags []string) {
	t.Helper()
	c := program(t.Context(), "sealwright", append([]string{"audit", "--follow", "--account", "none"}, flags...)...)
	stdout, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err == nil {
		_, err = stdout.Read(make([]byte, 1)) // it is at work
	}
	if err != nil {
		t.Fatal(err)
	}
	noCore(t, c.Process.Pid)
	c.Process.Kill()
	c.Wait()
}

// secretsOf opens everything that is sealed in an installation's records, by the name
// it is sealed for, and the keys it is sealed under.
func secretsOf(t *testing.T, path, keyFile, database string) map[string][]byte {
	t.Helper()
	dir, err := datadir.Open(datadir.Options{Path: path, KeyFile: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	records, err := openDatabase(t.Context(), dir, database)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	u, err := seal.Unlock(t.Context(), seal.Options{Slots: records.Slots()}, dir.Key)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"the wrapping key": keyBytes(t, readFile(t, keyFile))}
	look := journal.New(t.Context(), time.Now(), journal.SourceSealwright, "LookAtSecrets", journal.Subject{Region: region}, nil)
	err = records.Slots().ChangeSlots(t.Context(), func(now []seal.Slot) (*seal.Change, error) {
		mine := slices.IndexFunc(now, func(s seal.Slot) bool { return s.ID == u.SlotID() })
		dataKey, err := dir.Key.Unwrap(now[mine].Wrapped)
		all["the data key"] = keyBytes(t, dataKey)
		return &seal.Change{Slots: now, Event: look, Reseal: func(name string, sealed []byte) ([]byte, error) {
			plain, err := u.Open(name, sealed)
			all[name] = secretPart(t, plain)
			return sealed, err
		}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]int{
		"authority/":  7, // two roots, three issuing CAs, one requested, the log's
		"access-key/": 2, "token-key/": 1,
	} {
		n := 0
		for name := range all {
			if strings.HasPrefix(name, prefix) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d secrets are %s…, not %d", n, prefix, want)
		}
	}
	return all
}

// keyBytes are those of a wrapping key or data key in its text form.
func keyBytes(t *testing.T, text string) []byte {
	t.Helper()
	_, encoded, _ := strings.Cut(strings.TrimSpace(text), ":")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != 32 {
		t.Fatalf("a key of %d bytes, %v", len(key), err)
	}
	return key
}

// secretPart is what every encoding of a secret holds: of a private key its scalar or
// seed, of anything else all of it.
func secretPart(t *testing.T, plain []byte) []byte {
	t.Helper()
	parsed, _ := x509.ParsePKCS8PrivateKey(plain)
	switch key := parsed.(type) {
	case *ecdsa.PrivateKey:
		raw, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	case ed25519.PrivateKey:
		return key.Seed()
	}
	return bytes.Clone(plain)
}

// anyKey is the fixed part of a private key's encoding, whoever's it is: those of the
// leaves, which nobody can open, look like this as well.
var anyKey = map[string][]byte{
	"a P-384 key in PKCS#8":    {0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 4},
	"an Ed25519 key in PKCS#8": {0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20},
	"a P-384 key in SEC 1":     {0xa0, 7, 6, 5, 0x2b, 0x81, 4, 0, 0x22}, // its end
}

// search fails for each secret that is in a place.
func search(t *testing.T, secrets, places map[string][]byte) {
	t.Helper()
	for _, found := range find(secrets, places) {
		t.Error(found)
	}
}

func find(secrets, places map[string][]byte) (found []string) {
	needles := map[string][]byte{"PEM": []byte("PRIVATE KEY-----")}
	for _, kind := range []map[string][]byte{secrets, anyKey} {
		for name, raw := range kind {
			for form, needle := range forms(raw) {
				needles[name+" as "+form] = needle
			}
		}
	}
	for name, needle := range needles {
		for place, content := range places {
			if bytes.Contains(content, needle) {
				found = append(found, fmt.Sprintf("%s is in %s", name, place))
			}
		}
	}
	return found
}

// theSearchFinds: every secret that is written is found, in each encoding.
func theSearchFinds(t *testing.T, secrets map[string][]byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{"a stranger's": der}
	for name, raw := range secrets {
		contents[name] = raw
	}
	for name, raw := range contents {
		for encoding, content := range map[string][]byte{
			"bytes": raw, "PEM": pem.EncodeToMemory(&pem.Block{Type: "DATA", Bytes: append([]byte("12345"), raw...)}), "hex": fmt.Appendf(nil, "%x", raw),
			"HEX": fmt.Appendf(nil, "%X", raw), "JSON": fmt.Appendf(nil, "%q", base64.StdEncoding.EncodeToString(raw)), "decimal": []byte(new(big.Int).SetBytes(raw).String()), "list": fmt.Appendf(nil, "%v", raw), "quoted": fmt.Appendf(nil, "%q", raw),
		} {
			if name == "a stranger's" && encoding == "decimal" {
				continue // its beginning is nowhere in it
			}
			if len(find(secrets, map[string][]byte{"a place": append([]byte("before "), content...)})) == 0 {
				t.Errorf("%s was not found as %s", name, encoding)
			}
		}
	}
}

// copied: with the wrapping key kept elsewhere, a copy of the directory starts no
// service, gives out no key and no secret, and makes no backup; with another key in
// its place neither.
func copied(t *testing.T, dir, database string) {
	t.Helper()
	there, other := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "other.key")
	if err := os.CopyFS(there, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte(seal.NewKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--data", there}
	if database != "" {
		flags = append(flags, "--database", database)
	}
	backup := filepath.Join(t.TempDir(), "stolen.age")
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]string{"no key": nil, "another key": {"--key-file", other}} {
		for _, args := range [][]string{
			{"serve", "--listen", "localhost:0"}, {"env"}, {"root-key", "rotate"}, {"ca", "rotate", "00"}, {"ca", "csr"}, {"log", "verify"},
			{"ca", "backup", backup, "--recipient", identity.Recipient().String()}, {"wrapping-key", "add", "--new-key-file", other},
		} {
			said, err := program(t.Context(), "sealwright", slices.Concat(args, flags, key)...).CombinedOutput()
			if err == nil || !strings.Contains(string(said), "wrapping key") {
				t.Errorf("%s: %q: %v\n%s", name, args, err, said)
			}
		}
	}
	if _, err := os.Stat(backup); err == nil {
		t.Error("a backup was made")
	}
}

// permitCores lets what this process starts write core files, if it may.
func permitCores(t *testing.T) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &was); err != nil {
		t.Fatal(err)
	}
	for _, most := range []uint64{max(was.Max, 1<<30), was.Max} { // root may raise the bound, others use it
		if syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: most, Max: most}) == nil {
			break
		}
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_CORE, &was) })
}

// noCore checks that the process may write no core file.
func noCore(t *testing.T, pid int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return // the service manager has to see to it, as SECURITY.md says
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if os.IsPermission(err) {
		return // it is closed even to its own user, which is more
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Fields(rest)[0] != "0" {
			t.Errorf("core files: %s", line)
		}
	}
}

// forms are what a secret looks like: as it is, in hex, decimal, as Go prints bytes,
// and in base64, where it may begin at any of three places.
func forms(raw []byte) map[string][]byte {
	all := map[string][]byte{
		"bytes": raw, "hex": []byte(hex.EncodeToString(raw)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(raw))),
		"decimal": []byte(new(big.Int).SetBytes(raw).String()),
		"a list":  bytes.Trim(fmt.Appendf(nil, "%d", raw), "[]"), "quoted": bytes.Trim(fmt.Appendf(nil, "%q", raw), `"`),
	}
	for shift := range 3 {
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), raw...))
			// The first and last characters depend on the neighbours. Lines of PEM are 64
			// characters long, so one part of what is long is sure to stand in one.
			middle := text[4 : len(text)-4]
			switch {
			case len(middle) < 12: // anything may look like this
				continue
			case len(middle) < 48:
				all[fmt.Sprintf("%s+%d", name, shift)] = []byte(middle)
				continue
			}
			all[fmt.Sprintf("%s+%d, first part", name, shift)] = []byte(middle[:24])
			all[fmt.Sprintf("%s+%d, last part", name, shift)] = []byte(middle[len(middle)-24:])
		}
	}
	return all
}

// readTree is the content of every file below a directory.
func readTree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a running service took it away meanwhile
		}
		all[path] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// dump is every row of every table, as text.
func dump(t *testing.T, database string) []byte {
	t.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	rows, err := db.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, table := range tables {
		rows, err := db.Query(ctx, fmt.Sprintf(`SELECT t::text FROM %s t`, pgx.Identifier{table}.Sanitize()))
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Join(texts, "\n")...)
	}
	if len(tables) == 0 {
		t.Fatal("the database is empty")
	}
	return all
}
