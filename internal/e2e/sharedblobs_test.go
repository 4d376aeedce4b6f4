package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// replicas are two processes on one database and one directory of blobs, as behind
// a load balancer.
type replicas struct {
	t     *testing.T
	of    [2]*service
	flags [2][]string
	token string
}

func startReplicas(t *testing.T) *replicas {
	t.Helper()
	dir := t.TempDir()
	shared := []string{"--database", pgtest.URL(t), "--blobs", filepath.Join(dir, "blobs"), "--key-file", filepath.Join(dir, "key")}
	r := &replicas{t: t}
	for i := range r.of {
		r.flags[i] = append([]string{filepath.Join(dir, fmt.Sprint("data", i))}, shared...)
		r.start(i)
	}
	r.of[0].createRepository("app")
	r.token = r.of[0].password()
	return r
}

// start starts one, be it for the first time or again.
func (r *replicas) start(i int) { r.of[i] = start(r.t, r.flags[i][0], r.flags[i][1:]...) }

// ask sends a request about the repository to one of them.
func (r *replicas) ask(i int, method, path string, body io.Reader, header ...string) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.of[i].listening+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	request.SetBasicAuth("AWS", r.token)
	for h := 0; h < len(header); h += 2 {
		request.Header.Set(header[h], header[h+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { response.Body.Close() })
	return response
}

// want is ask, with the status that must come.
func (r *replicas) want(status, i int, method, path string, body []byte, header ...string) *http.Response {
	r.t.Helper()
	response := r.ask(i, method, path, bytes.NewReader(body), header...)
	if response.StatusCode != status {
		text, _ := io.ReadAll(response.Body)
		r.t.Fatalf("%s %s of replica %d: %s, want %d\n%s", method, path, i, response.Status, status, text)
	}
	return response
}

// begin begins an upload and returns its path.
func (r *replicas) begin(i int) string {
	r.t.Helper()
	location, err := r.want(http.StatusAccepted, i, http.MethodPost, "/v2/app/blobs/uploads/", nil).Location()
	if err != nil {
		r.t.Fatal(err)
	}
	return location.RequestURI()
}

// chunk sends content[from:to].
func (r *replicas) chunk(status, i int, path string, content []byte, from, to int) {
	r.t.Helper()
	r.want(status, i, http.MethodPatch, path, content[from:to], "Content-Range", fmt.Sprintf("%d-%d", from, to-1), "Content-Type", "application/octet-stream")
}

// at checks where an upload stands.
func (r *replicas) at(i int, path string, size int) {
	r.t.Helper()
	response := r.want(http.StatusNoContent, i, http.MethodGet, path, nil)
	if got := response.Header.Get("Range"); got != fmt.Sprintf("0-%d", size-1) {
		r.t.Fatalf("replica %d says %s of an upload at %d", i, got, size)
	}
}

// end ends an upload, and reads the blob from both.
func (r *replicas) end(i int, path string, content []byte) {
	r.t.Helper()
	d := digest.FromBytes(content)
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	r.want(http.StatusCreated, i, http.MethodPut, path+separator+"digest="+d.String(), nil)
	for i := range r.of {
		got, err := io.ReadAll(r.want(http.StatusOK, i, http.MethodGet, "/v2/app/blobs/"+d.String(), nil).Body)
		if err != nil || !bytes.Equal(got, content) {
			r.t.Fatalf("replica %d has other bytes, %v", i, err)
		}
		r.want(http.StatusNotFound, i, http.MethodGet, path, nil)
	}
}

func randomContent(n int) []byte {
	content := make([]byte, n)
	rand.Read(content)
	return content
}

// TestUploadsThroughReplicas: an upload belongs to no replica. Each request of it may
// go to another one, and goes on when the one that had it was killed.
func TestUploadsThroughReplicas(t *testing.T) {
	r := startReplicas(t)
	for _, n := range []int{4_000, 40_000, 1_000_000} {
		content := randomContent(n)
		path := r.begin(0)
		for i := range 4 { // in turn
			r.chunk(http.StatusAccepted, i%2, path, content, i*n/4, (i+1)*n/4)
			r.at((i+1)%2, path, (i+1)*n/4)
			r.chunk(http.StatusRequestedRangeNotSatisfiable, (i+1)%2, path, content, i*n/4, (i+1)*n/4)
		}
		r.end(0, path, content)

		path = r.begin(0)
		r.chunk(http.StatusAccepted, 0, path, content, 0, n/2)
		r.want(http.StatusNoContent, 1, http.MethodDelete, path, nil)
		r.want(http.StatusNotFound, 0, http.MethodPatch, path, content[:1])

		content = randomContent(n)
		path = r.begin(0)
		r.chunk(http.StatusAccepted, 0, path, content, 0, n/2)
		r.of[0].kill()
		r.at(1, path, n/2)
		r.chunk(http.StatusAccepted, 1, path, content, n/2, n*3/4)
		r.start(0)
		r.at(0, path, n*3/4)
		r.chunk(http.StatusAccepted, 0, path, content, n*3/4, n)
		r.end(1, path, content)
	}
}

// TestKilledAmidAChunk: a replica dies while a chunk arrives. What it took of it is
// told by the other, from which the client goes on.
func TestKilledAmidAChunk(t *testing.T) {
	r := startReplicas(t)
	content := randomContent(2_000_000)
	path := r.begin(0)
	body, sender := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sending sync.WaitGroup
	sending.Go(func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodPatch, "http://"+r.of[0].listening+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		request.SetBasicAuth("AWS", r.token)
		request.Header.Set("Content-Type", "application/octet-stream")
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			t.Errorf("the chunk was answered with %s", response.Status)
		}
	})
	sender.Write(content[:1_000_000]) // returns when all of it is on its way
	var size int
	for size < 100_000 {
		fmt.Sscanf(r.want(http.StatusNoContent, 1, http.MethodGet, path, nil).Header.Get("Range"), "0-%d", &size)
	}
	r.want(http.StatusConflict, 1, http.MethodPatch, path, content[:1]) // it is being written to
	r.of[0].kill()
	sender.CloseWithError(io.ErrUnexpectedEOF)
	sending.Wait()
	if _, err := fmt.Sscanf(r.want(http.StatusNoContent, 1, http.MethodGet, path, nil).Header.Get("Range"), "0-%d", &size); err != nil {
		t.Fatal(err)
	}
	r.chunk(http.StatusAccepted, 1, path, content, size+1, len(content))
	r.start(0)
	r.end(0, path, content)
}

// TestBlobsInUse: a directory belongs to one process, or to those that all share it.
// One that had it alone shares it from the next start on, with its small uploads.
func TestBlobsInUse(t *testing.T) {
	dir := t.TempDir()
	alone := start(t, dir)
	alone.createRepository("app")
	r := &replicas{t: t, of: [2]*service{alone}, token: alone.password()}
	path := r.begin(0)
	r.chunk(http.StatusAccepted, 0, path, []byte("content"), 0, 7)
	if _, err := launch(t.TempDir(), "--blobs", dir); err == nil || !strings.Contains(err.Error(), "start it with --blobs") {
		t.Fatalf("sharing what another has alone: %v", err)
	}
	alone.stop()
	r.of[0] = start(t, dir, "--blobs", dir)
	r.at(0, path, 7)
}
