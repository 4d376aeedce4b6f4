package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Blobs is the contract of [registry.BlobStore]. open returns an empty store;
// reopen returns a store on what that one has kept, as after a restart.
func Blobs(t *testing.T, open func(t *testing.T) (s registry.BlobStore, reopen func() registry.BlobStore)) {
	for name, test := range map[string]func(*testing.T, blobs){
		"id":                         blobID,
		"round trip":                 blobRoundTrip,
		"chunks":                     blobChunks,
		"a restart between chunks":   blobRestart,
		"an absent blob":             blobAbsent,
		"the wrong digest":           blobWrongDigest,
		"digests that are paths":     blobPathDigest,
		"a chunk out of place":       blobRange,
		"a reader that fails":        blobBrokenReader,
		"two writers":                blobBusy,
		"another scope":              blobScope,
		"ids that are paths":         blobPathID,
		"cancel":                     blobCancel,
		"the same blob at once":      blobSameAtOnce,
		"the same blob again":        blobAgain,
		"set aside":                  blobAside,
		"restored over another":      blobRestored,
		"lists of contents":          blobContents,
		"uploads that stand still":   blobExpire,
		"many that stand still":      blobExpireMany,
		"a context that has ended":   blobContext,
		"more uploads than it hints": blobManyUploads,
		"uploads that are read":      blobRead,
		"reads that are refused":     blobReadRefused,
		"uploads that grow":          blobGrows,
		"gone after a restart":       blobStaysGone,
	} {
		t.Run(name, func(t *testing.T) {
			s, reopen := open(t)
			test(t, blobs{s, t, reopen})
		})
	}
}

// blobs is a store under test, and short ways to use it.
type blobs struct {
	registry.BlobStore
	t      *testing.T
	reopen func() registry.BlobStore
}

// blobID: a store has the same name after a restart, and another has another.
func blobID(t *testing.T, s blobs) {
	if again := s.reopen().ID(); s.ID() == "" || again != s.ID() {
		t.Errorf("%q, and after a restart %q", s.ID(), again)
	}
}

const uploadScope = "111122223333/team/app"

// start begins an upload.
func (b blobs) start() string {
	b.t.Helper()
	id, err := b.StartUpload(b.t.Context(), uploadScope)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// append adds content and checks the size told.
func (b blobs) append(id string, offset int64, content []byte) {
	b.t.Helper()
	size, err := b.Append(b.t.Context(), uploadScope, id, offset, bytes.NewReader(content))
	if err != nil || size != offset+int64(len(content)) {
		b.t.Fatalf("append at %d: size %d, %v", offset, size, err)
	}
}

// commit commits and checks the size told.
func (b blobs) commit(id string, digest ociref.Digest, content []byte) {
	b.t.Helper()
	size, err := b.Commit(b.t.Context(), uploadScope, id, digest)
	if err != nil || size != int64(len(content)) {
		b.t.Fatalf("commit: size %d, %v", size, err)
	}
}

// holds checks that the blob is there, whole.
func (b blobs) holds(digest ociref.Digest, content []byte) {
	b.t.Helper()
	f, size, err := b.Open(b.t.Context(), digest)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, content) || size != int64(len(content)) {
		b.t.Fatalf("blob %s: %d bytes of size %d, want %d: %v", digest, len(got), size, len(content), err)
	}
}

// lacks checks that the blob is not there.
func (b blobs) lacks(digest ociref.Digest) {
	b.t.Helper()
	if _, _, err := b.Open(b.t.Context(), digest); !errors.Is(err, registry.ErrBlobNotFound) {
		b.t.Fatalf("blob %s: %v, want ErrBlobNotFound", digest, err)
	}
}

// gone checks that the upload is not there.
func (b blobs) gone(id string) {
	b.t.Helper()
	if _, err := b.UploadSize(b.t.Context(), uploadScope, id); !errors.Is(err, registry.ErrUploadNotFound) {
		b.t.Fatalf("upload: %v, want ErrUploadNotFound", err)
	}
}

