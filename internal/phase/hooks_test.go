package phase_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// post gives a story these post hooks and no others.
func post(s *story, hooks ...graduate.Hook) {
	s.run.Hooks = hooks
	for i := range s.run.Hooks {
		s.run.Hooks[i].Kind = graduate.HookPost
	}
}

func TestAHookWhoseConditionIsNotMetIsLeftOut(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.run.Apps[1].Skip = "unchanged"
		post(s, graduate.Hook{Name: "elsewhere", When: graduate.When{Env: "dev"}},
			graduate.Hook{Name: "unchanged", When: graduate.When{Changed: "api"}},
			graduate.Hook{Name: "half", When: graduate.When{Env: "prod", Changed: "api"}},
			graduate.Hook{Name: "unknown", When: graduate.When{Changed: "gone"}},
			graduate.Hook{Name: "here", When: graduate.When{Env: "prod", Changed: "site"}})
	}, func(_ *testing.T, s *story) {
		s.live()
		s.order("event post/elsewhere skipped only in dev", "event post/unchanged skipped only where api changes",
			"event post/half skipped only where api changes", "event post/unknown skipped only where gone changes", "hook post/here")
		s.never("hook post/elsewhere", "hook post/unchanged", "hook post/half", "hook post/unknown")
	})
}

// What is left out has changed nothing: no abort hook has anything to undo.
func TestAHookThatIsLeftOutHasNotBegun(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		post(s, graduate.Hook{Name: "elsewhere", When: graduate.When{Env: "dev"}})
		s.run.Hooks = append(s.run.Hooks, graduate.Hook{Kind: graduate.HookAbort, Name: "undo"})
		s.Fail("deploy ws worker", errBroken)
	}, func(_ *testing.T, s *story) {
		s.restored("it is broken")
		s.never("hook abort")
	})
	h := graduate.Tell([]graduate.Event{{Type: graduate.EventHook, Hook: "post/elsewhere", State: graduate.HookSkipped}})
	require.False(t, h.HooksBegan)
	require.False(t, h.ChangedData)
	require.Empty(t, h.HooksEnded)
}

func TestAHookIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name        string
		fails, want int
		took        time.Duration
	}{
		{"until it succeeds", 2, 3, 3 * time.Second},
		{"as often as it may", 9, 4, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			tries := 0
			var began, ended time.Time
			tell(t, func(_ *testing.T, s *story) {
				post(s, graduate.Hook{Name: "smoke", Retries: 3})
				s.Say["hook post/smoke"] = func(context.Context) error {
					if tries++; tries == 1 {
						began = time.Now()
					}
					if ended = time.Now(); tries <= c.fails {
						return errBroken
					}
					return nil
				}
			}, func(t *testing.T, s *story) {
				require.Equal(t, c.want, tries)
				require.Equal(t, c.took, ended.Sub(began), "the pauses double")
				s.order("event post/smoke started", "event post/smoke retried it is broken; try 2 of 4 follows in 1s", "event post/smoke retried it is broken; try 3 of 4 follows in 2s")
				if c.fails < c.want {
					s.live()
					return
				}
				s.restored("hook post/smoke: it is broken (the last of 4 tries)")
			})
		})
	}
}

func TestAHookThatIsCutOffIsNotTriedAgain(t *testing.T) {
	stopped := errors.New("it was stopped by the signal interrupt")
	for _, moment := range []time.Duration{0, 500 * time.Millisecond} { // while it runs, and in the pause after it
		tell(t, func(_ *testing.T, s *story) {
			post(s, graduate.Hook{Name: "smoke", Retries: 3, OnFailure: graduate.OnFailureWarn})
			s.Say["hook post/smoke"] = func(context.Context) error {
				if moment == 0 {
					s.fail(stopped)
				}
				time.AfterFunc(moment, func() { s.fail(stopped) })
				return errBroken
			}
		}, func(t *testing.T, s *story) {
			require.Equal(t, graduate.Restored, s.state)
			require.ErrorIs(t, s.err, stopped)
			s.order("hook post/smoke", "state aborting")
			s.never("state rest")
		})
	}
}

func TestAFailureThatOnlyWarns(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		post(s, graduate.Hook{Name: "smoke", OnFailure: graduate.OnFailureWarn}, graduate.Hook{Name: "next", OnFailure: graduate.OnFailureAbort})
		s.run.Hooks = append(s.run.Hooks, graduate.Hook{Kind: graduate.HookLive, Name: "tell", OnFailure: graduate.OnFailureWarn})
		s.Fail("hook post/smoke", errBroken)
		s.Fail("hook live/tell", errBroken)
	}, func(t *testing.T, s *story) {
		s.live()
		s.order("event post/smoke failed it is broken", "hook post/next", "state release", "event live/tell failed it is broken", "state finish")
		require.Contains(t, s.Trace(), "event post/smoke  hook post/smoke failed, and the graduation goes on without it (it is broken); its log is "+s.run.Log("post/smoke"))
	})
}

