package phase_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

func TestACheckThatIsKilledAfterTheReleaseEndsNothing(t *testing.T) {
	for _, c := range []struct {
		name, during string
		lost         graduate.Candidate
		order        []string
	}{
		{"a web process: it is complete before the app's worker is let go", "promote ws", testkit.Candidate("portal", "web", 2), []string{
			"state release", "spare portal web.2", "barrier release portal web", "complete portal web", "barrier release portal worker", "deployed portal worker", "event portal finished",
		}},
		{"a worker", "promote ws", testkit.Candidate("portal", "worker", 1), []string{
			"spare portal worker.1", "deployed portal web", "complete portal worker", "event portal finished",
		}},
		{"when another deploy is let go already", "deployed portal web", testkit.Candidate("portal", "worker", 1), []string{
			"deployed portal web", "spare portal worker.1", "complete portal worker", "event portal finished",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tell(t, func(_ *testing.T, s *story) {
				s.during(c.during, func() { s.Barrier.Lose(c.lost) })
			}, func(_ *testing.T, s *story) {
				s.live()
				s.order(c.order...)
				s.order("event portal  The check of portal (" + c.lost.Name() + ") was killed after the release: its container goes on, and the deploy of " + c.lost.Process + " is made once more")
			})
		})
	}
}

// The deploy that is made once more must not be taken for a part of the one that is being ended.
func TestNothingIsCompletedWhileItIsSpared(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		spared := make(chan struct{})
		s.Say["spare portal web.1"] = func(context.Context) error { <-spared; return s.Emit(graduate.Event{App: "portal", State: "spared"}) }
		s.during("promote ws", func() { go s.Barrier.Lose(testkit.Candidate("portal", "web", 1)) })
		s.during("deployed ws web", func() { close(spared) })
	}, func(_ *testing.T, s *story) {
		s.live()
		s.order("deployed ws web", "event portal spared", "complete portal web")
	})
}

// Whether a check that is killed at the release point comes before or after it is seen only later: it is spared in any case.
func TestACheckThatIsKilledAtTheReleasePointIsSpared(t *testing.T) {
	web := testkit.Candidate("portal", "web", 1)
	tell(t, func(_ *testing.T, s *story) {
		s.during("state release", func() { s.Barrier.Lose(web) })
	}, func(_ *testing.T, s *story) {
		s.live()
		s.order("state release", "spare portal web.1", "complete portal web")
	})
	tell(t, func(_ *testing.T, s *story) {
		s.during("barrier seal", func() { s.Barrier.Lose(web) })
	}, func(_ *testing.T, s *story) {
		s.restored("portal: web.1 went away while it was held")
	})
}

func TestWhatIsHeldIsNotTurnedBackWhenAReleaseIsTakenBack(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.run.Settings.Reversible = true
		for _, a := range s.run.Apps {
			a.Was = &graduate.Version{Image: "sha256:old"}
		}
		s.Fail("promote ws", errBroken)
		s.env.Rollback = func(context.Context, *graduate.Run) error { return s.Emit(graduate.Event{State: "taken back"}) }
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Reverted, s.state, "%v: %q", s.err, s.Trace())
		s.order("state revert", "spare portal web.1", "barrier close", "event  taken back")
		s.never("turned back")
		for _, line := range s.Trace() {
			require.NotContains(t, line, "was killed after the release", "nobody else has done it")
		}
	})
}
