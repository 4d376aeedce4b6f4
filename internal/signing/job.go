package signing

import "context"

// Job returns a signing job, or [ErrJobNotFound].
func (s *Service) Job(ctx context.Context, key JobKey) (Job, error) {
	j, err := s.o.Jobs.Job(ctx, key)
	return j, namingJob(err, key)
}

// Jobs lists signing jobs, newest first. It returns at most f.Limit and whether
// there are more, to be asked for with f.After.
func (s *Service) Jobs(ctx context.Context, f JobFilter) (page []Job, more bool, err error) {
	limit := f.Limit
	f.Limit++
	page, err = s.o.Jobs.Jobs(ctx, f)
	if len(page) > limit {
		return page[:limit], true, err
	}
	return page, false, err
}