func randomBlob(n int) []byte {
	p := make([]byte, n)
	rand.Read(p)
	return p
}

func blobRoundTrip(t *testing.T, b blobs) {
	for _, algorithm := range []string{ociref.SHA256, ociref.SHA512} {
		for _, n := range []int{0, 1, 4096, 1 << 16, 1<<20 + 1} {
			content := randomBlob(n)
			digest := ociref.DigestOf(algorithm, content)
			id := b.start()
			b.append(id, 0, content)
			b.lacks(digest)
			b.commit(id, digest, content)
			b.holds(digest, content)
			b.gone(id)
			b.BlobStore = b.reopen()
			b.holds(digest, content)
		}
	}
}

func blobChunks(t *testing.T, b blobs) {
	content := randomBlob(300_000)
	digest := ociref.DigestOf(ociref.SHA256, content)
	id := b.start()
	for at := 0; at < len(content); at += 100_000 {
		b.append(id, int64(at), content[at:at+100_000])
		if size, err := b.UploadSize(t.Context(), uploadScope, id); err != nil || size != int64(at+100_000) {
			t.Fatalf("size %d, %v", size, err)
		}
	}
	b.append(id, 300_000, nil)
	b.commit(id, digest, content)
	b.holds(digest, content)
}

func blobRestart(t *testing.T, b blobs) {
	for _, n := range []int{2, 2_000, 200_000} {
		content := randomBlob(n)
		digest := ociref.DigestOf(ociref.SHA256, content)
		id := b.start()
		b.BlobStore = b.reopen()
		b.append(id, 0, content[:n/2])
		b.BlobStore = b.reopen()
		b.append(id, int64(n/2), content[n/2:])
		b.BlobStore = b.reopen()
		b.commit(id, digest, content)
		b.holds(digest, content)
	}
}

// blobStaysGone: a restart brings no upload back, whatever became of it.
func blobStaysGone(t *testing.T, b blobs) {
	digest := ociref.DigestOf(ociref.SHA256, []byte("content"))
	ends := []func(id string) error{
		func(id string) error { return b.CancelUpload(t.Context(), uploadScope, id) },
		func(id string) error { _, err := b.Commit(t.Context(), uploadScope, id, digest); return err },
		func(string) error { b.expire(time.Now().Add(time.Hour)); return nil },
	}
	for i, end := range ends {
		id := b.start()
		b.append(id, 0, []byte("content"))
		if err := end(id); err != nil {
			t.Fatalf("end %d: %v", i, err)
		}
		b.gone(id)
		b.BlobStore = b.reopen()
		b.gone(id)
	}
}

// read reads an upload and checks the content.
func (b blobs) read(id string, content []byte) {
	b.t.Helper()
	for _, algorithm := range []string{ociref.SHA256, ociref.SHA512} {
		got, err := b.ReadUpload(b.t.Context(), uploadScope, id, ociref.DigestOf(algorithm, content), int64(len(content)))
		if err != nil || got == nil || !bytes.Equal(got, content) {
			b.t.Fatalf("read %d bytes (nil: %t), want %d: %v", len(got), got == nil, len(content), err)
		}
	}
}

func blobRead(t *testing.T, b blobs) {
	for _, n := range []int{0, 1, 10_000, 200_000} {
		content := randomBlob(n)
		digest := ociref.DigestOf(ociref.SHA256, content)
		id := b.start()
		b.append(id, 0, content)
		b.read(id, content)
		if got, err := b.ReadUpload(t.Context(), uploadScope, id, digest, int64(n)-1); got != nil || err != nil {
			t.Fatalf("%d bytes, which are too many: %d, %v", n, len(got), err)
		}
		b.lacks(digest)
		b.commit(id, digest, content) // it stayed
		b.holds(digest, content)
	}
}

