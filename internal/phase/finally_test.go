package phase_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// finally gives a story two finally hooks.
func finally(s *story) {
	s.run.Hooks = append(s.run.Hooks, graduate.Hook{Kind: graduate.HookFinally, Name: "resume"}, graduate.Hook{Kind: graduate.HookFinally, Name: "tell"})
}

func TestFinallyHooksRunAtTheEndHoweverItIs(t *testing.T) {
	for _, c := range []struct{ name, broken, outcome, last string }{
		{"live", "", "live", "open"},
		{"restored", "hook post/smoke", "aborted", "restore"},
		{"half-way", "promote ws", "needs-person", "proxy switch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tell(t, func(t *testing.T, s *story) {
				finally(s)
				if c.broken != "" {
					s.Fail(c.broken, errBroken)
				}
			}, func(t *testing.T, s *story) {
				s.never("hook finally")
				s.env.Finally(s.ctx, s.run, c.outcome)
				s.order(c.last, "hook finally/resume", "hook finally/tell")
				require.Equal(t, c.outcome, s.Hooks.Outcome["finally/resume"])
				require.Empty(t, s.Hooks.Outcome["pre/backup"])
			})
		})
	}
}

func TestAFinallyHookThatFailsKeepsTheOthersFromNothing(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		finally(s)
		s.Fail("hook finally/resume", errBroken)
	}, func(_ *testing.T, s *story) {
		s.env.Finally(s.ctx, s.run, "live")
		s.order("event finally/resume failed it is broken", "hook finally/tell", "event finally/tell succeeded")
	})
}

func TestWhatWasRefusedHasNoFinally(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		finally(s)
		s.Fail("close", errors.New("portal is locked"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		s.env.Finally(s.ctx, s.run, "aborted")
		s.never("hook finally")
	})
}

// A coordinator that dies among the finally hooks: the next one goes on with them, and runs no abort hook for their sake.
func TestFinallyHooksOfADeadCoordinator(t *testing.T) {
	run := &graduate.Run{Hooks: []graduate.Hook{{Kind: graduate.HookFinally, Name: "resume"}, {Kind: graduate.HookFinally, Name: "tell"}}}
	history := graduate.Tell([]graduate.Event{
		{Type: graduate.EventRun, Plan: run},
		{Type: graduate.EventState, State: string(graduate.Prepare)},
		{Type: graduate.EventState, State: string(graduate.Stage)},
		{Type: graduate.EventState, State: string(graduate.Aborting)},
		{Type: graduate.EventHook, Hook: "finally/resume", State: graduate.HookStarted, Message: "aborted"},
		{Type: graduate.EventHook, Hook: "finally/resume", State: graduate.HookSucceeded},
		{Type: graduate.EventHook, Hook: "finally/tell", State: graduate.HookStarted, Message: "aborted"},
	})
	require.False(t, history.HooksBegan)
	require.False(t, history.ChangedData)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		finally(s)
		s.env.Resume(history)
		s.drive(graduate.Aborting)
		s.env.Finally(s.ctx, s.run, "aborted")
		s.order("restore", "hook finally/tell")
		s.never("hook abort", "hook finally/resume")
	})
}

// A run that needed a person has told its finally hooks so; when it has ended otherwise they are told that, once.
func TestFinallyHooksAreToldHowARunHasEndedAtLast(t *testing.T) {
	run := &graduate.Run{Hooks: []graduate.Hook{{Kind: graduate.HookFinally, Name: "resume"}, {Kind: graduate.HookFinally, Name: "tell"}}}
	events := []graduate.Event{
		{Type: graduate.EventRun, Plan: run},
		{Type: graduate.EventState, State: string(graduate.Stage)},
		{Type: graduate.EventState, State: string(graduate.Aborting)},
		{Type: graduate.EventHook, Hook: "finally/resume", State: graduate.HookStarted, Message: "needs-person"},
		{Type: graduate.EventHook, Hook: "finally/resume", State: graduate.HookSucceeded},
		{Type: graduate.EventOutcome, State: graduate.OutcomeNeedsPerson},
		{Type: graduate.EventState, State: string(graduate.Aborting)},
		{Type: graduate.EventHook, Hook: "finally/tell", State: graduate.HookStarted, Message: "aborted"},
		{Type: graduate.EventHook, Hook: "finally/tell", State: graduate.HookFailed},
	}
	for _, c := range []struct {
		outcome string
		runs    []string
		never   []string
	}{
		{"aborted", []string{"hook finally/resume"}, []string{"hook finally/tell"}},
		{"needs-person", []string{"hook finally/tell"}, []string{"hook finally/resume"}},
	} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newStory(t, dir)
			finally(s)
			s.env.Resume(graduate.Tell(events))
			s.env.Finally(s.ctx, s.run, c.outcome)
			s.order(c.runs...)
			s.never(c.never...)
		})
	}
}

func TestFinallyHooksMayBeLeftToALaterCommand(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		finally(s)
		s.run.Hooks = append(s.run.Hooks, graduate.Hook{Kind: graduate.HookFinally, Name: "elsewhere", When: graduate.When{Env: "dev"}})
	}, func(t *testing.T, s *story) {
		s.env.DeferFinally(s.run, "live")
		s.never("hook finally", "event finally/elsewhere")
		s.order("event finally/resume deferred dokku graduate:recover shop, or the group's next graduation, runs it", "event finally/tell deferred dokku graduate:recover shop, or the group's next graduation, runs it")
	})
	event := func(state string) graduate.Event {
		return graduate.Event{Type: graduate.EventHook, Hook: "finally/tell", State: state}
	}
	events := []graduate.Event{{Type: graduate.EventRun, Plan: &graduate.Run{Hooks: []graduate.Hook{{Kind: graduate.HookFinally, Name: "tell"}}}}, event(graduate.HookDeferred), event(graduate.HookStarted)}
	require.Contains(t, graduate.Tell(events).Deferred, "finally/tell", "one that was cut off has not ended")
	require.Empty(t, graduate.Tell(append(events, event(graduate.HookFailed))).Deferred)
}
