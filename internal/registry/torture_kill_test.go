package registry_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
)

// line is what a process that will be killed says: this is held from now on, or
// may be gone from now on.
type line struct {
	Held bool
	pushed
}

// TestKilledTorture is TestTorture with processes that die. Two share their stores
// and are killed at any moment, one while the other works on, again and again.
// What either has acknowledged is there and whole, whoever has died since.
func TestKilledTorture(t *testing.T) {
	if shared, isChild := parentsSite(); isChild {
		tortureForever(t, shared)
	}
	onEach(t, killedTorture)
}

// tortureForever is a process that gets killed.
func tortureForever(t *testing.T, shared site) {
	p := openPlace(t, shared, faulty(new(atomic.Int64)))
	ledger := func(m pushed, held bool) {
		text, err := json.Marshal(line{held, m})
		must(t, err)
		os.Stdout.Write(append(text, '\n')) // whole: it is shorter than a pipe's buffer
	}
	var all sync.WaitGroup
	for _, c := range torturers(fmt.Sprint("process ", os.Getpid(), " ", rand.Uint64(), " client "), []*place{p}, ledger) {
		all.Go(func() {
			for !t.Failed() {
				c.act(t.Context())
			}
		})
	}
	all.Wait()
	t.FailNow()
}

func killedTorture(t *testing.T, fresh func(testing.TB) site) {
	const rounds = 3
	shared, held := fresh(t), map[ociref.Digest]pushed{}
	last := openPlace(t, shared, never) // makes the database, and collects what is left
	for range rounds {
		first, second := startTorture(t, shared, held), startTorture(t, shared, held)
		first.until(50 + rand.IntN(100))
		first.kill()
		second.until(50 + rand.IntN(100)) // past what the other left half done
		second.kill()
		t.Run("after", func(t *testing.T) {
			p := openPlace(t, shared, never)
			for _, m := range held {
				p.holds(m)
			}
			p.check(t)
		})
	}
	t.Logf("%d manifests held", len(held))
	last.nothingLeaks()
}

// victim is a process that gets killed, and what it said.
type victim struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *bufio.Scanner
	held map[ociref.Digest]pushed // shared with the others
}

func startTorture(t *testing.T, shared site, held map[ociref.Digest]pushed) *victim {
	t.Helper()
	v := &victim{t: t, cmd: shared.child("TestKilledTorture"), held: held}
	out, err := v.cmd.StdoutPipe()
	must(t, err)
	v.said = bufio.NewScanner(out)
	must(t, v.cmd.Start())
	t.Cleanup(func() { v.cmd.Process.Kill() })
	return v
}

// until reads n lines, or to the end.
func (v *victim) until(n int) {
	v.t.Helper()
	for ; n > 0 && v.said.Scan(); n-- {
		var l line
		switch err := json.Unmarshal(v.said.Bytes(), &l); {
		case err != nil:
			v.t.Errorf("the process said %q", v.said.Text())
		case l.Held:
			v.held[l.Digest] = l.pushed
		default:
			delete(v.held, l.Digest)
		}
	}
}

// kill kills the process and reads what it still said.
func (v *victim) kill() {
	v.t.Helper()
	must(v.t, v.cmd.Process.Kill())
	v.until(1 << 30)
	v.cmd.Wait() // it was killed
}
