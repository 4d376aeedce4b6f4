package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// SharedBlobs is the contract of a [registry.BlobStore] that several processes use
// at once: an upload belongs to none of them. open returns what two of them have
// open of one new store.
func SharedBlobs(t *testing.T, open func(t *testing.T) (a, b registry.BlobStore)) {
	for name, test := range map[string]func(t *testing.T, a, b blobs){
		"chunks in turn":       sharedChunks,
		"a chunk sent to both": sharedTwice,
		"two writers":          sharedBusy,
		"cancelled elsewhere":  sharedCancel,
		"committed elsewhere":  sharedCommit,
		"read elsewhere":       sharedRead,
		"expired elsewhere":    sharedExpire,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			test(t, blobs{a, t, nil}, blobs{b, t, nil})
		})
	}
}

// sharedChunks: no chunk is lost, and each of the two may end the upload, whatever
// it has seen of it.
func sharedChunks(t *testing.T, a, b blobs) {
	for _, n := range []int{8, 8_000, 400_000} {
		for _, last := range []blobs{a, b} {
			content := randomBlob(n)
			digest := ociref.DigestOf(ociref.SHA256, content)
			id := a.start()
			for i, chunk := range [][]byte{content[:n/4], content[n/4 : n/2], content[n/2:]} {
				s, other := []blobs{a, b}[i%2], []blobs{b, a}[i%2]
				at := int64(i * (n / 4))
				s.append(id, at, chunk)
				if size, err := other.UploadSize(t.Context(), uploadScope, id); err != nil || size != at+int64(len(chunk)) {
					t.Fatalf("the other says %d, %v, want %d", size, err, at+int64(len(chunk)))
				}
			}
			last.commit(id, digest, content)
			a.holds(digest, content)
			b.holds(digest, content)
			a.gone(id)
			b.gone(id)
		}
	}
}

// sharedTwice sends each chunk to both at once, as a client does that hears nothing
// and tries again: it is added once.
func sharedTwice(t *testing.T, a, b blobs) {
	content := randomBlob(20 * 10_000)
	id := a.start()
	for at := 0; at < len(content); at += 10_000 {
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i, s := range []blobs{a, b} {
			both.Go(func() {
				_, errs[i] = s.Append(t.Context(), uploadScope, id, int64(at), bytes.NewReader(content[at:at+10_000]))
			})
		}
		both.Wait()
		for i, err := range errs {
			if err == nil && errs[1-i] == nil {
				t.Fatal("both have added the chunk")
			}
			if err != nil && !errors.Is(err, registry.ErrUploadBusy) && !errors.Is(err, registry.ErrUploadRange) {
				t.Fatal(err)
			}
		}
		if errs[0] != nil && errs[1] != nil {
			t.Fatalf("neither has added the chunk: %v, %v", errs[0], errs[1])
		}
	}
	b.commit(id, ociref.DigestOf(ociref.SHA256, content), content)
}

// sharedBusy: who comes while the other, or the same store, is at it is told so.
func sharedBusy(t *testing.T, a, b blobs) {
	id := a.start()
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := a.Append(t.Context(), uploadScope, id, 0, r)
		done <- err
	}()
	w.Write([]byte("first")) // returns once the first writer is at it
	digest := ociref.DigestOf(ociref.SHA256, []byte("first"))
	_, appending := b.Append(t.Context(), uploadScope, id, 0, strings.NewReader("second"))
	_, committing := b.Commit(t.Context(), uploadScope, id, digest)
	_, reading := b.ReadUpload(t.Context(), uploadScope, id, digest, 100)
	for _, err := range []error{appending, committing, reading, b.CancelUpload(t.Context(), uploadScope, id)} {
		if !errors.Is(err, registry.ErrUploadBusy) {
			t.Errorf("beside a writer: %v, want ErrUploadBusy", err)
		}
	}
	if n := b.expire(time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("beside a writer %d uploads were expired", n)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.commit(id, digest, []byte("first"))
}

func sharedCancel(t *testing.T, a, b blobs) {
	id := a.start()
	a.append(id, 0, []byte("content"))
	if err := b.CancelUpload(t.Context(), uploadScope, id); err != nil {
		t.Fatal(err)
	}
	a.gone(id)
	if _, err := a.Append(t.Context(), uploadScope, id, 7, strings.NewReader("x")); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Errorf("append: %v, want ErrUploadNotFound", err)
	}
}

// sharedCommit: of all that commit an upload at once, one does.
func sharedCommit(t *testing.T, a, b blobs) {
	for n := range 20 {
		content := fmt.Appendf(nil, "content %d", n)
		digest := ociref.DigestOf(ociref.SHA256, content)
		id := a.start()
		a.append(id, 0, content)
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() { _, errs[i] = []blobs{a, b}[i%2].Commit(t.Context(), uploadScope, id, digest) })
		}
		all.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, registry.ErrUploadBusy) && !errors.Is(err, registry.ErrUploadNotFound) {
				t.Fatal(err)
			}
		}
		if done != 1 {
			t.Fatalf("%d have committed it", done)
		}
		a.holds(digest, content)
		b.holds(digest, content)
	}
}

func sharedRead(t *testing.T, a, b blobs) {
	for _, n := range []int{0, 10_000, 200_000} {
		content := randomBlob(n)
		id := a.start()
		a.append(id, 0, content)
		b.read(id, content)
		a.read(id, content)
	}
}

func sharedExpire(t *testing.T, a, b blobs) {
	id := a.start()
	a.append(id, 0, []byte("content"))
	if n := b.expire(time.Now().Add(time.Hour)); n != 1 {
		t.Fatalf("expired %d idle uploads", n)
	}
	a.gone(id)
}
