package phase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// hooks runs the hooks of one kind in their order, until one fails. Of those that run side by side all are awaited. A
// live hook that an earlier coordinator has brought to a good end is not run again.
func (e *Env) hooks(ctx context.Context, r *graduate.Run, kind graduate.HookKind) error {
	for _, batch := range graduate.Batches(r.HooksOf(kind)) {
		err := sideBySide(batch, func(h graduate.Hook) error {
			s := graduate.Situation{Held: e.Barrier.Held()}
			if kind == graduate.HookLive && e.isDone(h, s) {
				return nil
			}
			return e.hook(ctx, r, h, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sideBySide runs hooks at the same time and returns, when all have ended, what failed first.
func sideBySide(hooks []graduate.Hook, run func(graduate.Hook) error) (first error) {
	var group sync.WaitGroup
	var once sync.Once
	for _, h := range hooks {
		group.Go(func() {
			if err := run(h); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	group.Wait()
	return first
}

// allHooks runs the hooks of one kind, all of them, whatever becomes of one; what an earlier coordinator has brought
// to its end is not done again. What is left where one fails is told.
func (e *Env) allHooks(ctx context.Context, r *graduate.Run, kind graduate.HookKind, s graduate.Situation, left string) {
	for _, batch := range graduate.Batches(r.HooksOf(kind)) {
		_ = sideBySide(batch, func(h graduate.Hook) error {
			name := h.FullName()
			if e.isDone(h, s) {
				return nil
			}
			if err := e.hook(ctx, r, h, s); err != nil {
				e.Emit(graduate.Event{Type: graduate.EventNotice, Hook: name, Log: r.Log(name),
					Message: fmt.Sprintf("hook %s failed: %s (%v); its log is %s", name, left, errors.Unwrap(err), r.Log(name))})
			}
			return nil
		})
	}
}

// Finally runs the finally hooks of a run that has ended, unless it was refused before anything was touched. What
// becomes of them changes nothing.
func (e *Env) Finally(ctx context.Context, r *graduate.Run, outcome string) {
	if !e.prepared {
		return
	}
	s := graduate.Situation{Outcome: outcome}
	e.allHooks(context.WithoutCancel(ctx), r, graduate.HookFinally, s, "that changes nothing of how the graduation ended")
}

// DeferFinally leaves the finally hooks to a later command, and says so.
func (e *Env) DeferFinally(r *graduate.Run, outcome string) {
	if !e.prepared {
		return
	}
	for _, h := range r.HooksOf(graduate.HookFinally) {
		if r.Unmet(h) == "" && !e.isDone(h, graduate.Situation{Outcome: outcome}) {
			e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookDeferred, Hook: h.FullName(),
				Message: fmt.Sprintf("dokku graduate:recover %s, or the group's next graduation, runs it", r.Group)})
		}
	}
}

// hook runs one hook between its events, or says why it is left out.
func (e *Env) hook(ctx context.Context, r *graduate.Run, h graduate.Hook, s graduate.Situation) error {
	if why := e.leftOut(r, h); why != "" {
		e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookSkipped, Hook: h.FullName(), Message: why})
		return nil
	}
	if h.Migrates() && e.hasBegun(h.FullName()) && !e.mayRepeat(h) {
		return &graduate.StepError{Hook: h.FullName(), Log: r.Log(h.FullName()), Err: errors.New("it was begun before in this graduation, and no migration runs twice")}
	}
	if !h.OnlyLooks() {
		e.setHooksBegan()
	}
	e.noteBegun(h.FullName())
	err := e.step(h.FullName(), s.Outcome, r, func() error { return e.tries(ctx, r, h, s) })
	if err == nil || h.OnFailure != graduate.OnFailureWarn || ctx.Err() != nil { // one that was cut off has not failed
		return err
	}
	name := h.FullName()
	e.Emit(graduate.Event{Type: graduate.EventNotice, Hook: name, Log: r.Log(name),
		Message: fmt.Sprintf("hook %s failed, and the graduation goes on without it (%v); its log is %s", name, errors.Unwrap(err), r.Log(name))})
	return nil
}

// leftOut says why a hook does not run; empty where it does.
func (e *Env) leftOut(r *graduate.Run, h graduate.Hook) string {
	if h.Reverses != "" && !slices.ContainsFunc(r.Hooks, func(m graduate.Hook) bool { return m.ReversedBy(h) && e.hasBegun(m.FullName()) }) {
		return h.Reverses + " had not begun"
	}
	return r.Unmet(h)
}

// mayRepeat tells whether a person has said that a reversal which was cut off is to be run again.
func (e *Env) mayRepeat(h graduate.Hook) bool {
	return h.Reverses != "" && !e.isDone(h, graduate.Situation{})
}

// tries runs a hook until it succeeds, or has failed as often as it may.
func (e *Env) tries(ctx context.Context, r *graduate.Run, h graduate.Hook, s graduate.Situation) error {
	for try := 1; ; try++ {
		err := e.Hooks.Hook(ctx, r, h, s)
		switch {
		case err == nil || h.Retries == 0 || ctx.Err() != nil:
			return err
		case try > h.Retries:
			return fmt.Errorf("%w (the last of %d tries)", err, try)
		}
		pause := h.Pause(try)
		e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookRetried, Hook: h.FullName(), Log: r.Log(h.FullName()),
			Message: fmt.Sprintf("%v; try %d of %d follows in %s", err, try+1, h.Retries+1, pause)})
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// step runs a hook or a task between the events that say so; outcome is what a finally hook is told.
func (e *Env) step(name, outcome string, r *graduate.Run, f func() error) error {
	log := r.Log(name)
	e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookStarted, Hook: name, Log: log, Message: outcome})
	began := time.Now()
	if err := f(); err != nil {
		e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookFailed, Hook: name, Log: log, Message: err.Error(), Took: time.Since(began)})
		return &graduate.StepError{Hook: name, Log: log, Err: err}
	}
	e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookSucceeded, Hook: name, Log: log, Took: time.Since(began)})
	return nil
}
