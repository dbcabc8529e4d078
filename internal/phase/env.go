// Package phase has the work of each state of a graduation, one phase per file. Phases see only the ports of
// internal/graduate: they know no Dokku, no nginx and no terminal.
package phase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Env is what the phases of one run share.
type Env struct {
	Platform graduate.Platform
	Proxy    graduate.Proxy
	Barrier  graduate.Barrier
	Room     graduate.WaitingRoom
	Hooks    graduate.HookRunner
	Emit     graduate.Emit
	// Fail stops the run before its release point; only the first reason counts.
	Fail func(error)
	// Rollback brings the set back that a run has replaced, by a run of its own.
	Rollback func(ctx context.Context, r *graduate.Run) error

	mu      sync.Mutex
	deploys map[graduate.Key]*deploy
	// late tells that something after the release point did not end in time: it still goes on, and is not broken.
	late bool
	// spares are the candidates whose container is being kept from a platform that takes their check for failed.
	spares []<-chan struct{}
	// released is set at the release point: from then on the end of a deploy is expected.
	released bool
	// prepared tells that the targets were closed for this run.
	prepared bool
	// hooksBegan tells that there is something for the abort hooks to undo.
	hooksBegan bool
	// changedData tells that a hook or a task ran before the release point.
	changedData bool
	// ended are the hooks that a coordinator before this one has brought to their end, passed those of them behind which
	// the run went on, finallyTold the finally hooks with the outcome that each was told.
	ended, passed map[string]bool
	finallyTold   map[string]string
	// begun are the hooks that were begun, by whatever coordinator.
	begun map[string]bool
	// unsettled are the migrations of whose end nothing is known.
	unsettled []graduate.Hook
	stopWatch func()
	// lifted tells that an abort has taken the quiesce back, roomGone that the waiting room went away by itself, sealed
	// that the release record follows.
	lifted, roomGone, sealed bool
	// oldTurn is held by whoever pauses old instances or lets them go on.
	oldTurn sync.Mutex
}

// deploy is one running deploy of a process type.
type deploy struct {
	done chan struct{}
	err  error // valid once done is closed
}

// start runs the deploy of a process type in the background. One that ends before the release point fails the run.
func (e *Env) start(ctx context.Context, r *graduate.Run, a *graduate.App, process string) {
	d := &deploy{done: make(chan struct{})}
	key := graduate.Key{App: a.Target, Process: process}
	e.mu.Lock()
	if e.deploys == nil {
		e.deploys = map[graduate.Key]*deploy{}
	}
	e.deploys[key] = d
	e.mu.Unlock()
	// An abort ends deploys through Platform.Stop, which also removes their containers.
	ctx = context.WithoutCancel(ctx)
	go func() {
		d.err = withLog(r.Log(a.Target), func(log io.Writer) error {
			return e.Platform.Deploy(ctx, r, a, process, log)
		})
		close(d.done)
		if !e.isReleased() {
			e.Fail(&graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: ended(process, d.err)})
		}
	}()
}

func ended(process string, err error) error {
	if err == nil {
		err = errors.New("it was not held")
	}
	return fmt.Errorf("the deploy of %s failed before the release point (%w)", process, err)
}

// wait returns when the deploy of a process type has ended, with its error; mine is false where an earlier
// coordinator started it.
func (e *Env) wait(ctx context.Context, key graduate.Key) (mine bool, err error) {
	e.mu.Lock()
	d := e.deploys[key]
	e.mu.Unlock()
	if d == nil {
		return false, nil
	}
	select {
	case <-d.done:
		return true, d.err
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
}

func (e *Env) isReleased() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.released
}

func (e *Env) setReleased() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.released = true
}

// noteLate keeps in mind that what failed after the release point is only late.
func (e *Env) noteLate(err error) error {
	var late *graduate.LateError
	e.late = e.late || errors.As(err, &late)
	return err
}

func (e *Env) haveHooksBegun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hooksBegan
}

// Resume takes up what a coordinator of this run before this one has done.
func (e *Env) Resume(h graduate.History) {
	e.prepared, e.released = h.Prepared, h.Released
	e.begun, e.unsettled = h.HooksStarted, h.Unsettled()
	e.hooksBegan, e.changedData = h.HooksBegan, h.ChangedData
	e.ended, e.passed, e.finallyTold = h.HooksEnded, h.HooksPassed, h.FinallyTold
}

// isDone tells whether an earlier coordinator has done what a hook is there for. A finally hook is there for one outcome:
// a run that needed a person, and has ended since, has ended anew.
func (e *Env) isDone(h graduate.Hook, s graduate.Situation) bool {
	switch told, ended := e.finallyTold[h.FullName()]; h.Kind {
	case graduate.HookFinally:
		return ended && told == s.Outcome
	case graduate.HookLive: // before the release no recovery goes forward
		return e.passed[h.FullName()]
	default:
		return e.ended[h.FullName()]
	}
}

// noteBegun keeps in mind that a hook was begun.
func (e *Env) noteBegun(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.begun == nil {
		e.begun = map[string]bool{}
	}
	e.begun[name] = true
}

// hasBegun tells whether a hook was begun, by this coordinator or one before it.
func (e *Env) hasBegun(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun[name]
}

func (e *Env) setHooksBegan() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hooksBegan = true
	e.changedData = e.changedData || !e.released
}

func (e *Env) haveChangedData() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changedData
}

// app emits an event about one app.
func (e *Env) app(a *graduate.App, state, message string) {
	e.Emit(graduate.Event{Type: graduate.EventApp, State: state, Role: a.Role, App: a.Target, Message: message})
}

// each calls f for all active apps side by side and returns their errors in the apps' order.
func each(r *graduate.Run, f func(*graduate.App) error) error { return eachOf(r.Active(), f) }

// eachOf is each for some apps.
func eachOf(apps []*graduate.App, f func(*graduate.App) error) error {
	errs := make([]error, len(apps))
	var group sync.WaitGroup
	for i, a := range apps {
		group.Go(func() { errs[i] = f(a) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// withLog calls f with the log file at path, opened to append.
func withLog(path string, f func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

// permanent is embedded in phases whose effect is cheap to bring about again, and which have nothing to undo.
type permanent struct{}

// Done is never sure, so that the work is done again.
func (permanent) Done(context.Context, *graduate.Run) (bool, error) { return false, nil }

// Undo has nothing to do: what the phase changed is put back with the copies that Prepare took.
func (permanent) Undo(context.Context, *graduate.Run) error { return nil }