// meeting lets some hooks wait until all of them run.
func meeting(s *story, names ...string) {
	all := make(chan struct{})
	left := atomic.Int32{}
	left.Store(int32(len(names)))
	for _, name := range names {
		s.during("hook "+name, func() {
			if left.Add(-1) == 0 {
				close(all)
			}
			<-all
		})
	}
}

func TestParallelNeighboursRunSideBySide(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		post(s, graduate.Hook{Name: "a", Parallel: true}, graduate.Hook{Name: "b", Parallel: true}, graduate.Hook{Name: "then"},
			graduate.Hook{Name: "c", Parallel: true}, graduate.Hook{Name: "d", Parallel: true})
		meeting(s, "post/a", "post/b")
		meeting(s, "post/c", "post/d")
	}, func(_ *testing.T, s *story) {
		s.live()
		for _, first := range []string{"a", "b"} {
			for _, last := range []string{"c", "d"} {
				s.order("event post/"+first+" succeeded", "hook post/then", "hook post/"+last, "event post/"+last+" succeeded", "state rest")
			}
		}
	})
}

func TestAllParallelHooksAreAwaitedAndTheFirstFailureIsTold(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		post(s, graduate.Hook{Name: "late", Parallel: true}, graduate.Hook{Name: "soon", Parallel: true}, graduate.Hook{Name: "well", Parallel: true}, graduate.Hook{Name: "then"})
		after := func(d time.Duration, err error) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return err }
		}
		s.Say["hook post/late"] = after(2*time.Second, errors.New("too late"))
		s.Say["hook post/soon"] = after(time.Second, errBroken)
		s.Say["hook post/well"] = after(3*time.Second, nil)
	}, func(t *testing.T, s *story) {
		require.Equal(t, "post/soon", s.restored("hook post/soon: it is broken").Hook)
		s.order("event post/soon failed it is broken", "event post/late failed too late", "event post/well succeeded", "state aborting")
		s.never("hook post/then")
	})
}

func TestParallelAbortHooksAllRun(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.run.Hooks[4].Parallel, s.run.Hooks[5].Parallel = true, true
		s.Fail("hook post/smoke", errBroken)
		meeting(s, "abort/undo", "abort/mourn")
	}, func(_ *testing.T, s *story) {
		s.restored("it is broken")
		s.order("event abort/undo succeeded", "restore")
		s.order("event abort/mourn succeeded", "restore")
	})
}

// An HTTP check changes nothing: no abort hook has anything to undo, and a release after it can be taken back.
func TestWhatOnlyLooksHasChangedNothing(t *testing.T) {
	smoke := graduate.Hook{Name: "smoke", HTTP: &graduate.HTTPCheck{Path: "/"}}
	undo := graduate.Hook{Kind: graduate.HookAbort, Name: "undo"}
	tell(t, func(_ *testing.T, s *story) {
		post(s, smoke)
		s.run.Hooks = append(s.run.Hooks, undo)
		s.Fail("deploy ws worker", errBroken)
	}, func(_ *testing.T, s *story) {
		s.restored("it is broken")
		s.order("hook post/smoke", "restore")
		s.never("hook abort")
	})
	taken := 0
	tell(t, func(_ *testing.T, s *story) {
		post(s, smoke)
		s.run.Apps[0].Was = &graduate.Version{Image: "sha256:old"}
		s.env.Rollback = func(context.Context, *graduate.Run) error { taken++; return nil }
		s.Fail("promote ws", errBroken)
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Reverted, s.state)
		require.Equal(t, 1, taken)
	})
	smoke.Kind = graduate.HookPost
	h := graduate.Tell([]graduate.Event{
		{Type: graduate.EventRun, Plan: &graduate.Run{Hooks: []graduate.Hook{smoke}}},
		{Type: graduate.EventHook, Hook: "post/smoke", State: graduate.HookStarted},
		{Type: graduate.EventHook, Hook: "post/smoke", State: graduate.HookSucceeded},
	})
	require.False(t, h.HooksBegan)
	require.False(t, h.ChangedData)
	require.True(t, h.HooksEnded["post/smoke"])
}
