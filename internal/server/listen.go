package server

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen opens the listeners of an address, which a setting gave. The host localhost means both
// loopback families, on one port; a machine without IPv6 does with one.
func listen(setting, address string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "localhost" {
		return loopback{setting, port, net.Listen}.listen()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, explainListen(setting, address, err)
	}
	return []net.Listener{l}, nil
}

// portTries is how many ports are tried where any will do: one that is free in one
// family may be taken in the other.
const portTries = 10

// loopback is one port of both loopback families.
type loopback struct {
	setting, port string
	open          func(network, address string) (net.Listener, error)
}

func (b loopback) listen() (both []net.Listener, err error) {
	for range portTries {
		if both, err = b.try(); err == nil || b.port != "0" {
			break
		}
	}
	return both, err
}

func (b loopback) try() ([]net.Listener, error) {
	v4, err := b.open("tcp4", net.JoinHostPort("127.0.0.1", b.port))
	if err != nil {
		return nil, explainListen(b.setting, net.JoinHostPort("localhost", b.port), err)
	}
	_, port, _ := net.SplitHostPort(v4.Addr().String())
	v6, err := b.open("tcp6", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		return []net.Listener{v4, v6}, nil
	case errors.Is(err, syscall.EADDRINUSE):
		v4.Close()
		return nil, explainListen(b.setting, net.JoinHostPort("::1", port), err)
	default:
		return []net.Listener{v4}, nil // no IPv6 here
	}
}

func explainListen(setting, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program: stop it, or choose another address with --%s, such as --%s localhost:5055", address, setting, setting)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, err)
}

// advertised is host:port of a listener as clients should type it.
func advertised(listen string, l net.Listener) string {
	host, _, _ := net.SplitHostPort(listen)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
