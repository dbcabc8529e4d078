package phase

import (
	"context"
	"io"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// stage brings every artifact to its target, side by side.
type stage struct {
	permanent
	*Env
}

func (stage) State() graduate.State { return graduate.Stage }

func (s stage) Run(ctx context.Context, r *graduate.Run) error {
	return eachOf(r.Apps, func(a *graduate.App) error {
		log := r.Log(a.Target)
		err := withLog(log, func(w io.Writer) error { return s.stage(ctx, r, a, w) })
		if err != nil {
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: log, Err: err}
		}
		if a.Skip == "" {
			s.app(a, graduate.AppStaged, "")
		}
		return nil
	})
}

// stage brings one artifact, and keeps it with what the target has: also of an app that is skipped, so that a
// rollback over several graduations knows the whole set.
func (s stage) stage(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	if a.Skip == "" {
		if err := s.Platform.Stage(ctx, r, a, log); err != nil {
			return err
		}
	}
	return s.Platform.Keep(ctx, r, a, log)
}
