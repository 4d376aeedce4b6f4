package signing

import (
	"context"
	"maps"

	"github.com/sealwright/sealwright/internal/journal"
)

// TagProfile gives an Active profile tags; those of a key that it has get another
// value. [ErrProfileNotFound], [ErrProfileNotActive], [ErrInvalid].
func (s *Service) TagProfile(ctx context.Context, key ProfileKey, tags map[string]string) error {
	return s.changeTags(ctx, key, "TagResource", map[string]any{"tags": tags}, func(next map[string]string) error {
		maps.Copy(next, tags)
		return checkTags(next)
	})
}

// UntagProfile takes the tags with these keys from an Active profile, those that
// are there. [ErrProfileNotFound], [ErrProfileNotActive].
func (s *Service) UntagProfile(ctx context.Context, key ProfileKey, keys []string) error {
	return s.changeTags(ctx, key, "UntagResource", map[string]any{"tagKeys": keys}, func(next map[string]string) error {
		for _, k := range keys {
			delete(next, k)
		}
		return nil
	})
}

// changeTags runs change on a copy of a profile's tags and saves what becomes of it.
func (s *Service) changeTags(ctx context.Context, key ProfileKey, operation string, detail any, change func(tags map[string]string) error) error {
	now := s.now()
	_, err := s.o.Profiles.ChangeProfile(ctx, key, "", func(current *Profile) (*Profile, journal.Event, error) {
		if current == nil {
			return nil, journal.Event{}, namingProfile(ErrProfileNotFound, key, "")
		}
		if err := mustBeActive(*current); err != nil {
			return nil, journal.Event{}, err
		}
		next := *current
		next.Tags = maps.Clone(current.Tags)
		if next.Tags == nil {
			next.Tags = map[string]string{}
		}
		if err := change(next.Tags); err != nil {
			return nil, journal.Event{}, err
		}
		return &next, s.event(ctx, now, operation, next.ProfileARN(), detail), nil
	})
	s.known.forget(key)
	return err
}
