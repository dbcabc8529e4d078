package graduate

// State is what a graduation is doing, or how it ended. It is the journal's key and is never renamed.
type State string

// The states, in the order of a graduation that goes well, then those of one that does not.
const (
	// Prepare closes the targets to other deploys and copies what belongs to them.
	Prepare State = "prepare"
	// Stage makes every artifact available to its target under a tag of its own.
	Stage State = "stage"
	// Pre runs the pre hooks.
	Pre State = "pre"
	// Start starts the web processes of all apps side by side.
	Start State = "start"
	// Hold waits until every web container has passed its check and is held.
	Hold State = "hold"
	// Quiescing lets requests wait and keeps the old instances off the data, where the group asks for it.
	Quiescing State = "quiesce"
	// Post runs the apps' release tasks and the post hooks while everything is held.
	Post State = "post"
	// Rest starts, checks and holds the process types that are not web.
	Rest State = "rest"
	// Switch writes the proxy's new configuration and tests it; nothing is reloaded yet.
	Switch State = "switch"
	// Release is the release point: its record in the journal decides that the new set goes live.
	Release State = "release"
	// Settle lets the deploys go; the platform does its own bookkeeping.
	Settle State = "settle"
	// Live runs the live hooks.
	Live State = "live"
	// Finish removes what the run made and records the outcome.
	Finish State = "finish"

	// Aborting undoes all states that were entered, in reverse.
	Aborting State = "aborting"
	// Revert takes a release back that failed after its release point, where that is safe: by a rollback of its own.
	Revert State = "revert"

	// Done: the new set is live.
	Done State = "done"
	// Restored: the target is what it was before the run.
	Restored State = "restored"
	// Reverted: the previous set is live again.
	Reverted State = "reverted"
	// Stuck: stable and stated, but a person has to decide.
	Stuck State = "stuck"
)

// Outcome is how the work of a state ended.
type Outcome string

// The outcomes that the engine knows.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
)

// Transition is one row of the state table.
type Transition struct {
	From State
	On   Outcome
	To   State
}

// Transitions is the state machine. Nothing else decides what comes next.
func Transitions() []Transition {
	return []Transition{
		{Prepare, Succeeded, Stage},
		{Stage, Succeeded, Pre},
		{Pre, Succeeded, Start},
		{Start, Succeeded, Hold},
		{Hold, Succeeded, Quiescing},
		{Quiescing, Succeeded, Post},
		{Post, Succeeded, Rest},
		{Rest, Succeeded, Switch},
		{Switch, Succeeded, Release},

		{Prepare, Failed, Aborting},
		{Stage, Failed, Aborting},
		{Pre, Failed, Aborting},
		{Start, Failed, Aborting},
		{Hold, Failed, Aborting},
		{Quiescing, Failed, Aborting},
		{Post, Failed, Aborting},
		{Rest, Failed, Aborting},
		{Switch, Failed, Aborting},
		{Aborting, Succeeded, Restored},
		{Aborting, Failed, Stuck},

		{Release, Succeeded, Settle},
		{Settle, Succeeded, Live},
		{Live, Succeeded, Finish},
		{Finish, Succeeded, Done},
		{Release, Failed, Revert},
		{Settle, Failed, Revert},
		{Live, Failed, Revert},
		{Finish, Failed, Done}, // a clean-up that has to be tried again makes no release fail
		{Revert, Succeeded, Reverted},
		{Revert, Failed, Stuck},
	}
}

// Next is the state that follows; ok is false where the table has no such row.
func Next(from State, on Outcome) (to State, ok bool) {
	for _, t := range Transitions() {
		if t.From == from && t.On == on {
			return t.To, true
		}
	}
	return "", false
}

// Order lists the states of a graduation that goes well, first to last.
func Order() []State {
	var out []State
	for s := Prepare; ; {
		out = append(out, s)
		next, ok := Next(s, Succeeded)
		if !ok {
			return out
		}
		s = next
	}
}

// Ended tells whether a graduation in this state is over.
func (s State) Ended() bool { return s == Done || s == Restored || s == Reverted || s == Stuck }

// Released tells whether the state lies at or after the release point.
func (s State) Released() bool {
	switch s {
	case Release, Settle, Live, Finish, Done, Revert, Reverted:
		return true
	default:
		return false
	}
}
