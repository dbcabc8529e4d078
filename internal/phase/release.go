package phase

import (
	"context"
	"errors"
	"fmt"

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
	stays, err := s.open(ctx, r)
	if err != nil {
		return errors.Join(stays, err)
	}
	for _, a := range r.Active() {
		s.app(a, graduate.AppReleased, "")
	}
	err = s.noteLate(each(r, func(a *graduate.App) error {
		if err := s.Platform.Promote(ctx, r, a); err != nil {
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
		}
		return nil
	}))
	return errors.Join(stays, err)
}

// open sends all requests to the new set: those who wait at once, then the proxy's own. Apps that stay as they are and do
// not go on are an error of their own: the others are live all the same.
func (s release) open(ctx context.Context, r *graduate.Run) (stays, err error) {
	if !r.Quiesced() {
		return nil, s.Proxy.Switch(ctx, r)
	}
	stays = s.Platform.ResumeOld(ctx, r, true)
	s.pass(ctx, graduate.NewSide)
	if err := s.Proxy.Switch(ctx, r); err != nil {
		return stays, err // the proxy may still have the old instances behind the room: they are not ended
	}
	if err := s.Platform.KillOld(ctx, r); err != nil {
		s.Emit(graduate.Event{Type: graduate.EventNotice, Message: fmt.Sprintf("Old instances that are paused could not be ended; Dokku retires them: %v", err)})
	}
	return stays, nil
}
