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
	if err := q.Platform.PauseOld(ctx, r); err != nil {
		return fmt.Errorf("the old instances cannot be kept off the data: %w", err)
	}
	q.Emit(graduate.Event{Type: graduate.EventQuiesce, State: graduate.QuiescePaused, Message: "No old instance runs"})
	return nil
}

func (q quiesce) Undo(ctx context.Context, r *graduate.Run) error {
	if !r.Quiesced() || q.abortHooksFollow(r) {
		return nil
	}
	// A hook that was cut off may still be at the data.
	return errors.Join(q.Hooks.Stop(ctx, r), q.lift(ctx, r))
}

// roomLost is told when the room has gone away by itself: nginx sends requests to the old instances then.
func (e *Env) roomLost(ctx context.Context, r *graduate.Run, err error) {
	if e.isReleased() {
		return // the release itself sends them to the new ones
	}
	e.Fail(errors.Join(err, e.Platform.ResumeOld(context.WithoutCancel(ctx), r, false)))
}

// lift takes the quiesce back, once: the old instances go on, then those who wait are sent to them.
func (e *Env) lift(ctx context.Context, r *graduate.Run) error {
	if !r.Quiesced() || e.lifted {
		return nil
	}
	e.lifted = true
	err := e.Platform.ResumeOld(ctx, r, false)
	e.pass(ctx, graduate.OldSide)
	return errors.Join(err, e.Proxy.Undo(ctx, r))
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
