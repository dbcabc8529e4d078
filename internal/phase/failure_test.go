package phase_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

var errBroken = errors.New("it is broken")

// broken lets one call fail.
func broken(line string) func(*testing.T, *story) {
	return func(_ *testing.T, s *story) { s.Fail(line, errBroken) }
}

func TestAFaultBeforeTheReleasePointRestores(t *testing.T) {
	for _, c := range []struct {
		line string
		// began says that a hook had begun: the abort hooks run.
		began bool
		// never must not have been reached.
		never []string
	}{
		{"barrier open", false, []string{"close", "stage"}},
		{"close", false, []string{"stage", "hook pre", "deploy"}},
		{"stage ws", false, []string{"hook pre", "deploy"}},
		{"hook pre/backup", true, []string{"deploy", "hook post"}},
		{"hook post/migrate", true, []string{"hook post/smoke", "deploy portal worker", "proxy prepare"}},
		{"hook post/smoke", true, []string{"deploy portal worker", "proxy prepare"}},
		{"deploy ws worker", true, []string{"proxy prepare"}},
		{"proxy prepare", true, nil},
		{"state post", true, []string{"hook post"}},
		{"state release", true, nil},
	} {
		t.Run(c.line, func(t *testing.T) {
			tell(t, broken(c.line), func(t *testing.T, s *story) {
				require.Equal(t, graduate.Restored, s.state)
				require.ErrorIs(t, s.err, errBroken)
				s.never("proxy switch", "promote", "barrier release", "deployed", "hook live", "finish", "open")
				s.never(c.never...)
				s.order("state aborting", "proxy undo", "stop", "hooks stop", "restore")
				if c.began {
					s.order("stop", "hook abort/undo", "hook abort/mourn", "restore")
				} else {
					s.never("hook abort")
				}
			})
		})
	}
}

func TestADeployThatEndsEarlyFailsTheRun(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"with an error", errors.New("dokku's deploy: exit status 1: check failed"), "ws: the deploy of web failed before the release point (dokku's deploy: exit status 1: check failed)"},
		{"as if all were well", testkit.ErrEnded, "ws: the deploy of web failed before the release point (it was not held)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tell(t, func(_ *testing.T, s *story) {
				s.Fail("deploy ws web", c.err)
			}, func(t *testing.T, s *story) {
				step := s.restored(c.want)
				require.Equal(t, "ws", step.App)
				require.Equal(t, "api", step.Role)
				require.Equal(t, s.run.Log("ws"), step.Log)
				require.Contains(t, logOf(t, step.Log), "deploying web\n")
				s.never("hook post", "deploy portal worker")
			})
		})
	}
}

func TestAStepThatFailsNamesItsLog(t *testing.T) {
	tell(t, broken("stage ws"), func(t *testing.T, s *story) {
		step := s.restored("ws: it is broken")
		require.ErrorIs(t, step, errBroken)
		require.Equal(t, graduate.StepError{Role: "api", App: "ws", Log: s.run.Log("ws"), Err: step.Err}, *step)
		require.Equal(t, "staging ws\n", logOf(t, step.Log))
	})
	tell(t, broken("hook post/smoke"), func(t *testing.T, s *story) {
		step := s.restored("hook post/smoke: it is broken")
		require.Equal(t, graduate.StepError{Hook: "post/smoke", Log: s.run.Log("post/smoke"), Err: errBroken}, *step)
		s.order("event post/migrate succeeded", "event post/smoke started", "event post/smoke failed it is broken", "state aborting", "event abort/undo started")
	})
}