func blobReadRefused(t *testing.T, b blobs) {
	for _, n := range []int{7, 200_000} {
		content := randomBlob(n)
		id := b.start()
		b.append(id, 0, content)
		read := func(scope string, digest ociref.Digest) error {
			_, err := b.ReadUpload(t.Context(), scope, id, digest, int64(n))
			return err
		}
		if err := read("111122223333/team/other", ociref.DigestOf(ociref.SHA256, content)); !errors.Is(err, registry.ErrUploadNotFound) {
			t.Errorf("from another scope: %v, want ErrUploadNotFound", err)
		}
		if err := read(uploadScope, "sha256:../x"); err == nil {
			t.Error("read by a digest that is a path")
		}
		b.read(id, content)
		if err := read(uploadScope, ociref.DigestOf(ociref.SHA256, []byte("another"))); !errors.Is(err, registry.ErrDigestMismatch) {
			t.Errorf("by another digest: %v, want ErrDigestMismatch", err)
		}
		b.gone(id)
	}
}

// blobGrows adds to an upload in pieces, past where a store may keep it otherwise.
func blobGrows(t *testing.T, b blobs) {
	content := randomBlob(150_000)
	for _, piece := range []int{1_000, 30_000, 65_536, 65_537} {
		id := b.start()
		for at := 0; at < len(content); at += piece {
			b.append(id, int64(at), content[at:min(at+piece, len(content))])
			if at == 0 {
				b.append(id, int64(piece), nil)
			}
		}
		b.read(id, content)
		if err := b.CancelUpload(t.Context(), uploadScope, id); err != nil {
			t.Fatal(err)
		}
		b.gone(id)
	}
}

func blobAbsent(t *testing.T, b blobs) {
	b.lacks(ociref.DigestOf(ociref.SHA256, nil))
	b.gone("00000000-0000-4000-8000-000000000000")
}

func blobWrongDigest(t *testing.T, b blobs) {
	for _, algorithm := range []string{ociref.SHA256, ociref.SHA512} {
		digest := ociref.DigestOf(algorithm, []byte("another"))
		id := b.start()
		b.append(id, 0, []byte("content"))
		if _, err := b.Commit(t.Context(), uploadScope, id, digest); !errors.Is(err, registry.ErrDigestMismatch) {
			t.Fatalf("commit: %v, want ErrDigestMismatch", err)
		}
		b.lacks(digest)
		b.gone(id)
	}
}

func blobPathDigest(t *testing.T, b blobs) {
	for _, bad := range []ociref.Digest{"", "sha256:", "sha256:../../etc/passwd", "../x:00", ociref.Digest("sha256:" + strings.Repeat("A", 64))} {
		if _, _, err := b.Open(t.Context(), bad); err == nil {
			t.Errorf("opened %q", bad)
		}
		id := b.start()
		if _, err := b.Commit(t.Context(), uploadScope, id, bad); err == nil {
			t.Errorf("committed %q", bad)
		}
	}
}

func blobRange(t *testing.T, b blobs) {
	id := b.start()
	b.append(id, 0, []byte("0123456789"))
	for _, offset := range []int64{0, 9, 11, -1} {
		if _, err := b.Append(t.Context(), uploadScope, id, offset, strings.NewReader("x")); !errors.Is(err, registry.ErrUploadRange) {
			t.Errorf("append at %d: %v, want ErrUploadRange", offset, err)
		}
	}
	b.append(id, 10, []byte("ab"))
	b.commit(id, ociref.DigestOf(ociref.SHA256, []byte("0123456789ab")), []byte("0123456789ab"))
}

func blobBrokenReader(t *testing.T, b blobs) {
	content, broken := randomBlob(500_000), errors.New("connection lost")
	id := b.start()
	r := io.MultiReader(bytes.NewReader(content[:300_000]), iotest.ErrReader(broken))
	if _, err := b.Append(t.Context(), uploadScope, id, 0, r); !errors.Is(err, broken) {
		t.Fatalf("append: %v, want the reader's error", err)
	}
	size, err := b.UploadSize(t.Context(), uploadScope, id)
	if err != nil || size > 300_000 {
		t.Fatalf("size %d, %v", size, err)
	}
	b.append(id, size, content[size:])
	b.commit(id, ociref.DigestOf(ociref.SHA256, content), content)
	b.holds(ociref.DigestOf(ociref.SHA256, content), content)
}

