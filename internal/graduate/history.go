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
	// Prepared tells that the targets were closed for it: there was something to end.
	Prepared bool
	// Diverted tells that it began to keep the old instances off the data.
	Diverted bool
	// HooksBegan tells that a hook or a task was begun, those left out that only come at the end.
	HooksBegan bool
	// ChangedData tells that one was begun before the release record.
	ChangedData bool
	// HooksEnded are the hooks and tasks that came to an end, well or not; HooksPassed those of them behind which the run
	// went on: they succeeded, or only warn.
	HooksEnded, HooksPassed map[string]bool
	// HooksStarted are those that were begun, but what a person has said to be left as it is.
	HooksStarted map[string]bool
	// open are those of whose end nothing is known.
	open map[string]bool
	// FinallyTold are the finally hooks that came to an end, with the outcome that each was told last.
	FinallyTold map[string]string
	// Deferred are the finally hooks that were left for a later command, and have not come to an end since.
	Deferred map[string]bool
	// telling are the outcomes that the finally hooks were begun with.
	telling map[string]string
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
	h := History{
		Events: events, HooksEnded: map[string]bool{}, HooksPassed: map[string]bool{}, HooksStarted: map[string]bool{}, open: map[string]bool{},
		FinallyTold: map[string]string{}, Deferred: map[string]bool{}, telling: map[string]string{},
	}
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
			h.Prepared = h.Prepared || h.State != Prepare && h.State != Aborting
			h.Left = ""
		case EventHook:
			h.hook(e)
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

// hook folds in what happened to a hook or a task. A task's name begins with its role's, which may be that of a kind: so
// the kind is that of the hook of this name, where the run has one.
func (h *History) hook(e Event) {
	var is Hook
	if h.Run != nil {
		is, _ = h.Run.hook(e.Hook)
	}
	switch {
	case e.State == HookSkipped:
		return
	case is.Kind == HookFinally: // there is nothing to undo after it
		h.finally(e)
		return
	}
	if !is.OnlyLooks() {
		h.HooksBegan = true
		h.ChangedData = h.ChangedData || !h.Released
	}
	h.open[e.Hook] = e.State == HookStarted
	switch e.State {
	case HookStarted:
		h.HooksStarted[e.Hook] = true
	case HookSucceeded, HookFailed:
		h.HooksEnded[e.Hook] = true
		h.HooksPassed[e.Hook] = e.State == HookSucceeded || is.OnFailure == OnFailureWarn
	case HookKept:
		h.HooksEnded[e.Hook] = true
		delete(h.HooksStarted, e.Hook)
	}
}

// finally folds in what happened to a finally hook.
func (h *History) finally(e Event) {
	switch e.State {
	case HookDeferred:
		h.Deferred[e.Hook] = true
	case HookStarted:
		h.telling[e.Hook] = e.Message
	case HookSucceeded, HookFailed:
		h.FinallyTold[e.Hook] = h.telling[e.Hook]
		delete(h.Deferred, e.Hook)
	}
}

// Unsettled are the migrations, and reversals of such, that were begun and of whose end nothing is known.
func (h History) Unsettled() []Hook {
	var hooks []Hook
	if h.Run != nil {
		for _, is := range h.Run.Hooks {
			if is.Migrates() && h.open[is.FullName()] {
				hooks = append(hooks, is)
			}
		}
	}
	return hooks
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
