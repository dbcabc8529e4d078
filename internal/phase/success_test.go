package phase_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

func nothing(*testing.T, *story) {}

func TestASetGoesLiveTogether(t *testing.T) {
	tell(t, nothing, func(t *testing.T, s *story) {
		s.live()
		s.order("state prepare", "close", "state stage", "stage ws", "state pre", "hook pre/backup", "state start",
			"state hold", "state post", "hook post/migrate", "hook post/smoke",
			"state rest", "deploy ws worker", "held ws worker.1", "state switch", "proxy prepare",
			"barrier seal", "state release", "proxy switch", "promote ws", "state settle", "barrier release ws web", "deployed ws web",
			"barrier release ws worker", "deployed ws worker", "retire ws", "proxy settle", "barrier close",
			"state live", "hook live/tell", "state finish", "finish ws", "open")
		for _, app := range []string{"portal", "ws"} {
			s.order("barrier open", "close", "stage "+app, "deploy "+app+" web", "held "+app+" worker.1",
				"proxy switch", "promote "+app, "state settle", "barrier release "+app+" web", "deployed "+app+" web",
				"barrier release "+app+" worker", "deployed "+app+" worker", "retire "+app, "proxy settle", "finish "+app, "open")
			s.order("event "+app+" staged", "event "+app+" starting web=2", "event "+app+" starting worker=1",
				"proxy switch", "event "+app+" released", "event "+app+" finished")
			s.order("held "+app+" web.1", "state post")
			s.order("held "+app+" web.2", "state post")
			require.Equal(t, "staging "+app+"\ndeploying web\ndeploying worker\n", logOf(t, s.run.Log(app)))
		}
		require.Equal(t, 1, s.Count("proxy switch"), "one step switches all")
		s.never("deploy portal cron", "deploy ws cron", "complete")
	})
}

func TestTheProxyIsGivenEveryCandidate(t *testing.T) {
	tell(t, nothing, func(t *testing.T, s *story) {
		var want, web []graduate.Candidate
		for _, app := range []string{"portal", "ws"} {
			web = append(web, testkit.Candidate(app, "web", 1), testkit.Candidate(app, "web", 2))
			want = append(want, testkit.Candidate(app, "web", 1), testkit.Candidate(app, "web", 2), testkit.Candidate(app, "worker", 1))
		}
		require.Equal(t, want, s.Proxy.Held)
		require.Empty(t, s.Hooks.Told["pre/backup"])
		require.Equal(t, web, s.Hooks.Told["post/migrate"], "a smoke test can talk to them")
		require.Equal(t, web, s.Hooks.Told["post/smoke"])
	})
}

func TestProcessesThatAskForItStartBeforeThePostHooks(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) { s.run.Apps[0].Start = graduate.StartBeforePost }, func(t *testing.T, s *story) {
		s.live()
		s.order("held portal worker.1", "state post", "hook post/smoke", "deploy ws worker")
		require.Equal(t, 1, s.Count("deploy portal worker"))
	})
}

func TestAnAppWithoutWebIsHeldAndReleased(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.Platform.Scale["ws"] = []graduate.Process{{Type: "worker", Count: 2}}
	}, func(t *testing.T, s *story) {
		s.live()
		s.order("hook post/smoke", "deploy ws worker", "held ws worker.2", "state switch", "proxy switch", "barrier release ws worker", "deployed ws worker")
	})
}

func TestASkippedAppIsLeftAlone(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) { s.run.Apps[1].Skip = "unchanged" }, func(t *testing.T, s *story) {
		s.live()
		s.order("event ws skipped unchanged", "close")
		s.never("stage ws", "deploy ws", "promote ws", "barrier release ws", "retire ws", "finish ws")
		s.order("deploy portal web", "proxy switch", "finish portal")
	})
}

// tasks gives both apps the tasks that an app can bring along.
func tasks(_ *testing.T, s *story) {
	for _, app := range []string{"portal", "ws"} {
		s.Platform.Tasks[app+" release"] = []graduate.Task{{Name: "predeploy"}, {Name: "release"}}
		s.Platform.Tasks[app+" postdeploy"] = []graduate.Task{{Name: "postdeploy"}}
	}
}

