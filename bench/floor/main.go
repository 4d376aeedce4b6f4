// Command floor is the least that a Go program does to answer over HTTP: it
// keeps bodies in memory and gives them back, and serves files with sendfile.
// No authentication, no routing, no log. What a service costs beyond it is what
// the service does.
//
//	PUT  /NAME        keeps the body under NAME
//	GET  /NAME        answers what is kept under NAME
//	POST /NAME        reads the request's body, then answers as GET does
//	GET  /files/NAME  serves the file NAME of the directory
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"sync"
)

// maxBody bounds what one PUT or POST may carry.
const maxBody = 16 << 20

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on")
	dir := flag.String("dir", ".", "directory of the files")
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServer(http.Dir(*dir))))
	mux.Handle("/", &memory{})
	log.Fatal(http.ListenAndServe(*listen, mux))
}

// memory answers with the bodies it was given.
type memory struct{ bodies sync.Map }

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPut {
		m.bodies.Store(r.URL.Path, body)
		w.WriteHeader(http.StatusCreated)
		return
	}
	kept, ok := m.bodies.Load(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(kept.([]byte))
}
