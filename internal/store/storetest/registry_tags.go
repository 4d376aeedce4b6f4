package storetest

import (
	"errors"
	"maps"
	"strconv"
	"sync"

	"github.com/sealwright/sealwright/internal/registry"
)

// testResourceTags: changes come one after the other, each upon what stands.
func testResourceTags(s *shop) {
	to := func(tags map[string]string) func(map[string]string) (map[string]string, error) {
		return func(map[string]string) (map[string]string, error) { return tags, nil }
	}
	s.want(s.ChangeTags(ctx, key("team/none"), to(nil), event("TagResource")), registry.ErrRepositoryNotFound)
	for _, tags := range []map[string]string{{"a": "1", "ü": ""}, {"b": "2"}} {
		s.must(s.ChangeTags(ctx, app, to(tags), event("TagResource")))
		r, err := s.Repository(ctx, app)
		s.must(err)
		same(s, r.Tags, tags)
	}
	no := errors.New("no")
	s.want(s.ChangeTags(ctx, app, func(map[string]string) (map[string]string, error) { return nil, no }, event("TagResource")), no)

	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s.must(s.ChangeTags(ctx, app, func(tags map[string]string) (map[string]string, error) {
				tags = maps.Clone(tags)
				tags[strconv.Itoa(i)] = "x"
				return tags, nil
			}, event("TagResource")))
		})
	}
	all.Wait()
	r, err := s.Repository(ctx, app)
	s.must(err)
	same(s, len(r.Tags), 9)
	s.must(s.ChangeTags(ctx, app, to(map[string]string{}), event("UntagResource")))
	r, err = s.Repository(ctx, app)
	s.must(err)
	same(s, len(r.Tags), 0)
}
