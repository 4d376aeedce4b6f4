// Package process starts other programs, waits until they serve, and reads what
// they use of the machine. It reads /proc, so it works on Linux.
package process

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a program may take to stop before it is killed.
	stopTimeout = 10 * time.Second
	// pollEvery is how exactly the moment of the first answer is known.
	pollEvery    = 500 * time.Microsecond
	startTimeout = 30 * time.Second
)

// Process is a program that runs in the background.
type Process struct {
	cmd     *exec.Cmd
	output  *tail
	started time.Time
	done    chan struct{} // closed once it has ended
}

// Start starts a program. It ends with the context, or with Stop.
func Start(ctx context.Context, env []string, program string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	p := &Process{cmd: cmd, output: new(tail), started: time.Now(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Stop asks the program to stop and waits until it has.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// lastWords is how long an end that was just noticed may take to be known.
const lastWords = 200 * time.Millisecond

// Explain adds to an error of somebody who used the program how that is: whether
// it still runs, and the end of what it has written.
func (p *Process) Explain(err error) error {
	state := "still runs"
	select {
	case <-p.done:
		state = "has ended: " + p.cmd.ProcessState.String()
	case <-time.After(lastWords):
	}
	return fmt.Errorf("%w\n%s %s; its last words:\n%s", err, p.cmd.Path, state, p.output.String())
}

// AwaitOK polls a URL until it answers 200, and returns how long that was after
// the start of the program.
func (p *Process) AwaitOK(ctx context.Context, url string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: new(net.Dialer).DialContext}}
	for {
		if answersOK(ctx, client, url) {
			return time.Since(p.started), nil
		}
		select {
		case <-p.done:
			return 0, p.Explain(fmt.Errorf("no answer at %s", url))
		case <-ctx.Done():
			return 0, p.Explain(fmt.Errorf("no answer at %s: %w", url, ctx.Err()))
		case <-time.After(pollEvery):
		}
	}
}

func answersOK(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// FreeAddress is a host:port on the IPv4 loopback that nothing listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
