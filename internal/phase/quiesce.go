package phase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// quiesce keeps the old instances off the data, where the group asks for it: new requests of all apps wait, those that
// are being answered come to their end, then nothing of the old set runs any more. The abort hooks need that as well:
// where there are some to be run, it is lifted after them (pre).
type quiesce struct {
	permanent
	*Env
}

func (quiesce) State() graduate.State { return graduate.Quiescing }

func (q quiesce) Run(ctx context.Context, r *graduate.Run) error {
	if err := q.Proxy.Prepare(ctx, r, q.Barrier.Held()); err != nil {
		return err
	}
	doors, err := q.Proxy.Doors(r)
	if err != nil {
		return err
	}
	if err := q.Platform.CheckDoors(r, doors); err != nil {
		return err
	}
	err = q.Room.Open(ctx, r, doors, func(err error) { q.roomLost(ctx, r, err) })
	if err != nil {
		return err
	}
	began := time.Now()
	left, err := q.Proxy.Divert(ctx, r, r.Settings.Quiesce.Draining())
	if err != nil {
		return err
	}
	message := fmt.Sprintf("Requests wait; those before them were answered within %s", time.Since(began).Round(100*time.Millisecond))
	if left > 0 {
		message = fmt.Sprintf("Requests wait; some before them were still open after %s (uploads, streams, WebSockets), and wait too", r.Settings.Quiesce.Draining())
	}
	q.Emit(graduate.Event{Type: graduate.EventQuiesce, State: graduate.QuiesceWaiting, Message: message})
	if err := q.pauseOld(ctx, r); err != nil {
		return fmt.Errorf("the old instances cannot be kept off the data: %w", err)
	}
	q.Emit(graduate.Event{Type: graduate.EventQuiesce, State: graduate.QuiescePaused, Message: "No old instance runs"})
	return nil
}

func (q quiesce) Undo(ctx context.Context, r *graduate.Run) error {
	if !r.Quiesced() || q.abortHooksFollow(r) {
		return nil
	}
	stopped := q.Hooks.Stop(ctx, r) // a hook that was cut off may still be at the data
	if err := q.lift(ctx, r); err != nil {
		q.Emit(graduate.Event{Type: graduate.EventNotice, Message: fmt.Sprintf("Not all old instances go on yet, which is tried again: %v", err)})
	}
	return stopped
}

// pauseOld does so unless the run is to turn back already: who was resumed must not be paused once more.
func (e *Env) pauseOld(ctx context.Context, r *graduate.Run) error {
	e.oldTurn.Lock()
	defer e.oldTurn.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return e.Platform.PauseOld(ctx, r)
}

// resumeOld lets all old instances go on when nobody is at pausing them any more.
func (e *Env) resumeOld(ctx context.Context, r *graduate.Run) error {
	e.oldTurn.Lock()
	defer e.oldTurn.Unlock()
	return e.Platform.ResumeOld(ctx, r, false)
}

// roomLost is told when the room has gone away by itself: nginx sends requests to the old instances then. They go on at
// once, whatever the abort has to do before it lifts the quiesce; that it fails is told there. Whether the run is past
// its release point is not known while that is being recorded: there the abort, if it comes to one, lets them go on.
func (e *Env) roomLost(ctx context.Context, r *graduate.Run, err error) {
	if e.isReleased() {
		return // the release itself sends requests to the new ones
	}
	e.Fail(err) // before all else: whoever pauses stops at it
	if e.losesRoom() {
		_ = e.resumeOld(context.WithoutCancel(ctx), r)
	}
}

// losesRoom notes that the room is gone, and tells whether it is sure that the run turns back.
func (e *Env) losesRoom() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.roomGone = true
	return !e.sealed && !e.released
}

// seal notes that the release record follows.
func (e *Env) seal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sealed = true
}

// withoutRoom lets the old instances go on first thing in an abort whose room is gone.
func (e *Env) withoutRoom(ctx context.Context, r *graduate.Run) {
	e.mu.Lock()
	gone := e.roomGone
	e.mu.Unlock()
	if gone {
		_ = e.resumeOld(ctx, r) // lift tells where it fails again
	}
}

// lift takes the quiesce back, until it has succeeded: the old instances go on, then those who wait are sent to them.
func (e *Env) lift(ctx context.Context, r *graduate.Run) error {
	if !r.Quiesced() || e.lifted {
		return nil
	}
	err := e.resumeOld(ctx, r)
	e.pass(ctx, graduate.OldSide)
	err = errors.Join(err, e.Proxy.Undo(ctx, r))
	e.lifted = err == nil
	return err
}

// pass sends those who wait to one side, and tells of them. A room that does not hear it changes nothing: it goes by the
// journal when this process ends, and the proxy is about to go past it.
func (e *Env) pass(ctx context.Context, to graduate.Side) {
	visits, err := e.Room.Pass(ctx, to)
	if err != nil {
		e.Emit(graduate.Event{Type: graduate.EventNotice, Message: fmt.Sprintf("Requests that wait may have to be sent again: %v", err)})
	}
	if visits.Waited > 0 || visits.TurnedAway > 0 {
		e.Emit(graduate.Event{Type: graduate.EventQuiesce, State: graduate.QuiescePassed, Visits: &visits, Message: fmt.Sprintf(
			"%d requests waited, %s at most, and go on to the %s instances; %d were told to come again", visits.Waited,
			visits.Longest.Round(10*time.Millisecond), to, visits.TurnedAway)})
	}
}
