package phase_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func quiesced(_ *testing.T, s *story) {
	s.run.Settings.Quiesce = &graduate.Quiesce{During: graduate.QuiescePost}
}

func TestOldInstancesAreKeptOffTheDataWhileThePostHooksRun(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Room.Visits = graduate.Visits{Waited: 3, Longest: 4 * time.Second, TurnedAway: 1}
	}, func(t *testing.T, s *story) {
		s.live()
		s.order("state hold", "state quiesce", "room open", "proxy divert",
			"event  waiting Requests wait; those before them were answered within 0s", "pause old", "event  paused No old instance runs",
			"state post", "hook post/migrate", "hook post/smoke", "state release", "resume those that stay", "room pass new",
			"event  passed 3 requests waited, 4s at most, and go on to the new instances; 1 were told to come again",
			"proxy switch", "kill old", "barrier release portal web")
		s.never("resume old")
	})
}

func TestNothingIsQuiescedWhereNobodyAskedForIt(t *testing.T) {
	tell(t, func(*testing.T, *story) {}, func(t *testing.T, s *story) {
		s.live()
		s.order("state hold", "state post")
		s.never("state quiesce", "room", "proxy divert", "pause", "resume", "kill", "event  ")
	})
}

func TestAnAbortUndoesWhatHooksDidBeforeOldInstancesGoOn(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Fail("hook post/migrate", errors.New("exit code 3"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.ErrorContains(t, s.err, "exit code 3")
		s.order("pause old", "hook post/migrate", "state aborting", "stop", "hook abort/undo", "hook abort/mourn", "resume old", "room pass old", "proxy undo", "restore")
		s.never("kill old", "resume those", "room pass new")
	})
}

func TestAnAbortWithoutAbortHooksLetsOldInstancesGoOnFirst(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.run.Hooks = []graduate.Hook{{Kind: graduate.HookPost, Name: "migrate"}}
		s.Fail("hook post/migrate", errors.New("exit code 3"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.Equal(t, 2, s.Count("hooks stop"), "before the old ones, and in its turn")
		s.order("state aborting", "resume old", "room pass old", "proxy undo", "stop", "restore")
	})
}

func TestWhatCannotBePausedTurnsTheRunBack(t *testing.T) {
	for line, reason := range map[string]string{
		"room open": "no room", "proxy divert": "no reload", "pause old": "the old instances cannot be kept off the data: no pause",
	} {
		tell(t, func(t *testing.T, s *story) {
			quiesced(t, s)
			s.Fail(line, errors.New(reason[strings.LastIndex(reason, "no "):]))
		}, func(t *testing.T, s *story) {
			require.Equal(t, graduate.Restored, s.state)
			s.order("resume old", "proxy undo", "restore")
			s.never("hook post", "state post", "kill old")
		})
	}
}

func TestAnAppWithoutADoorIsNotPaused(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Platform.Doorless = errors.New("portal has no way into the room")
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.ErrorContains(t, s.err, "portal has no way into the room")
		s.never("room open", "proxy divert", "pause old", "hook post")
	})
}

func TestARoomThatGoesAwayTurnsTheRunBackAndOldInstancesGoOnAtOnce(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.during("hook post/migrate", func() {
			s.Room.Lose(errors.New("the waiting room has ended"))
			require.Equal(t, 1, s.Count("resume old"), "before anything else is undone")
		})
	}, func(t *testing.T, s *story) {
		synctest.Wait()
		require.Equal(t, graduate.Restored, s.state)
		require.ErrorContains(t, s.err, "the waiting room has ended")
		s.never("state release")
	})
}

func TestARoomThatGoesAwayWhileOldInstancesArePausedLetsThemGoOnAfterThat(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Say["pause old"] = func(ctx context.Context) error {
			go s.Room.Lose(errors.New("the waiting room has ended"))
			<-ctx.Done()
			require.Zero(t, s.Count("resume old"), "what is under way would pause them again")
			return context.Cause(ctx)
		}
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		require.ErrorContains(t, s.err, "the waiting room has ended")
		require.Positive(t, s.Count("resume old"))
	})
}

