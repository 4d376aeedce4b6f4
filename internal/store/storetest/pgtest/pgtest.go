// Package pgtest gives tests a PostgreSQL database of their own.
//
// It starts one private server for the test process, from the programs on PATH
// or in /usr/lib/postgresql, on a Unix socket in a temporary directory; nothing
// listens on the network and nothing is left behind. SEALWRIGHT_TEST_POSTGRES
// names a server to use instead, with a role that may create databases.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sealwright/sealwright/internal/peertest"
)

// serverVariable names a server to use.
const serverVariable = "SEALWRIGHT_TEST_POSTGRES"

// startOnce starts the server that all tests of this process share.
var startOnce = sync.OnceValues(func() (string, error) {
	if server := os.Getenv(serverVariable); server != "" {
		return server, nil
	}
	return start()
})

// URL returns the URL of a new, empty database, dropped when t ends. Where the
// server can, the database's own collation is linguistic, so that a comparison
// that should be byte-wise shows. Without a server t is
// skipped as [peertest.Missing] does.
func URL(t testing.TB) string {
	t.Helper()
	server, err := startOnce()
	if err != nil {
		peertest.Missing(t, err.Error())
	}
	name := "sealwright_" + rand.Text()
	create := fmt.Sprintf(`CREATE DATABASE %q ENCODING 'UTF8' TEMPLATE template0`, name)
	if err := admin(server, create+` LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`); err != nil {
		if err := admin(server, create); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := admin(server, fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name)); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(server, name)
}

// withDatabase is the server's URL with another database in it.
func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil || u.Scheme == "" {
		return server + " dbname='" + name + "'" // keywords and values: the last one counts
	}
	u.Path = "/" + name
	return u.String()
}

// admin runs one statement.
func admin(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
