package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestPrivateKeysAreNowhere searches everything a service and the ceremonies
// write for the private keys of its CAs, in every form that they may have.
func TestPrivateKeysAreNowhere(t *testing.T) { searchForKeys(t, "") }

// TestPrivateKeysAreNowhereOnPostgreSQL searches the database as well.
func TestPrivateKeysAreNowhereOnPostgreSQL(t *testing.T) { searchForKeys(t, pgtest.URL(t)) }

func searchForKeys(t *testing.T, database string) {
	elsewhere, dir := t.TempDir(), filepath.Join(t.TempDir(), "data")
	keyFile, backup := filepath.Join(elsewhere, "wrapping.key"), filepath.Join(dir, "ca.age")
	flags := []string{"--key-file", keyFile, "--access-log", "all"}
	if database != "" {
		flags = append(flags, "--database", database)
	}
	s := start(t, dir, flags...)
	noCore(t, s)
	sc := &scene{service: s, t: t, profile: createProfile(t, s, "oracle"), images: s.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	sc.sign(sc.image)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	written := []byte(sc.ca("new-root") + sc.ca("rotate", sc.authorities()[1].id) + sc.ca("list", "--leaves") + sc.ca("csr") +
		sc.ca("backup", backup, "--recipient", identity.Recipient().String()))
	sc.sign(sc.image)
	s.stop()
	written = append(written, s.output.Bytes()...)

	keys := caKeys(t, dir, keyFile, database)
	if len(keys) != 6 { // two roots, three issuing CAs, one requested
		t.Fatalf("%d CA keys", len(keys))
	}
	var rows []byte
	if database != "" {
		rows = dump(t, database)
	}
	for i, key := range keys {
		for form, needle := range forms(t, key) {
			if bytes.Contains(written, needle) {
				t.Errorf("key %d is in the logs or the output, as %s", i, form)
			}
			if found := searchTree(t, dir, needle); found != "" {
				t.Errorf("key %d is in %s, as %s", i, found, form)
			}
			if bytes.Contains(rows, needle) {
				t.Errorf("key %d is in the database, as %s", i, form)
			}
		}
	}
	copied(t, dir, database)
	theSearchFinds(t, dir, keys[0])
}

// theSearchFinds: a key that is written is found.
func theSearchFinds(t *testing.T, dir string, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"der": der, "pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "go": fmt.Appendf(nil, "%x", der)} {
		if err := os.WriteFile(filepath.Join(dir, name), append([]byte("before "), content...), 0o600); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, needle := range forms(t, key) {
			found = found || searchTree(t, dir, needle) != ""
		}
		if !found {
			t.Errorf("a key in the file %s was not found", name)
		}
		os.Remove(filepath.Join(dir, name))
	}
}

// copied: without the wrapping key a copy of the directory starts no service.
func copied(t *testing.T, dir, database string) {
	t.Helper()
	there := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(there, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	flags := []string{}
	if database != "" {
		flags = append(flags, "--database", database)
	}
	if _, err := launch(there, flags...); err == nil || !strings.Contains(err.Error(), "wrapping key") {
		t.Errorf("a copy without the wrapping key: %v", err)
	}
}

// noCore checks that the process may write no core file.
func noCore(t *testing.T, s *service) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return // the service manager has to see to it, as SECURITY.md says
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.command.Process.Pid))
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

// caKeys opens every CA key of an installation.
func caKeys(t *testing.T, dir, keyFile, database string) (all []*ecdsa.PrivateKey) {
	t.Helper()
	d, err := datadir.Open(datadir.Options{Path: dir, KeyFile: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	records, err := sqlstore.OpenSQLite(t.Context(), d.Records())
	if database != "" {
		records, err = sqlstore.OpenPostgres(t.Context(), database)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	unlocked, err := seal.Unlock(t.Context(), seal.Options{Slots: records.Slots()}, d.Key)
	if err != nil {
		t.Fatal(err)
	}
	keys := authority.NewSealedKeys(records.AuthorityKeys(), unlocked.Sealer, region, nil)
	list, err := keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		err := keys.Export(t.Context(), k.ID, func(key *ecdsa.PrivateKey) error {
			kept, err := ecdsa.ParseRawPrivateKey(key.Curve, rawKey(t, key)) // the other is wiped
			all = append(all, kept)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func rawKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forms are what a private key looks like: the scalar as it is, in hex, decimal
// and base64. Every encoding of the key, such as PKCS#8 in DER or PEM, holds the
// scalar in one of them; in base64 it may begin at any of three places.
func forms(t *testing.T, key *ecdsa.PrivateKey) map[string][]byte {
	t.Helper()
	raw := rawKey(t, key)
	all := map[string][]byte{
		"bytes": raw, "hex": []byte(hex.EncodeToString(raw)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(raw))),
		"decimal": []byte(key.D.String()), //lint:ignore SA1019 how fmt would print it
	}
	for shift := range 3 {
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), raw...))
			// Lines of PEM are 64 characters long, so half of a key is sure to stand in
			// one; the first and last characters depend on the neighbours.
			middle := text[4:60]
			all[fmt.Sprintf("%s+%d, first part", name, shift)] = []byte(middle[:24])
			all[fmt.Sprintf("%s+%d, last part", name, shift)] = []byte(middle[len(middle)-24:])
		}
	}
	return all
}

// searchTree returns the file below dir that holds needle, or "".
func searchTree(t *testing.T, dir string, needle []byte) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, needle) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
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
