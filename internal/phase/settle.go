package phase

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// settle lets the deploys go and waits until the platform has ended its own bookkeeping for every app.
type settle struct {
	permanent
	*Env
}

func (settle) State() graduate.State { return graduate.Settle }

func (s settle) Run(ctx context.Context, r *graduate.Run) error {
	s.unwatch()
	err := each(r, func(a *graduate.App) error {
		if err := s.settle(ctx, r, a); err != nil {
			s.app(a, graduate.AppFailed, err.Error())
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
		}
		s.app(a, graduate.AppFinished, "")
		return nil
	})
	return errors.Join(err, s.Proxy.Settle(ctx, r), s.Barrier.Close())
}

// settle ends the deploys of one app: web first, as its bookkeeping is what the others build on.
func (s settle) settle(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	processes, err := s.Platform.Processes(ctx, r, a)
	if err != nil {
		return err
	}
	for _, p := range processes {
		key := graduate.Key{App: a.Target, Process: p.Type}
		s.Barrier.Release(key)
		mine, broken := s.wait(ctx, key)
		if mine && broken == nil || p.Count == 0 {
			continue
		}
		// A deploy that an earlier coordinator began, or that broke after the release point, is completed.
		err := withLog(r.Log(a.Target), func(log io.Writer) error { return s.Platform.Complete(ctx, r, a, p.Type, log) })
		if err != nil {
			return fmt.Errorf("the new version is live, but the deploy of %s did not end well (%w)", p.Type, errors.Join(broken, err))
		}
	}
	err = withLog(r.Log(a.Target), func(log io.Writer) error { return s.Platform.Retire(ctx, r, a, log) })
	if err != nil || r.Rollback() {
		return err
	}
	return s.tasks(ctx, r, a, graduate.TaskPostdeploy)
}
