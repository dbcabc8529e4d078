package graduate

// History is what a journal tells of a run.
type History struct {
	// Run is the run as it was decided.
	Run *Run
	// State is the last state that was entered.
	State State
	// Forward is the last state on the way forward: where a person's recovery of a stopped release goes on.
	Forward State
	// Released tells that the release record was written.
	Released bool
	// Diverted tells that it began to keep the old instances off the data.
	Diverted bool
	// HooksBegan tells that a hook or a task was begun.
	HooksBegan bool
	// ChangedData tells that one was begun before the release record.
	ChangedData bool
	// HooksEnded are the hooks and tasks that came to an end, well or not.
	HooksEnded map[string]bool
	// Outcome ends the run; nil while it is under way, or where its coordinator died.
	Outcome *Event
	// Failure is the last reason that was recorded.
	Failure string
	// Left is why the clean-up after the release has to be tried again; empty where nothing is left.
	Left string
	// Events are all records.
	Events []Event
}

// Tell folds the events of a journal into a history.
func Tell(events []Event) History {
	h := History{Events: events, HooksEnded: map[string]bool{}}
	for i, e := range events {
		switch e.Type {
		case EventRun:
			h.Run = e.Plan
		case EventState:
			h.State, h.Outcome = State(e.State), nil // whoever entered a state has taken the run up again
			h.Released = h.Released || h.State == Release
			h.Diverted = h.Diverted || h.State == Quiescing && h.Run != nil && h.Run.Quiesced()
			if h.State != Revert {
				h.Forward = h.State
			}
			h.Left = ""
		case EventHook:
			h.HooksBegan = true
			h.ChangedData = h.ChangedData || !h.Released
			if e.State != HookStarted {
				h.HooksEnded[e.Hook] = true
			}
		case EventFailure:
			if State(e.State) == Finish {
				h.Left = e.Message // the release itself did not fail
			} else {
				h.Failure = e.Message
			}
		case EventOutcome:
			h.Outcome = &events[i]
		}
	}
	return h
}

// Unstable tells that a run stopped for a person at its release point, before every app had moved to the new version: a
// restart of the server would start some apps in it and some in the old one.
func (h History) Unstable() bool {
	return h.Outcome != nil && h.Outcome.State == OutcomeNeedsPerson && h.Released && h.Forward == Release
}

// Quiesced tells whether the old instances are kept off the data now, or may be. Once the release point is passed whoever
// starts an instance gets the new version, but not before every app has moved.
func (h History) Quiesced() bool {
	return h.Diverted && h.Outcome == nil && (h.State == Aborting || !h.State.Released() || h.State == Release)
}

// Resume is the state from which a run that nobody drives has to be completed: back before the release record,
// forward after it, and at its clean-up where that is all that is left. ok is false where there is nothing to complete.
// A run that stopped for a person after its release point is taken up only when somebody asks for it: a person, or
// whoever finds it half-way (Unstable).
func (h History) Resume(asked bool) (state State, ok bool) {
	switch {
	case h.Left != "" && h.Outcome != nil && h.Outcome.State == OutcomeLive:
		return Finish, true
	case h.Run == nil, h.Outcome != nil && h.Outcome.State != OutcomeNeedsPerson:
		return "", false
	case h.Outcome != nil && h.Released && !asked:
		return "", false
	case h.Outcome != nil && h.Released:
		return h.Forward, true
	case h.Released:
		return h.State, true
	default:
		return Aborting, true
	}
}

// The outcomes of a run, in the state of its last event.
const (
	OutcomeLive        = "live"
	OutcomeAborted     = "aborted"
	OutcomeRolledBack  = "rolled-back"
	OutcomeNeedsPerson = "needs-person"
	OutcomeUnchanged   = "unchanged"
	OutcomeRefused     = "refused"
)
