package graduate

import (
	"context"
	"fmt"
	"time"
)

// phaseDeadlines are the bounds of the phases that have none of their own. Starting and checking goes by
// StartDeadline, hooks and tasks by their own time-outs.
var phaseDeadlines = map[State]time.Duration{
	Prepare: 5 * time.Minute,
	Stage:   15 * time.Minute,
	Switch:  2 * time.Minute,
	Release: 5 * time.Minute,
	Settle:  15 * time.Minute,
	Finish:  5 * time.Minute,
}

// quiesceTime bounds what a quiesce takes besides its draining.
const quiesceTime = 2 * time.Minute

// LateError says that something did not end within its time: after the release point it may still be under way.
type LateError struct{ text string }

// Error says what it was, and what sets its time.
func (e *LateError) Error() string { return e.text }

// Deadline is how long the work of a state may take, from its own beginning, and what is said where it takes
// longer; zero where its parts have bounds of their own.
func (r *Run) Deadline(state State) (time.Duration, error) {
	switch state {
	case Start, Hold, Rest:
		d := r.Settings.StartDeadline()
		return d, &LateError{fmt.Sprintf("not all candidates passed their checks within %s (graduate:set %s start-timeout)", d, r.Group)}
	}
	d, drain := phaseDeadlines[state], time.Duration(0)
	if state == Quiescing && r.Quiesced() {
		d, drain = quiesceTime, r.Settings.Quiesce.Draining()
	}
	if d > 0 && r.Settings.PhaseTimeout > 0 {
		d = r.Settings.PhaseTimeout
	}
	d += drain // it ends by itself: a bound that is shorter would end every graduation with an open WebSocket
	return d, &LateError{fmt.Sprintf("the phase %s did not end within %s (graduate:set %s phase-timeout)", state, d, r.Group)}
}

// Cap is how long the run may take until its release point, and what is said where it takes longer.
func (r *Run) Cap() (time.Duration, error) {
	d := r.Settings.RunDeadline()
	return d, &LateError{fmt.Sprintf("the graduation did not come to its release point within %s (graduate:set %s run-timeout)", d, r.Group)}
}

// leftRunning is the key of LeaveRunning.
type leftRunning struct{}

// LeaveRunning marks the context of work after the release point: when it ends, nothing new is begun and nothing
// more is waited for, but what was begun is left to come to its end by itself. Cut off half-way it could leave an
// old container retired and its new one not live.
func LeaveRunning(ctx context.Context) context.Context {
	return context.WithValue(ctx, leftRunning{}, true)
}

// LeavesRunning tells whether a context is of that kind.
func LeavesRunning(ctx context.Context) bool { return ctx.Value(leftRunning{}) != nil }

// CutOff is the context for work inside of such a one that has a bound of its own, and is cut off there.
func CutOff(ctx context.Context) context.Context {
	if !LeavesRunning(ctx) {
		return ctx
	}
	return context.WithValue(context.WithoutCancel(ctx), leftRunning{}, nil)
}
