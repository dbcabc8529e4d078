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
	// Each app is settled at its own pace: only before the first is it known of all what is to replace what.
	released := graduate.Situation{Held: s.Barrier.Held(), Released: true}
	err := each(r, func(a *graduate.App) error {
		if err := s.settle(ctx, r, a, released); err != nil {
			s.app(a, graduate.AppFailed, err.Error())
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
		}
		s.app(a, graduate.AppFinished, "")
		return nil
	})
	if ctx.Err() == nil {
		err = errors.Join(err, s.Proxy.Settle(ctx, r))
	}
	return errors.Join(s.noteLate(err), s.Barrier.Close())
}

// settle ends the deploys of one app, each to its very end: web first, as its bookkeeping is what the others build on.
func (s settle) settle(ctx context.Context, r *graduate.Run, a *graduate.App, released graduate.Situation) error {
	processes, err := s.Platform.Processes(ctx, r, a)
	if err != nil {
		return err
	}
	for _, p := range processes {
		// Where one does not end well the barrier's end lets the others decide by themselves: they go on where that brings
		// no old web process back.
		if err := s.end(ctx, r, a, p); err != nil {
			return err
		}
	}
	err = withLog(r.Log(a.Target), func(log io.Writer) error { return s.Platform.Retire(ctx, r, a, log) })
	if err != nil || r.Rollback() {
		return err
	}
	return s.tasks(ctx, r, a, graduate.TaskPostdeploy, released)
}

// end brings the deploy of one process type to its end.
func (s settle) end(ctx context.Context, r *graduate.Run, a *graduate.App, p graduate.Process) error {
	key := graduate.Key{App: a.Target, Process: p.Type}
	s.Barrier.Release(key)
	mine, broken := s.wait(ctx, key)
	if mine && broken == nil || p.Count == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the new version is live, and its deploy of %s still goes on: %w", p.Type, context.Cause(ctx))
	}
	s.awaitSpares()
	// A deploy that an earlier coordinator began, or that broke after the release point, is completed: before the app's
	// other types are let go, as their deploys write the proxy's configuration from what the platform knows of this one.
	err := withLog(r.Log(a.Target), func(log io.Writer) error { return s.Platform.Complete(ctx, r, a, p.Type, log) })
	if err != nil {
		return fmt.Errorf("the new version is live, but the deploy of %s did not end well (%w)", p.Type, errors.Join(broken, err))
	}
	return nil
}
