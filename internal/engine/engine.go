// Package engine is the only loop: it drives a graduation through the states of the table in
// internal/graduate/state.go, and records each before it begins. Phases do the work and decide nothing.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Phase is the work of one state.
type Phase interface {
	// State is the row of the table that the phase belongs to.
	State() graduate.State
	// Run does the work. It may be called again after a crash.
	Run(ctx context.Context, r *graduate.Run) error
	// Done tells, without changing anything, whether the work's effect is there already.
	Done(ctx context.Context, r *graduate.Run) (bool, error)
	// Undo takes the work back. It is called only before the release point, also for work that was half done
	// or never begun.
	Undo(ctx context.Context, r *graduate.Run) error
}

// Engine drives one graduation.
type Engine struct {
	// Phases has one phase per state, in the order of the table.
	Phases []Phase
	// Emit journals an event, then shows it. An error of the journal must end in Fail.
	Emit func(graduate.Event) error
	// AbortBudget bounds the time that an abort may take.
	AbortBudget time.Duration
}

// ErrStopped is the cause of a graduation that a person or the machine stopped.
var ErrStopped = errors.New("stopped")

// Drive takes the run from a state to its end and returns the state in which it ended, with the reason where
// that is not Done, or what was left of the clean-up where it is. Cancelling the context aborts the run up to the release point; after it the run goes on.
func (e *Engine) Drive(ctx context.Context, r *graduate.Run, state graduate.State) (graduate.State, error) {
	limit, late := r.Cap()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	var reason error
	for !state.Ended() {
		if needsRecord(state) && ctx.Err() != nil { // cancelled while a phase came to a good end
			reason = errors.Join(reason, context.Cause(ctx))
			e.note(r, graduate.Event{Type: graduate.EventFailure, State: string(state), Message: context.Cause(ctx).Error()})
			state = graduate.Aborting
			continue
		}
		if err := e.enter(r, state); err != nil && needsRecord(state) {
			reason = errors.Join(reason, err)
			state = graduate.Aborting
			continue
		}
		outcome := graduate.Succeeded
		if err := e.work(ctx, r, state); err != nil {
			outcome = graduate.Failed
			reason = errors.Join(reason, err)
			e.note(r, graduate.Event{Type: graduate.EventFailure, State: string(state), Message: err.Error()})
		}
		next, ok := r.Next(state, outcome)
		if !ok {
			return graduate.Stuck, fmt.Errorf("the state table has no row for %s, %s", state, outcome)
		}
		state = next
	}
	return state, reason
}

// needsRecord tells whether a state must not begin without its record. The way back and the way forward after
// the release point need none: what the journal has decides them already, and their work may be done twice.
func needsRecord(state graduate.State) bool {
	return state == graduate.Release || state != graduate.Aborting && !state.Released()
}

// enter records that a state begins.
func (e *Engine) enter(r *graduate.Run, state graduate.State) error {
	return e.Emit(graduate.Event{Type: graduate.EventState, State: string(state)})
}

// note records something that does not change what happens; the journal's own failure shows at the next state.
func (e *Engine) note(_ *graduate.Run, event graduate.Event) { _ = e.Emit(event) }

// work does the work of one state.
func (e *Engine) work(ctx context.Context, r *graduate.Run, state graduate.State) error {
	if state == graduate.Aborting {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.AbortBudget)
		defer cancel()
		return e.undo(ctx, r)
	}
	if state.Released() {
		ctx = graduate.LeaveRunning(context.WithoutCancel(ctx))
	}
	if limit, late := r.Deadline(state); limit > 0 { // its clock starts with the phase
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, late)
		defer cancel()
	}
	for _, p := range e.Phases {
		if p.State() != state {
			continue
		}
		err := p.Run(ctx, r)
		if err != nil && ctx.Err() != nil && !state.Released() {
			return context.Cause(ctx) // what failed was only cut off
		}
		return err
	}
	return fmt.Errorf("no phase for state %s", state)
}

// undo takes back every phase up to the release point, last first. One that fails does not keep the others
// from being undone.
func (e *Engine) undo(ctx context.Context, r *graduate.Run) error {
	var errs []error
	for i := len(e.Phases) - 1; i >= 0; i-- {
		p := e.Phases[i]
		if p.State().Released() {
			continue
		}
		if err := p.Undo(ctx, r); err != nil {
			errs = append(errs, fmt.Errorf("undoing %s: %w", p.State(), err))
		}
		var unsettled *graduate.UnsettledError
		if errors.As(errors.Join(errs...), &unsettled) {
			break // the phases before it have what a person's decision needs
		}
	}
	return errors.Join(errs...)
}
