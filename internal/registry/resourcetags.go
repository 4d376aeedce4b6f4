package registry

import (
	"context"
	"maps"
)

// TagResource gives a repository tags; those of a key that it has get another
// value. ErrRepositoryNotFound, ErrResourceTag, ErrTooManyTags.
func (s *Service) TagResource(ctx context.Context, key Key, tags map[string]string) error {
	e := s.event(ctx, "TagResource", key, map[string]any{"tags": tags})
	err := s.o.Repositories.ChangeTags(ctx, key, func(stand map[string]string) (map[string]string, error) {
		next := maps.Clone(stand)
		if next == nil {
			next = map[string]string{}
		}
		maps.Copy(next, tags)
		return next, checkResourceTags(next)
	}, e)
	return explain(key, err)
}

// UntagResource takes the tags with these keys from a repository, those that are
// there. ErrRepositoryNotFound.
func (s *Service) UntagResource(ctx context.Context, key Key, keys []string) error {
	e := s.event(ctx, "UntagResource", key, map[string]any{"tagKeys": keys})
	err := s.o.Repositories.ChangeTags(ctx, key, func(stand map[string]string) (map[string]string, error) {
		next := maps.Clone(stand)
		for _, k := range keys {
			delete(next, k)
		}
		return next, nil
	}, e)
	return explain(key, err)
}
