//go:build unix

package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// keep runs the server until its standard input ends, which it does however this
// process ends, and cleans up. $1 is the postgres program, $2 the directory. Nothing
// runs by itself: entries of the journal are read below the oldest transaction that
// runs, in any database, and plans follow statistics.
const keep = `
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c autovacuum=off -c max_connections=200 </dev/null &
cat >/dev/null
kill -INT $!
wait
rm -rf "$2"
`

// alive are the servers' standard inputs, kept from the garbage collector, which
// would close them.
var alive []*os.File

// start makes a cluster, starts its server and returns the URL.
func start() (string, error) {
	initdb, err := find("initdb")
	if err != nil {
		return "", err
	}
	postgres, err := find("postgres")
	if err != nil {
		return "", err
	}
	as, err := unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return "", err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return "", err
		}
	}
	command := exec.Command(initdb, "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	command.Dir, command.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return serve(postgres, dir, as)
}

// serve starts the server and waits until it answers.
func serve(postgres, dir string, as *syscall.Credential) (string, error) {
	logPath := filepath.Join(dir, "log")
	log, err := os.Create(logPath)
	if err != nil {
		return "", err
	}
	defer log.Close()
	stdin, hold, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer stdin.Close()
	command := exec.Command("/bin/sh", "-c", keep, "sh", postgres, dir)
	command.Dir, command.Stdin, command.Stdout, command.Stderr = "/", stdin, log, log
	command.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := command.Start(); err != nil {
		return "", err
	}
	alive = append(alive, hold)
	server := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: "host=" + url.QueryEscape(dir)}
	for range 600 {
		if err = admin(server.String(), "SELECT 1"); err == nil {
			return server.String(), nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(logPath)
	return "", fmt.Errorf("the PostgreSQL server does not answer: %w\n%s", err, bytes.TrimSpace(text))
}

// find looks for a program of PostgreSQL, the newest where there are several.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	var found string
	var newest float64
	for _, path := range globs("/usr/lib/postgresql/*/bin/"+name, "/usr/pgsql-*/bin/"+name, "/opt/homebrew/opt/postgresql@*/bin/"+name) {
		var version float64
		for _, part := range bytes.FieldsFunc([]byte(path), func(r rune) bool { return r < '0' || r > '9' }) {
			version, _ = strconv.ParseFloat(string(part), 64)
		}
		if version >= newest {
			found, newest = path, version
		}
	}
	if found == "" {
		return "", errors.New("PostgreSQL is not installed: install it (Debian: apt install postgresql) or set " + serverVariable + " to the URL of a server")
	}
	return found, nil
}

func globs(patterns ...string) (all []string) {
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern) // the patterns are good
		all = append(all, paths...)
	}
	return all
}

// unprivileged is who runs the server when we are root, which PostgreSQL refuses.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}
