package server

import (
	"sync/atomic"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/signing"
)

// retain has jobs and ended profiles removed when their time is over.
func (s *Server) retain() error {
	r, err := signing.NewRetention(signing.RetentionOptions{
		Store: s.records.Retention(), Leaders: s.records.Leaders(), Now: s.options.Now, Told: s.toldOfRetention,
	})
	if err == nil {
		s.work = append(s.work, r.Run)
	}
	s.metrics.Count("signing_expired_jobs_total", "Signing jobs that were removed because their time was over.", s.expired.jobs.Load)
	s.metrics.Count("signing_expired_profiles_total", "Signing profiles that were removed because their time was over.", s.expired.profiles.Load)
	return err
}

// expired counts what retention removed.
type expired struct{ jobs, profiles atomic.Uint64 }

func (s *Server) toldOfRetention(removed signing.Removed, err error) {
	s.expired.jobs.Add(uint64(removed.Jobs))
	s.expired.profiles.Add(uint64(removed.Profiles))
	if err != nil {
		s.options.Logger.Error("jobs and profiles whose time is over cannot be removed", "error", fault.Whole(err))
	}
	if removed != (signing.Removed{}) {
		s.options.Logger.Info("jobs and profiles were removed whose time is over", "jobs", removed.Jobs, "profiles", removed.Profiles)
	}
}