func TestOldInstancesAreNotPausedOnceTheRoomIsGone(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.during("proxy divert", func() { s.Room.Lose(errors.New("the waiting room has ended")) })
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		s.never("pause old")
	})
}

func TestARoomThatGoesAwayAtTheReleasePointLetsNobodyRunOnTheNewData(t *testing.T) {
	lose := func(s *story) func() { return func() { s.Room.Lose(errors.New("the waiting room has ended")) } }
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.during("state release", lose(s))
	}, func(t *testing.T, s *story) {
		s.live()
		s.never("resume old")
	})
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.during("barrier seal", lose(s))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Restored, s.state)
		trace := s.Trace()
		require.Less(t, slices.Index(trace, "resume old"), slices.Index(trace, "hook abort/undo"), "at once: nginx does not let requests wait any more")
	})
}

func TestOldInstancesThatDoNotGoOnAreToldAgainAndNeverCalledRestored(t *testing.T) {
	for failures, state := range map[int]graduate.State{1: graduate.Restored, 2: graduate.Stuck} {
		tell(t, func(t *testing.T, s *story) {
			quiesced(t, s)
			s.run.Hooks = []graduate.Hook{{Kind: graduate.HookPost, Name: "migrate"}}
			s.Fail("hook post/migrate", errors.New("exit code 3"))
			s.Say["resume old"] = func(context.Context) error {
				if failures--; failures >= 0 {
					return errors.New("docker does not answer")
				}
				return nil
			}
		}, func(t *testing.T, s *story) {
			require.Equal(t, state, s.state, "%v", s.err)
			require.Equal(t, 2, s.Count("resume old"))
			require.Equal(t, 1, s.Count("event   Not all old instances go on yet, which is tried again: docker does not answer"), "%q", s.Trace())
		})
	}
}

func TestWhoIsNotDrainedIsTold(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Proxy.Undrained = 1
	}, func(t *testing.T, s *story) {
		s.live()
		require.Equal(t, 1, s.Count("event  waiting Requests wait; some before them were still open after 10s"))
	})
}

func TestARoomThatDoesNotHearChangesNothing(t *testing.T) {
	for _, fails := range []string{"", "hook post/migrate"} {
		tell(t, func(t *testing.T, s *story) {
			quiesced(t, s)
			s.Fail("room pass old", errors.New("the waiting room does not answer"))
			s.Fail("room pass new", errors.New("the waiting room does not answer"))
			if fails != "" {
				s.Fail(fails, errors.New("exit code 3"))
			}
		}, func(t *testing.T, s *story) {
			require.Equal(t, map[bool]graduate.State{true: graduate.Done, false: graduate.Restored}[fails == ""], s.state)
			require.Equal(t, 1, s.Count("event   Requests that wait may have to be sent again: the waiting room does not answer"), "%q", s.Trace())
		})
	}
}

func TestOldInstancesAreNotEndedWhereTheSwitchFails(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Fail("proxy switch", errors.New("nginx does not accept the file of another app"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Stuck, s.state)
		require.ErrorContains(t, s.err, "nginx does not accept the file of another app")
		s.order("room pass new", "proxy switch")
		s.never("kill old", "promote")
	})
}

func TestOldInstancesThatCannotBeEndedKeepNobodyFromGoingLive(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Fail("kill old", errors.New("no answer of Docker"))
	}, func(t *testing.T, s *story) {
		s.live()
		s.order("proxy switch", "kill old", "event   Old instances that are paused could not be ended; Dokku retires them: no answer of Docker", "promote portal")
	})
}

func TestAppsThatDoNotGoOnKeepNoOtherFromBeingPromoted(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		quiesced(t, s)
		s.Fail("resume those that stay", errors.New("no answer of Docker"))
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Stuck, s.state)
		require.ErrorContains(t, s.err, "no answer of Docker")
		s.order("resume those that stay", "room pass new", "proxy switch", "kill old", "promote portal")
	})
}
