package process

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Command is a program that is run to its end.
type Command struct {
	Program string
	Args    []string
	Env     []string // whole environment
	Dir     string   // empty: ours
	Input   string   // its standard input
}

// Usage is what a run of a command took, in seconds.
type Usage struct{ Wall, CPU float64 }

// Run runs the command and returns what it wrote to standard output. A command
// that fails is an error with everything it wrote.
func (c Command) Run(ctx context.Context) (string, Usage, error) {
	cmd := exec.CommandContext(ctx, c.Program, c.Args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, strings.NewReader(c.Input), &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	if err != nil {
		return "", Usage{}, fmt.Errorf("%s %s: %w\n%s%s", c.Program, strings.Join(c.Args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return stdout.String(), Usage{Wall: wall.Seconds(), CPU: cpu.Seconds()}, nil
}

// tailSize is how much of a background program's output is kept for the error
// message when it fails.
const tailSize = 8 << 10

// tail is a writer that keeps the end of what it is given.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - tailSize; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
