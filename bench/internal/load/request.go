package load

import (
	"bytes"
	"fmt"
	"strings"
)

// Request is one HTTP/1.1 request as it goes over the wire. It may be sent any
// number of times and from several connections at once.
type Request []byte

// Make writes a request. header holds whole lines without their line ends, such
// as "Content-Type: text/plain"; Host and, with a body or a method that usually
// has one, Content-Length are added.
func Make(method, target, host string, body []byte, header ...string) Request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
	if len(body) > 0 || method == "POST" || method == "PUT" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	for _, line := range header {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Target is the path and query of a Location header, which may be absolute.
func Target(location string) string {
	if _, rest, ok := strings.Cut(location, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return location
}
