package signing

import "context"

// Job returns a signing job, or [ErrJobNotFound].
func (s *Service) Job(ctx context.Context, key JobKey) (Job, error) {
	j, err := s.o.Jobs.Job(ctx, key)
	return j, namingJob(err, key)
}

// Jobs lists signing jobs, newest first, and says where to go on: see [JobStore].
func (s *Service) Jobs(ctx context.Context, f JobFilter) (page []Job, next string, err error) {
	if _, err := s.Platform(f.Platform); f.Platform != "" && err != nil {
		return nil, "", nil // no job is of a platform that there is not
	}
	return s.o.Jobs.Jobs(ctx, f)
}
