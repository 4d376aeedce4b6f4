package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificatePoll is how often the files of the certificate are looked at.
const certificatePoll = 5 * time.Second

// keyPair is what HTTPS is served with: the pair of two files, read again
// when they change. Only handshakes ask for it, so open connections go on.
type keyPair struct {
	certFile, keyFile string
	logger            *slog.Logger
	now               func() time.Time
	told              func(error) // of each attempt to read it again
	current           atomic.Pointer[tls.Certificate]

	// Of the goroutine that watches.
	seen      [2]os.FileInfo // the files that current was read from
	complaint string         // the last about the files as they are
}

// open reads the files for the first time.
func (c *keyPair) open() error {
	seen, err := c.look()
	if err != nil {
		return fmt.Errorf("tls-cert and tls-key: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("tls-cert and tls-key: %w", err)
	}
	c.seen = seen
	c.current.Store(&pair)
	return nil
}

// config is what a listener serves with.
func (c *keyPair) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
	}
}

// ends is when the certificate in use does.
func (c *keyPair) ends() time.Time { return c.current.Load().Leaf.NotAfter }

// watch reads the files when they have changed, or when it is asked to, until
// ctx ends.
func (c *keyPair) watch(ctx context.Context, every time.Duration, asked <-chan os.Signal) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			c.step(false)
		case <-asked:
			c.step(true)
		}
	}
}

// step takes the pair in the files if it is another and good. A bad one is
// complained of once, and tried again at each step: a program that renews a
// certificate may be between writing one file and the other.
func (c *keyPair) step(asked bool) {
	seen, err := c.look()
	if err == nil && !asked && c.complaint == "" && same(seen, c.seen) {
		return
	}
	if err == nil {
		err = c.take(seen)
	}
	if err == nil {
		c.complaint = ""
		c.told(nil)
		c.logger.Info("serving with the certificate as it is in the files now", "file", c.certFile, "serial", c.current.Load().Leaf.SerialNumber.Text(16), "until", c.ends())
		return
	}
	if asked || err.Error() != c.complaint {
		c.told(err)
		c.logger.Error("tls-cert and tls-key cannot be used: serving with the certificate from before", "error", err, "until", c.ends())
	}
	c.complaint = err.Error()
}

// take makes the pair in the files the current one, if it is good.
func (c *keyPair) take(seen [2]os.FileInfo) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	switch begins, ends := pair.Leaf.NotBefore, pair.Leaf.NotAfter; {
	case c.now().After(ends):
		return fmt.Errorf("the certificate ended at %s", ends.Format(time.RFC3339))
	case c.now().Before(begins):
		return fmt.Errorf("the certificate begins at %s", begins.Format(time.RFC3339))
	}
	c.seen = seen
	c.current.Store(&pair)
	return nil
}

// look looks at the files, before they are read: what changes later is seen at
// the next look.
func (c *keyPair) look() (seen [2]os.FileInfo, err error) {
	var errs [2]error
	seen[0], errs[0] = os.Stat(c.certFile)
	seen[1], errs[1] = os.Stat(c.keyFile)
	return seen, errors.Join(errs[:]...)
}

// same reports whether two looks saw the same files, unchanged.
func same(a, b [2]os.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}