func blobBusy(t *testing.T, b blobs) { sharedBusy(t, b, b) }

func blobScope(t *testing.T, b blobs) {
	id := b.start()
	b.append(id, 0, []byte("content"))
	const other = "111122223333/team/other"
	_, sizing := b.UploadSize(t.Context(), other, id)
	_, appending := b.Append(t.Context(), other, id, 7, strings.NewReader("x"))
	_, committing := b.Commit(t.Context(), other, id, ociref.DigestOf(ociref.SHA256, []byte("content")))
	for _, err := range []error{sizing, appending, committing, b.CancelUpload(t.Context(), other, id)} {
		if !errors.Is(err, registry.ErrUploadNotFound) {
			t.Errorf("from another scope: %v, want ErrUploadNotFound", err)
		}
	}
	b.commit(id, ociref.DigestOf(ociref.SHA256, []byte("content")), []byte("content"))
}

func blobPathID(t *testing.T, b blobs) {
	id := b.start()
	for _, bad := range []string{"", ".", "..", "../" + id, id + "/", "/etc/passwd", strings.ToUpper(id), "{" + id + "}", id + "\x00"} {
		if _, err := b.Append(t.Context(), uploadScope, bad, 0, strings.NewReader("x")); !errors.Is(err, registry.ErrUploadNotFound) {
			t.Errorf("append to %q: %v, want ErrUploadNotFound", bad, err)
		}
	}
}

func blobCancel(t *testing.T, b blobs) {
	id := b.start()
	b.append(id, 0, []byte("content"))
	if err := b.CancelUpload(t.Context(), uploadScope, id); err != nil {
		t.Fatal(err)
	}
	b.gone(id)
	if err := b.CancelUpload(t.Context(), uploadScope, id); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Fatalf("again: %v, want ErrUploadNotFound", err)
	}
}

