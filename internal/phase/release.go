package phase

import (
	"context"
	"errors"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// release makes the new set live. The engine has recorded its state: from here the run goes forward.
type release struct {
	permanent
	*Env
}

func (release) State() graduate.State { return graduate.Release }

func (s release) Run(ctx context.Context, r *graduate.Run) error {
	s.setReleased()
	if err := s.open(ctx, r); err != nil {
		return err
	}
	for _, a := range r.Active() {
		s.app(a, graduate.AppReleased, "")
	}
	return s.noteLate(each(r, func(a *graduate.App) error {
		if err := s.Platform.Promote(ctx, r, a); err != nil {
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
		}
		return nil
	}))
}

// open sends all requests to the new set: those who wait at once, then the proxy's own.
func (s release) open(ctx context.Context, r *graduate.Run) error {
	if !r.Quiesced() {
		return s.Proxy.Switch(ctx, r)
	}
	err := s.Platform.ResumeOld(ctx, r, true) // of the apps that stay as they are
	s.pass(ctx, graduate.NewSide)
	return errors.Join(err, s.Proxy.Switch(ctx, r), s.Platform.KillOld(ctx, r))
}