func TestACandidateThatIsLostFailsTheRun(t *testing.T) {
	web2 := testkit.Candidate("ws", "web", 2)
	lose := func(s *story) func() { return func() { s.Barrier.Lose(web2) } }
	die := func(s *story) func() { return func() { s.Platform.Die(web2.Container) } }
	for _, c := range []struct {
		name, line, want string
		how              func(*story) func()
	}{
		{"its deploy goes away while a hook runs", "hook post/migrate", "ws: web.2 went away while it was held", lose},
		{"its container ends while a hook runs", "hook post/migrate", "ws: the container of web.2 ended while it was held", die},
		{"its container ends while the last ones start", "deploy portal worker", "ws: the container of web.2 ended while it was held", die},
	} {
		t.Run(c.name, func(t *testing.T) {
			tell(t, func(_ *testing.T, s *story) {
				s.Hang("hook post/smoke") // the next work is cut off, and what was lost is the reason
				s.during(c.line, c.how(s))
				if c.line != "hook post/migrate" {
					delete(s.Say, "hook post/smoke")
					s.Hang("proxy prepare")
				}
			}, func(t *testing.T, s *story) {
				require.Equal(t, "ws", s.restored(c.want).App)
			})
		})
	}
}

func TestAContainerThatIsNotHeldMayEnd(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.during("hook post/migrate", func() { s.Platform.Die("one-off"); s.Platform.Die("ws.worker.1") })
		s.during("hook live/tell", func() { s.Platform.Die("ws.web.1") })
	}, func(_ *testing.T, s *story) { s.live() })
}

func TestTheStartHasADeadline(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		s.run.Settings.StartTimeout = 7 * time.Minute
		s.during("deploy ws web", func() { time.Sleep(time.Hour) }) // its check does not end
		began := time.Now()
		s.drive(graduate.Prepare)
		require.Equal(t, graduate.Restored, s.state)
		require.EqualError(t, s.err, "not all candidates passed their checks within 7m0s (graduate:set shop start-timeout)")
		require.GreaterOrEqual(t, time.Since(began), 7*time.Minute)
		s.never("hook post", "deploy portal worker")
		s.order("held portal web.2", "state aborting", "stop", "restore")
		time.Sleep(time.Hour)
	})
}

func TestAStoppedRunTurnsBack(t *testing.T) {
	stopped := errors.New("it was stopped by the signal interrupt")
	for _, line := range []string{"hook pre/backup", "stage portal", "hook post/smoke", "proxy prepare"} {
		t.Run(line, func(t *testing.T) {
			tell(t, func(_ *testing.T, s *story) {
				s.Hang(line)
				time.AfterFunc(time.Minute, func() { s.fail(stopped) })
			}, func(t *testing.T, s *story) {
				require.Equal(t, graduate.Restored, s.state)
				require.ErrorIs(t, s.err, stopped)
				s.order("state aborting", "restore")
			})
		})
	}
}

func TestAbortHooks(t *testing.T) {
	t.Run("after a release task", func(t *testing.T) {
		tell(t, func(t *testing.T, s *story) {
			tasks(t, s)
			s.run.Hooks = s.run.Hooks[3:] // live and abort hooks only
			s.Fail("task ws predeploy", errBroken)
		}, func(_ *testing.T, s *story) {
			require.Equal(t, "api/predeploy", s.restored("hook api/predeploy: it is broken").Hook)
			s.never("task ws release", "hook post")
			s.order("task portal release", "task ws predeploy", "stop", "hooks stop", "hook abort/undo", "hook abort/mourn", "restore")
		})
	})
	t.Run("not where nothing had begun", func(t *testing.T) {
		tell(t, func(_ *testing.T, s *story) {
			s.run.Hooks = s.run.Hooks[3:]
			s.Fail("deploy ws web", errBroken)
		}, func(_ *testing.T, s *story) {
			s.restored("it is broken")
			s.never("hook abort")
		})
	})
	t.Run("one that fails does not keep the others from running", func(t *testing.T) {
		tell(t, func(_ *testing.T, s *story) {
			s.Fail("hook post/migrate", errors.New("exit code 7"))
			s.Fail("hook abort/undo", errBroken)
		}, func(t *testing.T, s *story) {
			require.Equal(t, graduate.Restored, s.state)
			require.ErrorContains(t, s.err, "exit code 7")
			s.order("hook abort/undo", "event abort/undo failed it is broken", "hook abort/mourn", "restore")
		})
	})
	t.Run("for a coordinator that took the run up", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newStory(t, dir)
			s.env.Resume(graduate.History{HooksBegan: true, HooksEnded: map[string]bool{"abort/undo": true}})
			s.drive(graduate.Aborting)
			require.Equal(t, graduate.Restored, s.state)
			s.order("proxy undo", "stop", "hooks stop", "hook abort/mourn", "restore")
			s.never("hook abort/undo")
		})
	})
}