func blobSameAtOnce(t *testing.T, b blobs) {
	content := randomBlob(50_000)
	digest := ociref.DigestOf(ociref.SHA256, content)
	var all sync.WaitGroup
	errs := make(chan error, 16)
	for range 16 {
		id := b.start()
		b.append(id, 0, content)
		all.Go(func() {
			if _, err := b.Commit(t.Context(), uploadScope, id, digest); err != nil {
				errs <- err
			} else if f, _, err := b.Open(t.Context(), digest); err != nil {
				errs <- fmt.Errorf("after commit: %w", err)
			} else {
				f.Close()
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	b.holds(digest, content)
}

func blobAgain(t *testing.T, b blobs) {
	content := randomBlob(1000)
	digest := ociref.DigestOf(ociref.SHA256, content)
	for range 2 {
		id := b.start()
		b.append(id, 0, content)
		b.commit(id, digest, content)
		b.gone(id)
		b.holds(digest, content)
	}
}

// expire forgets idle uploads, some a step, and returns how many.
func (b blobs) expire(before time.Time) (total int) {
	b.t.Helper()
	for more := true; more; {
		var n int
		var err error
		if n, more, err = b.ExpireUploads(b.t.Context(), before, 10); err != nil {
			b.t.Fatal(err)
		}
		total += n
	}
	return total
}

// blobExpireMany: of many idle uploads each goes, and a step takes as many as it may,
// but for those that are no files.
func blobExpireMany(t *testing.T, b blobs) {
	content := randomBlob(100_000)
	for range 50 {
		b.append(b.start(), 0, content)
	}
	steps := 0
	for more, left := true, 50; more; steps++ {
		var n int
		var err error
		n, more, err = b.ExpireUploads(t.Context(), time.Now().Add(time.Hour), 10)
		if left -= n; err != nil || n > 10 || !more && left != 0 {
			t.Fatalf("a step of 10 forgot %d, %d are left, %v", n, left, err)
		}
	}
	if steps < 5 {
		t.Errorf("%d steps", steps)
	}
}

func blobExpire(t *testing.T, b blobs) {
	id := b.start()
	b.append(id, 0, []byte("content"))
	if n := b.expire(time.Now().Add(-time.Hour)); n != 0 {
		t.Fatalf("expired %d fresh uploads", n)
	}
	if n := b.expire(time.Now().Add(time.Hour)); n != 1 {
		t.Fatalf("expired %d idle uploads", n)
	}
	b.gone(id)
}

func blobContext(t *testing.T, b blobs) {
	id := b.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Append(ctx, uploadScope, id, 0, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Fatalf("append: %v, want the context's error", err)
	}
	b.append(id, 0, []byte("x"))
}

func blobManyUploads(t *testing.T, b blobs) {
	ids := make([]string, 1100)
	for i := range ids {
		ids[i] = b.start()
		b.append(ids[i], 0, []byte("first half, "))
	}
	for i, id := range ids {
		content := fmt.Appendf(nil, "first half, %d", i)
		b.append(id, 12, content[12:])
		b.commit(id, ociref.DigestOf(ociref.SHA256, content), content)
	}
}

// blobAside: what is set aside can be read until it is discarded, is found by
// whoever comes later, and does not keep a new commit from putting it.
func blobAside(t *testing.T, b blobs) {
	content := randomBlob(1000)
	digest := ociref.DigestOf(ociref.SHA512, content)
	put := func() {
		id := b.start()
		b.append(id, 0, content)
		b.commit(id, digest, content)
	}
	put()
	a, err := b.SetAside(t.Context(), digest)
	if err != nil || a.Digest != digest || a.Size != 1000 {
		t.Fatalf("set aside %+v, %v", a, err)
	}
	if _, err := b.SetAside(t.Context(), digest); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Fatalf("again: %v, want ErrBlobNotFound", err)
	}
	b.holds(digest, content)
	b.BlobStore = b.reopen()
	left, err := b.LeftAside(t.Context())
	if err != nil || len(left) != 1 || left[0] != a {
		t.Fatalf("left aside: %+v, %v", left, err)
	}
	put()
	for range 2 { // the second time there is nothing to do
		if err := b.Discard(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		b.holds(digest, content)
	}
	if a, err = b.SetAside(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if err := b.Discard(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	b.lacks(digest)
	if err := b.Restore(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	b.lacks(digest)
}

func blobRestored(t *testing.T, b blobs) {
	content := randomBlob(1000)
	digest := ociref.DigestOf(ociref.SHA256, content)
	for _, again := range []bool{false, true} {
		id := b.start()
		b.append(id, 0, content)
		b.commit(id, digest, content)
		a, err := b.SetAside(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if again {
			id := b.start()
			b.append(id, 0, content)
			b.commit(id, digest, content)
		}
		if err := b.Restore(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		b.holds(digest, content)
		if left, err := b.LeftAside(t.Context()); err != nil || len(left) != 0 {
			t.Fatalf("left aside: %+v, %v", left, err)
		}
	}
}

func blobContents(t *testing.T, b blobs) {
	want := map[ociref.Digest]bool{}
	for i := range 20 {
		content := randomBlob(10)
		digest := ociref.DigestOf([]string{ociref.SHA256, ociref.SHA512}[i%2], content)
		id := b.start()
		b.append(id, 0, content)
		b.commit(id, digest, content)
		want[digest] = true
	}
	for ahead, count := range map[time.Duration]int{time.Hour: 20, -time.Hour: 0} {
		got, after := 0, ""
		for {
			list, next, err := b.Contents(t.Context(), after, time.Now().Add(ahead))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				if got++; !want[d] {
					t.Errorf("lists %s, which nobody put", d)
				}
			}
			if after = next; after == "" {
				break
			}
		}
		if got != count {
			t.Errorf("lists %d blobs, want %d", got, count)
		}
	}
}
