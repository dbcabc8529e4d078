package phase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// pre runs the pre hooks. Its Undo runs the abort hooks: they come when the candidates are gone, while the new
// images are still there, and before the old instances go on where those were kept off the data.
type pre struct {
	permanent
	*Env
}

func (pre) State() graduate.State { return graduate.Pre }

func (p pre) Run(ctx context.Context, r *graduate.Run) error {
	return p.hooks(ctx, r, graduate.HookPre)
}

func (p pre) Undo(ctx context.Context, r *graduate.Run) error {
	return errors.Join(p.abortHooks(ctx, r), p.lift(ctx, r))
}

// abortHooks undoes what hooks have done to data.
func (p pre) abortHooks(ctx context.Context, r *graduate.Run) error {
	if err := p.Hooks.Stop(ctx, r); err != nil {
		return err
	}
	if !p.abortHooksFollow(r) {
		return nil
	}
	for _, h := range r.HooksOf(graduate.HookAbort) {
		name := hookName(h)
		if p.hasEnded(name) {
			continue // by a coordinator before this one
		}
		// One that fails keeps neither the others nor the target's restoring from going on; it is told at the end.
		if err := p.hook(ctx, r, h); err != nil {
			p.Emit(graduate.Event{Type: graduate.EventNotice, Hook: name, Log: r.Log(name),
				Message: fmt.Sprintf("hook %s failed: what it was to undo is left (%v); its log is %s", name, errors.Unwrap(err), r.Log(name))})
		}
	}
	return nil
}

// abortHooksFollow tells whether an abort runs the abort hooks.
func (e *Env) abortHooksFollow(r *graduate.Run) bool {
	return e.haveHooksBegun() && len(r.HooksOf(graduate.HookAbort)) > 0
}

// hookName is a hook's name in events and logs.
func hookName(h graduate.Hook) string { return string(h.Kind) + "/" + h.Name }

// hooks runs the hooks of one kind in their order, until one fails.
func (e *Env) hooks(ctx context.Context, r *graduate.Run, kind graduate.HookKind) error {
	for _, h := range r.HooksOf(kind) {
		if err := e.hook(ctx, r, h); err != nil {
			return err
		}
	}
	return nil
}

// hook runs one hook between its events.
func (e *Env) hook(ctx context.Context, r *graduate.Run, h graduate.Hook) error {
	return e.step(hookName(h), r, func() error { return e.Hooks.Hook(ctx, r, h, e.Barrier.Held()) })
}

// step runs a hook or a task between the events that say so.
func (e *Env) step(name string, r *graduate.Run, f func() error) error {
	log := r.Log(name)
	e.setHooksBegan()
	e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookStarted, Hook: name, Log: log})
	began := time.Now()
	if err := f(); err != nil {
		e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookFailed, Hook: name, Log: log, Message: err.Error(), Took: time.Since(began)})
		return &graduate.StepError{Hook: name, Log: log, Err: err}
	}
	e.Emit(graduate.Event{Type: graduate.EventHook, State: graduate.HookSucceeded, Hook: name, Log: log, Took: time.Since(began)})
	return nil
}