func TestAFaultAfterTheReleasePointUndoesNothing(t *testing.T) {
	for _, c := range []struct {
		line string
		// reached must have happened in spite of it.
		reached []string
	}{
		{"proxy switch", nil},
		{"promote ws", []string{"promote portal"}},
		{"retire ws", []string{"event portal finished", "proxy settle", "barrier close"}},
		{"proxy settle", []string{"retire ws", "barrier close"}},
		{"hook live/tell", []string{"retire ws"}},
	} {
		t.Run(c.line, func(t *testing.T) {
			tell(t, broken(c.line), func(t *testing.T, s *story) {
				require.Equal(t, graduate.Stuck, s.state)
				require.ErrorIs(t, s.err, errBroken)
				s.never("state aborting", "restore", "stop", "hooks stop", "proxy undo", "hook abort")
				require.Subset(t, s.Trace(), c.reached)
			})
		})
	}
}

func TestADeployThatBreaksAfterTheReleasePoint(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.Fail("deployed ws web", errBroken)
		s.Fail("complete ws web", errors.New("it cannot be completed"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Stuck, s.state)
		require.ErrorContains(t, s.err, "ws")
		require.ErrorContains(t, s.err, "it cannot be completed")
		s.order("deployed ws web", "complete ws web", "barrier close")
		s.order("retire portal", "event portal finished", "barrier close") // the other app is not held up by it
		s.never("retire ws", "event ws finished", "hook live", "restore")
		var step *graduate.StepError
		require.ErrorAs(t, s.err, &step)
		require.Equal(t, s.run.Log("ws"), step.Log)
	})
}

func TestACompletedDeployIsNoFailure(t *testing.T) {
	tell(t, broken("deployed ws web"), func(_ *testing.T, s *story) {
		s.order("deployed ws web", "complete ws web", "retire ws")
		s.live()
	})
}

func TestACandidateThatDiedUnseenIsFoundBeforeTheRelease(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.Platform.Ended = map[string]bool{testkit.Candidate("ws", "web", 2).Container: true}
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.ErrorContains(t, s.err, "ws: web.2 passed its check, but does not run any more")
		s.never("state release", "proxy switch")
		s.order("proxy prepare", "proxy undo", "restore")
	})
}

func TestACleanUpThatFailsIsNoFailedRelease(t *testing.T) {
	for _, line := range []string{"finish ws", "open"} {
		t.Run(line, func(t *testing.T) {
			tell(t, broken(line), func(t *testing.T, s *story) {
				require.Equal(t, graduate.Done, s.state)
				require.ErrorIs(t, s.err, errBroken, "what was left is told")
				s.never("state aborting", "restore", "stop", "hooks stop", "proxy undo", "hook abort")
				s.order("hook live/tell", "finish portal")
			})
		})
	}
}

// A deadline after the release point ends the wait, and nothing else: whatever was held is let go.
func TestALateDeployIsLeftToEndByItself(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		s.run.Settings.PhaseTimeout = 3 * time.Minute
		s.during("deployed ws web", func() { time.Sleep(time.Hour) })
		began := time.Now()
		s.drive(graduate.Prepare)
		require.Equal(t, 3*time.Minute, time.Since(began))
		require.Equal(t, graduate.Stuck, s.state)
		var late *graduate.LateError
		require.ErrorAs(t, s.err, &late)
		require.ErrorContains(t, s.err, "ws: the new version is live, and its deploy of web still goes on: "+
			"the phase settle did not end within 3m0s (graduate:set shop phase-timeout)")
		s.order("barrier release ws web", "deployed ws web", "barrier close")
		require.Contains(t, s.Trace(), "deployed ws worker")
		s.never("barrier release ws worker", "turned back", "complete", "retire ws", "stop", "restore", "proxy settle", "hook live")
		time.Sleep(time.Hour)
	})
}
