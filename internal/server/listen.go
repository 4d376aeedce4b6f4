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
	if host != "localhost" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, explainListen(setting, address, err)
		}
		return []net.Listener{l}, nil
	}
	v4, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, explainListen(setting, address, err)
	}
	port = strconv.Itoa(v4.Addr().(*net.TCPAddr).Port)
	v6, err := net.Listen("tcp6", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		return []net.Listener{v4, v6}, nil
	case errors.Is(err, syscall.EADDRINUSE):
		v4.Close()
		return nil, explainListen(setting, net.JoinHostPort("::1", port), err)
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
