package server

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestAnyPortIsFreeInBothFamilies: the port that the system gives is free in one
// family. If somebody has it in the other, another one does.
func TestAnyPortIsFreeInBothFamilies(t *testing.T) {
	inUse, asked := 1, 0
	open := func(network, address string) (net.Listener, error) {
		if asked++; network == "tcp6" && inUse > 0 {
			inUse--
			return nil, &net.OpError{Op: "listen", Net: network, Err: syscall.EADDRINUSE}
		}
		return net.Listen("tcp4", "127.0.0.1:0")
	}
	both, err := loopback{"listen", "0", open}.listen()
	if err != nil || len(both) != 2 || asked != 4 {
		t.Fatalf("%d listeners after %d questions: %v", len(both), asked, err)
	}
	for _, l := range both {
		l.Close()
	}
	inUse, asked = 1, 0
	if _, err := (loopback{"listen", "5000", open}).listen(); err == nil || !strings.Contains(err.Error(), "[::1]:") || asked != 2 {
		t.Errorf("a port that was asked for, and is in use: %v after %d questions", err, asked)
	}
	inUse, asked = 1000, 0
	if _, err := (loopback{"listen", "0", open}).listen(); err == nil || asked != 2*portTries {
		t.Errorf("no port is free: %v after %d questions", err, asked)
	}
}
