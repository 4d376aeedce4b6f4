package ociapi_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestReferrersAreNeverStale: pages that were asked for before change with the
// next push and the next delete, filtered or not.
func TestReferrersAreNeverStale(t *testing.T) {
	s := serve(t, nil, "app", "other")
	subject, _ := s.pushImage("app", "v1", "config", "")
	s.pushImage("other", "v1", "config", "")
	path := "/v2/app/referrers/" + string(subject)
	filtered := path + "?artifactType=" + url.QueryEscape("application/even")
	var all, even []ociref.Digest
	check := func() {
		t.Helper()
		for range 2 { // the second time from memory
			if got, _ := s.referrersOf(path); !slices.Equal(got, all) {
				t.Fatalf("referrers %v, want %v", got, all)
			}
			if got, _ := s.referrersOf(filtered); !slices.Equal(got, even) {
				t.Fatalf("filtered %v, want %v", got, even)
			}
			if got, _ := s.referrersOf(strings.Replace(path, "app", "other", 1)); len(got) != 0 {
				t.Fatalf("the other repository has %v", got)
			}
		}
	}
	check()
	for i := range 6 {
		kind := []string{"application/even", "application/odd"}[i%2]
		d, _ := s.pushImage("app", "", "config", subjectJSON(subject, kind, fmt.Sprint(i)))
		if all = append(all, d); i%2 == 0 {
			even = append(even, d)
		}
		check()
	}
	for len(all) > 0 {
		s.want(s.do("DELETE", "/v2/app/manifests/"+string(all[0]), nil), 202)
		if even[0] == all[0] {
			even = append(even[1:], "")[:len(even)-1]
		}
		all = all[1:]
		check()
		if len(even) == 0 {
			break
		}
	}
}

// TestPagesOfDifferentFiltersAreApart: a type that looks like two is one.
func TestPagesOfDifferentFiltersAreApart(t *testing.T) {
	s := serve(t, nil, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	d, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/a", ""))
	path := "/v2/app/referrers/" + string(subject)
	for query, want := range map[string]int{
		"?artifactType=application/a&artifactType=application/b": 1,
		"?artifactType=application/a%22+%22application/b":        0,
		"?artifactType=application/a,application/b":              0,
		"?artifactType=application/b":                            0,
	} {
		if got, _ := s.referrersOf(path + query); len(got) != want || want == 1 && got[0] != d {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// TestReferrersWhileTheyCome: who has pushed a referrer finds it, whoever else
// pushes and reads, and with next to no room for pages.
func TestReferrersWhileTheyCome(t *testing.T) {
	for _, room := range []int64{64 << 20, 8 << 10} {
		s := serve(t, func(_ *registry.Options, o *ociapi.Options) { o.Pages = ociapi.NewPages(room) }, "app")
		subject, _ := s.pushImage("app", "v1", "config", "")
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range 10 {
					d, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/a", fmt.Sprint(worker, i)))
					if got, _ := s.referrersOf("/v2/app/referrers/" + string(subject)); !slices.Contains(got, d) {
						t.Errorf("%s is not among %d referrers", d, len(got))
					}
				}
			})
		}
		all.Wait()
	}
}

// TestPagesAge: a page that nobody has asked for is let go, and made anew for who asks
// then.
func TestPagesAge(t *testing.T) {
	pages := ociapi.NewPages(1 << 20)
	s := serve(t, func(_ *registry.Options, o *ociapi.Options) { o.Pages = pages }, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	d, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/a", ""))
	for range 2 {
		if got, _ := s.referrersOf("/v2/app/referrers/" + string(subject)); !slices.Equal(got, []ociref.Digest{d}) {
			t.Fatalf("got %v", got)
		}
		if bytes := pages.Age() + pages.Age(); bytes != 0 {
			t.Errorf("%d bytes are let go of what was just asked for", bytes)
		}
		if bytes := pages.Age(); bytes == 0 {
			t.Error("nothing is let go")
		}
	}
}

// overtaken has something happen between the reading of a revision and of the
// list that goes with it, once.
type overtaken struct {
	registry.ManifestStore
	by atomic.Pointer[func()]
}

func (o *overtaken) Referrers(ctx context.Context, key registry.Key, subject ociref.Digest, f registry.ReferrerFilter) ([]registry.Manifest, bool, error) {
	if by := o.by.Swap(nil); by != nil {
		(*by)()
	}
	return o.ManifestStore.Referrers(ctx, key, subject, f)
}

// TestPageOvertakenByAPush: the revision of a subject without referrers comes
// again when the last one goes, so no page that has some may be kept under it.
func TestPageOvertakenByAPush(t *testing.T) {
	store := &overtaken{}
	s := serve(t, func(o *registry.Options, _ *ociapi.Options) {
		store.ManifestStore, o.Manifests = o.Manifests, store
	}, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	path := "/v2/app/referrers/" + string(subject)
	var d ociref.Digest
	push := func() { d, _ = s.pushImage("app", "", "config", subjectJSON(subject, "application/a", "")) }
	store.by.Store(&push)
	s.referrersOf(path)
	if store.by.Load() != nil {
		push() // nothing was read that could be overtaken
	}
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(d), nil), 202)
	if got, _ := s.referrersOf(path); len(got) != 0 {
		t.Fatalf("%v are listed, but deleted", got)
	}
}

// crowd holds the making of a page until enough requests have asked for it.
type crowd struct {
	registry.ManifestStore
	asked sync.WaitGroup
	made  atomic.Int32
}

func (s *crowd) ReferrersRevision(ctx context.Context, key registry.Key, subject ociref.Digest) (uint64, error) {
	defer s.asked.Done()
	return s.ManifestStore.ReferrersRevision(ctx, key, subject)
}

func (s *crowd) Referrers(ctx context.Context, key registry.Key, subject ociref.Digest, f registry.ReferrerFilter) ([]registry.Manifest, bool, error) {
	s.asked.Wait()
	s.made.Add(1)
	return s.ManifestStore.Referrers(ctx, key, subject, f)
}

// TestPageIsMadeOnceForACrowd: memory must not follow how many clients ask for
// a page that is not ready.
func TestPageIsMadeOnceForACrowd(t *testing.T) {
	store := &crowd{}
	s := serve(t, func(o *registry.Options, _ *ociapi.Options) {
		store.ManifestStore, o.Manifests = o.Manifests, store
	}, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	d, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/a", ""))
	const clients = 16
	store.asked.Add(clients)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			if got, _ := s.referrersOf("/v2/app/referrers/" + string(subject)); !slices.Equal(got, []ociref.Digest{d}) {
				t.Errorf("got %v", got)
			}
		})
	}
	all.Wait()
	if n := store.made.Load(); n != 1 {
		t.Errorf("the page was made %d times", n)
	}
}
