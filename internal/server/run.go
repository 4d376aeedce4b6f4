package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealwright/sealwright/internal/fault"
)

const (
	maxHeader = 64 << 10
	// stopTimeout is how long requests in flight may take once we stop.
	stopTimeout = 30 * time.Second
)

// Run serves until ctx is done, then stops: listeners close, requests in flight
// finish, the records close. It returns nil after a graceful stop.
func (s *Server) Run(ctx context.Context) error {
	web, admin := s.webServer(s.handler), s.webServer(s.admin)
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		group.Go(func() error { return ignoreServerClosed(web.Serve(wholeListener{l})) })
	}
	for _, l := range s.adminListeners {
		group.Go(func() error { return ignoreServerClosed(admin.Serve(l)) })
	}
	for _, work := range s.background() {
		group.Go(func() error { return ignoreCanceled(ctx, work(ctx)) })
	}
	group.Go(func() error {
		<-ctx.Done()
		s.stopping.Store(true)
		return errors.Join(stop(web), admin.Close()) // the last word is the admin's
	})
	return errors.Join(group.Wait(), s.Close())
}

// webServer bounds what a client may take its time with. For bodies see
// timeBodies.
func (s *Server) webServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.reportPanics(h),
		ConnContext:       withConn,
		ReadHeaderTimeout: s.config.HeaderTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(webLog{s.options.Logger}, "", 0),
	}
}

// background lists the work that goes on while the service serves.
func (s *Server) background() []func(context.Context) error {
	sweep := func(ctx context.Context) error {
		return s.registry.Run(ctx, func(err error) { s.options.Logger.Error("sweeping the registry", "error", fault.Whole(err)) })
	}
	work := append([]func(context.Context) error{s.authority.Run, s.access.Run, s.recorder.Run, sweep}, s.work...)
	if s.certificate != nil {
		work = append(work, func(ctx context.Context) error {
			return s.certificate.watch(ctx, certificatePoll, s.options.Reload)
		})
	}
	return work
}

// stop lets requests in flight finish, and cuts those that will not.
func stop(web *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := web.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests were still running after %s and were cut", stopTimeout), web.Close())
	}
	return err
}

func ignoreServerClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func ignoreCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
