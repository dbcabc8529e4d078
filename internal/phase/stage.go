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
	return each(r, func(a *graduate.App) error {
		log := r.Log(a.Target)
		err := withLog(log, func(w io.Writer) error { return s.Platform.Stage(ctx, r, a, w) })
		if err != nil {
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: log, Err: err}
		}
		s.app(a, graduate.AppStaged, "")
		return nil
	})
}
