package graduate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// stories are what the events of a journal are made of.
func stories() (run Event, state func(State) Event, outcome func(string) Event) {
	return Event{Type: EventRun, Plan: &Run{ID: "01j"}},
		func(s State) Event { return Event{Type: EventState, State: string(s)} },
		func(name string) Event { return Event{Type: EventOutcome, State: name} }
}

func TestHowARunIsCompleted(t *testing.T) {
	run, state, outcome := stories()
	for _, c := range []struct {
		name   string
		events []Event
		state  State
		ok     bool
	}{
		{"no journal", nil, "", false},
		{"cut before its first record", []Event{state(Prepare)}, "", false},
		{"only decided", []Event{run}, Aborting, true},
		{"before the release point", []Event{run, state(Prepare), state(Switch)}, Aborting, true},
		{"in an abort", []Event{run, state(Hold), state(Aborting)}, Aborting, true},
		{"at the release point", []Event{run, state(Switch), state(Release)}, Release, true},
		{"after it", []Event{run, state(Release), state(Settle), state(Live)}, Live, true},
		{"live", []Event{run, state(Release), state(Finish), outcome(OutcomeLive)}, "", false},
		{"aborted", []Event{run, state(Hold), state(Aborting), outcome(OutcomeAborted)}, "", false},
		{"an abort that failed is tried again", []Event{run, state(Hold), state(Aborting), outcome(OutcomeNeedsPerson)}, Aborting, true},
		{"stuck after the release point: a person decides", []Event{run, state(Release), state(Settle), outcome(OutcomeNeedsPerson)}, "", false},
		{"an outcome of which the last try was cut off", []Event{run, state(Aborting), outcome(OutcomeNeedsPerson), state(Aborting)}, Aborting, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, ok := Tell(c.events).Resume(false)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.state, state)
		})
	}
	asked, ok := Tell([]Event{run, state(Release), state(Settle), outcome(OutcomeNeedsPerson)}).Resume(true)
	require.True(t, ok, "a person asked for it")
	require.Equal(t, Settle, asked)
}

func TestWhichStoppedRunsAreHalfWay(t *testing.T) {
	run, state, outcome := stories()
	for _, c := range []struct {
		name   string
		events []Event
		want   bool
	}{
		{"at the release point", []Event{run, state(Release), outcome(OutcomeNeedsPerson)}, true},
		{"after a way back that was not taken", []Event{run, state(Release), state(Revert), outcome(OutcomeNeedsPerson)}, true},
		{"a recovery failed there, too", []Event{run, state(Release), outcome(OutcomeNeedsPerson), state(Release), outcome(OutcomeNeedsPerson)}, true},
		{"nobody has stopped it yet", []Event{run, state(Release)}, false},
		{"all apps have moved", []Event{run, state(Release), state(Settle), state(Revert), outcome(OutcomeNeedsPerson)}, false},
		{"it was taken back", []Event{run, state(Release), state(Revert), outcome(OutcomeRolledBack)}, false},
		{"an abort that failed", []Event{run, state(Switch), state(Aborting), outcome(OutcomeNeedsPerson)}, false},
		{"live", []Event{run, state(Release), state(Settle), state(Finish), outcome(OutcomeLive)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Tell(c.events)
			require.Equal(t, c.want, h.Unstable())
			if c.want {
				at, ok := h.Resume(true)
				require.True(t, ok)
				require.Equal(t, Release, at, "forward")
			}
		})
	}
}

func TestWhatAJournalTells(t *testing.T) {
	run := &Run{ID: "01j"}
	events := []Event{
		{Type: EventRun, Plan: run}, {Type: EventState, State: string(Post)},
		{Type: EventHook, State: HookStarted, Hook: "post/migrate"}, {Type: EventApp, State: AppReleased},
		{Type: EventFailure, State: string(Post), Message: "first"}, {Type: EventFailure, Message: "last"},
		{Type: EventState, State: string(Aborting)}, {Type: EventOutcome, State: OutcomeAborted, Code: 2},
	}
	h := Tell(events)
	require.Same(t, run, h.Run)
	require.Equal(t, Aborting, h.State)
	require.True(t, h.HooksBegan)
	require.False(t, h.Released, "an app's state is not the run's")
	require.Equal(t, "last", h.Failure)
	require.Equal(t, 2, h.Outcome.Code)
	require.Equal(t, events, h.Events)
	require.False(t, Tell(events[:2]).HooksBegan)
}

// A role may be called as a kind is: what its tasks did is no hook's.
func TestATaskOfARoleThatIsCalledAsAKindIsNoHookOfIt(t *testing.T) {
	task := Event{Type: EventHook, Hook: "finally/release", State: HookStarted}
	h := Tell([]Event{{Type: EventRun, Plan: &Run{Hooks: []Hook{{Kind: HookFinally, Name: "tell"}}}}, task})
	require.True(t, h.HooksBegan)
	require.True(t, h.ChangedData)
	h = Tell([]Event{{Type: EventRun, Plan: &Run{Hooks: []Hook{{Kind: HookFinally, Name: "release"}}}}, task})
	require.False(t, h.HooksBegan)
}

func TestWhenOldInstancesAreKeptOffTheData(t *testing.T) {
	run, state, outcome := stories()
	run.Plan.Settings.Quiesce = &Quiesce{}
	plain := Event{Type: EventRun, Plan: &Run{ID: "01j"}}
	for _, c := range []struct {
		name   string
		events []Event
		want   bool
	}{
		{"not yet", []Event{run, state(Hold)}, false},
		{"from where requests wait", []Event{run, state(Hold), state(Quiescing)}, true},
		{"while the hooks run", []Event{run, state(Quiescing), state(Post)}, true},
		{"until every app has moved", []Event{run, state(Quiescing), state(Release)}, true},
		{"not after that", []Event{run, state(Quiescing), state(Release), state(Settle)}, false},
		{"nor where it is taken back", []Event{run, state(Quiescing), state(Release), state(Revert)}, false},
		{"in an abort, until its end", []Event{run, state(Quiescing), state(Post), state(Aborting)}, true},
		{"aborted", []Event{run, state(Quiescing), state(Aborting), outcome(OutcomeAborted)}, false},
		{"an abort before it", []Event{run, state(Hold), state(Aborting)}, false},
		{"a group without", []Event{plain, state(Quiescing), state(Post)}, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Tell(c.events).Quiesced()) })
	}
}
