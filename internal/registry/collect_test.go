package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func TestCollectRemovesWhatNobodyHolds(t *testing.T) { onEach(t, collectWhatNobodyHolds) }

func collectWhatNobodyHolds(t *testing.T, fresh func(testing.TB) site) {
	p := openPlace(t, fresh(t), never)
	p.unheld("nobody's")
	kept := p.blob(app, "shared")
	must(t, p.MountBlob(t.Context(), other, app, kept))
	must(t, p.DeleteBlob(t.Context(), app, kept))
	content := `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"` + string(kept) + `","size":6},"layers":[]}`
	_, _, err := p.Put(t.Context(), registry.Push{Key: other, MediaType: registry.MediaTypeImage, Content: []byte(content)})
	must(t, err)
	if c := p.collect(); c.Blobs != 1 || c.Bytes != int64(len("nobody's")) || c.Links != 0 {
		t.Errorf("collected %+v", c)
	}
	must(t, p.whole(other, kept))

	_, err = p.DeleteManifest(t.Context(), other, ociref.DigestOf(ociref.SHA256, []byte(content)))
	must(t, err)
	if c := p.collect(); c.Links != 1 || c.Blobs != 1 {
		t.Errorf("after the image went: collected %+v", c)
	}
	if left := p.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestCollectLeavesWhatIsYoung(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	p.ahead.Store(0)
	young := p.blob(app, "first a blob, then its manifest")
	p.unheld("nobody's, and young")
	for range 2 {
		c, err := p.Collect(t.Context())
		must(t, err)
		if c.Blobs != 0 || c.Links != 0 {
			t.Errorf("collected %+v", c)
		}
	}
	must(t, p.whole(app, young))
	p.wait(2 * time.Minute)
	p.blob(app, "first a blob, then its manifest") // begins its time anew
	c, err := p.Collect(t.Context())
	must(t, err)
	if c.Links != 0 {
		t.Errorf("collected %+v", c)
	}
}

// TestCollectBesidePush has a push to another process happen between any two steps
// of the removal of its blob: it is refused, or its blob is whole.
func TestCollectBesidePush(t *testing.T) { onEach(t, collectBesidePush) }

func collectBesidePush(t *testing.T, fresh func(testing.TB) site) {
	for _, at := range []string{"before SetAside", "after SetAside", "before ClaimBlob", "after ClaimBlob", "before Discard", "after Discard",
		"before SweepContents", "after SweepContents"} {
		t.Run(at, func(t *testing.T) {
			content := "wanted again"
			if strings.HasSuffix(at, "SweepContents") {
				content = content[:small]
			}
			p := openPlace(t, fresh(t), never)
			rival := openPlace(t, p.site, never)
			d := p.unheld(content)
			once := true
			p.hook = func(step string) error {
				if step == at && once {
					once = false
					rival.blob(other, content)
				}
				return nil
			}
			_, err := p.Collect(t.Context())
			must(t, err)
			if once {
				t.Fatal("the step was not made")
			}
			must(t, p.whole(other, d))
			p.settled()
		})
	}
}

// settled checks that nothing is set aside after another collection.
func (p *place) settled() {
	p.t.Helper()
	_, err := p.Collect(p.t.Context())
	must(p.t, err)
	for _, f := range p.files() {
		if strings.Contains(f, "/aside/") {
			p.t.Errorf("left: %s", f)
		}
	}
}

// TestPushBesideCollect has a whole collection by another process happen between
// any two steps of a push: the push is refused and nothing dangles, or its blob is
// whole.
func TestPushBesideCollect(t *testing.T) { onEach(t, pushBesideCollect) }

func pushBesideCollect(t *testing.T, fresh func(testing.TB) site) {
	for _, content := range []string{"wanted again", "wanted"} {
		for _, at := range []string{"before Commit", "after Commit", "before LinkBlob", "after LinkBlob"} {
			if len(content) > small || strings.HasSuffix(at, "LinkBlob") { // there is such a step
				t.Run(content+" "+at, func(t *testing.T) { pushBesideCollectAt(t, fresh(t), content, at) })
			}
		}
	}
}

func pushBesideCollectAt(t *testing.T, shared site, content, at string) {
	p := openPlace(t, shared, never)
	rival := openPlace(t, p.site, never)
	d := p.unheld(content)
	busy := false
	p.hook = func(step string) error {
		if step == at && !busy {
			busy = true
			_, err := rival.Collect(t.Context())
			must(t, err)
		}
		return nil
	}
	_, err := p.tryBlob(other, content)
	if err != nil && (len(content) <= small || !errors.Is(err, registry.ErrBlobCollected)) {
		t.Fatal(err)
	}
	if !busy {
		t.Fatal("the step was not made")
	}
	_, linked := p.StatBlob(t.Context(), other, d)
	if (err == nil) != (linked == nil) {
		t.Fatalf("push: %v, link: %v", err, linked)
	}
	if err == nil {
		must(t, p.whole(other, d))
	}
	p.hook = never
	p.blob(other, content)
	must(t, p.whole(other, d))
}

// TestPushRescuesCollected has collections take the claim from under a push whose
// content is still there, aside or anew: the push is told nothing of it.
func TestPushRescuesCollected(t *testing.T) { onEach(t, pushRescuesCollected) }

func pushRescuesCollected(t *testing.T, fresh func(testing.TB) site) {
	const content = "wanted again"
	// A collection that stops at one step of the push, and another at a later one.
	for _, stops := range []map[string]string{
		{"after Commit": "before Discard"},                                       // the content that was found is aside
		{"before Commit": "before ClaimBlob", "after Commit": "before SetAside"}, // the content was put anew, and the old one goes
	} {
		p := openPlace(t, fresh(t), never)
		d := p.unheld(content)
		rival := openPlace(t, p.site, never)
		p.hook = func(step string) error {
			if at := stops[step]; at != "" {
				rival.hook = func(step string) error {
					if step == at {
						return errors.New("stopped")
					}
					return nil
				}
				if _, err := rival.Collect(t.Context()); err == nil {
					t.Errorf("the collection did not come to %q", at)
				}
			}
			return nil
		}
		if _, err := p.tryBlob(other, content); err != nil {
			t.Fatalf("%v: %v", stops, err)
		}
		p.hook = never
		must(t, p.whole(other, d))
		p.settled()
		must(t, p.whole(other, d))
	}
}

// TestPushOutlivesItsClient hangs up when the content was put: the repository holds
// the blob all the same, since its upload is gone.
func TestPushOutlivesItsClient(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	const content = "sent in full"
	u, err := p.StartUpload(t.Context(), other)
	must(t, err)
	_, err = p.AppendUpload(t.Context(), u, 0, strings.NewReader(content))
	must(t, err)
	ctx, hangUp := context.WithCancel(t.Context())
	p.hook = func(step string) error {
		if step == "after Commit" {
			hangUp()
		}
		return nil
	}
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	_, err = p.CommitUpload(ctx, u, d)
	must(t, err)
	must(t, p.whole(other, d))
}

// TestMountBesideCollect has another process take the blob from under a mount.
func TestMountBesideCollect(t *testing.T) { onEach(t, mountBesideCollect) }

func mountBesideCollect(t *testing.T, fresh func(testing.TB) site) {
	for _, content := range []string{"to be mounted", "mount"} {
		t.Run(content, func(t *testing.T) { mountBesideCollectOf(t, fresh(t), content) })
	}
}

func mountBesideCollectOf(t *testing.T, shared site, content string) {
	p := openPlace(t, shared, never)
	rival := openPlace(t, p.site, never)
	d := p.blob(app, content)
	p.hook = func(step string) error {
		if step == "before LinkBlob" {
			p.hook = never
			must(t, rival.DeleteBlob(t.Context(), app, d))
			_, err := rival.Collect(t.Context())
			must(t, err)
		}
		return nil
	}
	if err := p.MountBlob(t.Context(), other, app, d); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Fatalf("mount: %v, want ErrBlobNotFound", err)
	}
	if _, err := p.StatBlob(t.Context(), other, d); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Fatalf("after the mount: %v", err)
	}
}

