package access

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"
)

// uses remembers what keys were last used for until it is saved. Nobody waits for
// that: a crash loses the last minute.
type uses struct {
	mu   sync.Mutex
	last map[string]Use // by access key id
}

// useInterval is how often uses are saved.
const useInterval = time.Minute

// maxUses bounds how many keys are remembered at once.
const maxUses = 10_000

// NoteUse remembers that a long-term key was used for an action, such as
// "ecr:PutImage".
func (s *Service) NoteUse(keyID, action string) {
	if !strings.HasPrefix(keyID, keyIDPrefix) {
		return
	}
	service, _, _ := strings.Cut(action, ":")
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if _, known := s.uses.last[keyID]; known || len(s.uses.last) < maxUses {
		s.uses.last[keyID] = Use{s.now().UTC().Truncate(time.Second), service}
	}
}

// LastUse is what a key was last used for, as far as this process knows.
func (s *Service) LastUse(k AccessKey) Use {
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if use, known := s.uses.last[k.ID]; known && use.At.After(k.LastUse.At) {
		return use
	}
	return k.LastUse
}

// Run saves what keys were used for, from time to time and once more at the end.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(useInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.SaveUses(ctx); err != nil && ctx.Err() == nil {
				s.logger.WarnContext(ctx, "what access keys were used for could not be saved", "error", err)
			}
		case <-ctx.Done():
			return s.SaveUses(context.WithoutCancel(ctx))
		}
	}
}

// SaveUses saves what has not been saved yet.
func (s *Service) SaveUses(ctx context.Context) error {
	s.uses.mu.Lock()
	unsaved := maps.Clone(s.uses.last)
	clear(s.uses.last)
	s.uses.mu.Unlock()
	if len(unsaved) == 0 {
		return nil
	}
	err := s.store.NoteUses(ctx, unsaved)
	if err != nil {
		s.remember(unsaved)
	}
	return err
}

// remember puts back what could not be saved.
func (s *Service) remember(unsaved map[string]Use) {
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	for id, use := range unsaved {
		if later, known := s.uses.last[id]; !known || use.At.After(later.At) {
			s.uses.last[id] = use
		}
	}
}