func TestReleaseTasksRunInTheHold(t *testing.T) {
	tell(t, tasks, func(t *testing.T, s *story) {
		s.live()
		s.order("held portal web.2", "state post", "task portal predeploy", "task portal release", "task ws predeploy",
			"task ws release", "hook post/migrate", "deploy ws worker", "proxy switch", "retire ws", "task ws postdeploy", "proxy settle")
		require.False(t, s.Hooks.Situation["ws release"].Released)
		require.Len(t, s.Hooks.Situation["ws release"].Held, 4, "without the workers that start later")
		require.True(t, s.Hooks.Situation["ws postdeploy"].Released)
		require.Len(t, s.Hooks.Situation["ws postdeploy"].Held, 6, "whatever is released first")
		s.order("event site/release started", "task portal release", "event site/release succeeded", "event api/predeploy started")
	})
}

func TestReleaseTasksBeforeOrNotAtAll(t *testing.T) {
	for _, mode := range []string{graduate.ReleaseTasksBefore, graduate.ReleaseTasksSkip} {
		t.Run(mode, func(t *testing.T) {
			tell(t, func(t *testing.T, s *story) {
				tasks(t, s)
				s.run.Settings.ReleaseTasks = mode
			}, func(_ *testing.T, s *story) {
				s.live()
				s.never("task portal predeploy", "task portal release", "task ws predeploy", "task ws release")
				s.order("deployed portal web", "retire portal", "task portal postdeploy") // it waits for the whole app
			})
		})
	}
}

func TestAGraduationThatLostItsCoordinatorIsCompleted(t *testing.T) {
	for _, from := range []graduate.State{graduate.Release, graduate.Settle} {
		t.Run(string(from), func(t *testing.T) {
			tellFrom(t, from, func(_ *testing.T, s *story) {
				s.live()
				s.never("close", "stage", "deploy", "hook pre", "hook post", "complete portal cron")
				s.order("complete portal web", "complete portal worker", "retire portal", "hook live/tell", "finish portal", "open")
			})
		})
	}
}

func TestAnAbortOfADeadCoordinatorsRunRunsItsAbortHooks(t *testing.T) {
	tellFrom(t, graduate.Aborting, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.NoError(t, s.err)
		s.order("proxy undo", "stop", "hooks stop", "restore")
		s.never("hook abort") // no hook had begun
	})
}

// A coordinator that dies among the live hooks, or a release that is completed after one of them failed: what has
// succeeded, or only warns, is not done twice.
func TestLiveHooksThatHaveSucceededAreNotRunAgain(t *testing.T) {
	hooks := []graduate.Hook{
		{Kind: graduate.HookLive, Name: "notify"}, {Kind: graduate.HookLive, Name: "warm", OnFailure: graduate.OnFailureWarn},
		{Kind: graduate.HookLive, Name: "cdn"}, {Kind: graduate.HookLive, Name: "last"},
	}
	event := func(name, state string) graduate.Event {
		return graduate.Event{Type: graduate.EventHook, Hook: "live/" + name, State: state}
	}
	begun := []graduate.Event{
		{Type: graduate.EventRun, Plan: &graduate.Run{Hooks: hooks}},
		{Type: graduate.EventState, State: string(graduate.Release)}, {Type: graduate.EventState, State: string(graduate.Live)},
		event("notify", graduate.HookStarted), event("notify", graduate.HookSucceeded),
		event("warm", graduate.HookStarted), event("warm", graduate.HookFailed), event("cdn", graduate.HookStarted),
	}
	for name, more := range map[string][]graduate.Event{
		"it died in one":  nil,
		"one had failed":  {event("cdn", graduate.HookFailed), {Type: graduate.EventOutcome, State: graduate.OutcomeNeedsPerson}},
		"one had retried": {event("cdn", graduate.HookRetried)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t, dir)
				s.run.Hooks = hooks
				s.env.Resume(graduate.Tell(append(slices.Clone(begun), more...)))
				s.drive(graduate.Live)
				s.order("hook live/cdn", "hook live/last")
				s.never("hook live/notify", "hook live/warm", "event live/notify")
			})
		})
	}
}