// TestKilledCollection kills a process between any two steps of a collection, in
// the middle of which somebody links one blob again. Afterwards that blob is whole,
// the others are gone or can be pushed again, and the next collection leaves nothing.
func TestKilledCollection(t *testing.T) {
	if at, isChild := parentsSite(); isChild {
		collectAndDie(t, at, os.Getenv("COLLECT_CRASH_AT"))
		return
	}
	onEach(t, killedCollection)
}

func killedCollection(t *testing.T, fresh func(testing.TB) site) {
	for _, at := range []string{"before SetAside", "after SetAside", "before ClaimBlob", "after ClaimBlob", "before Restore", "after Restore", "before Discard", "after Discard"} {
		t.Run(at, func(t *testing.T) {
			shared := fresh(t)
			cmd := shared.child("TestKilledCollection", "COLLECT_CRASH_AT="+at)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process did not die at %q: %v\n%s", at, err, out)
			}
			p := openPlace(t, shared, never)
			for _, content := range []string{"linked again", nobodys()} {
				d := ociref.DigestOf(ociref.SHA256, []byte(content))
				if _, err := p.StatBlob(t.Context(), other, d); err == nil {
					must(t, p.whole(other, d))
				} else if content == "linked again" && strings.Contains(string(out), "acknowledged") {
					t.Errorf("the blob that was linked is gone: %v", err)
				}
				must(t, p.whole(app, p.blob(app, content)))
				must(t, p.DeleteBlob(t.Context(), app, d))
			}
			p.settled()
			p.collect()
			p.collect()
			if left := p.files(); len(left) != 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// nobodys is content that a collection comes to after "linked again".
func nobodys() string {
	for content := "nobody's"; ; content += "!" {
		if ociref.DigestOf(ociref.SHA256, []byte(content)) > ociref.DigestOf(ociref.SHA256, []byte("linked again")) {
			return content
		}
	}
}

// collectAndDie is the process that dies.
func collectAndDie(t *testing.T, shared site, at string) {
	p := openPlace(t, shared, never)
	again := p.unheld("linked again")
	p.unheld(nobodys())
	linked := false
	p.hook = func(step string) error {
		if step == "before SetAside" && !linked {
			linked = true
			if p.blob(other, "linked again") == again { // after the records were asked who holds it
				os.Stdout.WriteString("acknowledged\n")
			}
		}
		if step == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	_, err := p.Collect(t.Context())
	t.Fatal("it was not killed", err)
}

// TestCollectGoesOnPastWhatFails: of what was left aside, one that cannot be
// removed keeps no other from it, nor does a part of the store that cannot be
// read.
func TestCollectGoesOnPastWhatFails(t *testing.T) {
	failures := 0
	p := openPlace(t, onSQLite(t), never)
	failing := func(times int) {
		failures = times
		p.hook = func(step string) error {
			if step != "before Discard" || failures == 0 {
				return nil
			}
			failures--
			return syscall.EIO
		}
	}
	p.unheld("one of two")
	p.unheld("the other")
	must(t, os.WriteFile(filepath.Join(p.dir, "blobs", "blobs", "sha256", "00"), nil, 0o600))
	failing(2)
	if c, err := p.Collect(t.Context()); err == nil || c.Blobs != 0 {
		t.Fatalf("both fail: %+v, %v", c, err)
	}
	failing(1)
	if c, err := p.Collect(t.Context()); !errors.Is(err, syscall.EIO) || c.Blobs != 1 {
		t.Errorf("one fails: %+v, %v", c, err)
	}
	failing(0)
	if c, err := p.Collect(t.Context()); err == nil || c.Blobs != 1 {
		t.Errorf("none fails, but a part cannot be read: %+v, %v", c, err)
	}
}

// TestStepsAreBounded: however much of one part of the blob store is garbage, a step
// takes some of it.
func TestStepsAreBounded(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	const garbage, most = 150, 100
	padding := strings.Repeat("x", 20_000)
	for n, made := 0, 0; made < garbage; n++ {
		content := fmt.Sprint(n, padding)
		if ociref.DigestOf(ociref.SHA256, []byte(content)).Hex()[:2] == "00" {
			p.unheld(content)
			made++
		}
	}
	for n := range garbage {
		content := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":1},"layers":[],"annotations":{"n":"%d"}%s}`,
			p.blob(app, "x"), n, refersTo(ociref.DigestOf(ociref.SHA256, []byte("absent"))))
		_, _, err := p.Put(t.Context(), registry.Push{Key: app, MediaType: registry.MediaTypeImage, Content: []byte(content)})
		must(t, err)
	}
	p.wait(registry.DefaultWaitingFor)
	var total registry.Collected
	for done := false; !done; {
		var c registry.Collected
		var err error
		c, done, err = p.CollectStep(t.Context())
		must(t, err)
		total.Blobs, total.Waiting = total.Blobs+c.Blobs, total.Waiting+c.Waiting
		if c.Blobs > most || c.Waiting > most {
			t.Errorf("a step took %d blobs and %d referrers", c.Blobs, c.Waiting)
		}
	}
	if total.Blobs != garbage || total.Waiting != garbage {
		t.Errorf("a round took %d blobs and %d referrers", total.Blobs, total.Waiting)
	}
}
