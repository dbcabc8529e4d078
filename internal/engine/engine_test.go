package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestEachStateIsRecordedBeforeItsWork(t *testing.T) {
	s := newStory(t)
	state, err := s.drive()
	require.NoError(t, err)
	require.Equal(t, graduate.Done, state)
	before, after := working()
	require.Equal(t, way(slices.Concat(before, after)...), s.trace)
}

func TestAFailureBeforeTheReleasePointUndoesEverything(t *testing.T) {
	before, _ := working()
	for i, at := range before {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = broken
			state, err := s.drive()
			require.Equal(t, graduate.Restored, state)
			require.ErrorIs(t, err, errBroken)
			want := append(way(before[:i+1]...), "failure "+string(at)+": broken")
			require.Equal(t, append(want, back()...), s.trace)
		})
	}
}

func TestAFailureAfterTheReleasePointUndoesNothing(t *testing.T) {
	before, after := working()
	for i, at := range after {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = broken
			s.runs[graduate.Revert] = func(context.Context) error { return errors.New("nothing undoes it") }
			state, err := s.drive()
			end := graduate.Stuck
			if at == graduate.Finish {
				end = graduate.Done
			}
			require.Equal(t, end, state)
			require.ErrorIs(t, err, errBroken)
			want := append(way(slices.Concat(before, after[:i+1])...), "failure "+string(at)+": broken")
			if at != graduate.Finish {
				want = append(append(want, way(graduate.Revert)...), "failure revert: nothing undoes it")
				require.ErrorContains(t, err, "nothing undoes it")
			}
			require.Equal(t, want, s.trace)
		})
	}
}

func TestAReleaseThatFailedIsTakenBack(t *testing.T) {
	for _, at := range []graduate.State{graduate.Release, graduate.Settle, graduate.Live} {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = broken
			state, err := s.drive()
			require.Equal(t, graduate.Reverted, state)
			require.ErrorIs(t, err, errBroken)
			require.Equal(t, way(graduate.Revert), s.trace[len(s.trace)-2:])
			requireUndone(t, s, 0)
		})
	}
}

func TestWhatCannotBeUndoneDoesNotKeepTheRestFromIt(t *testing.T) {
	s := newStory(t)
	s.runs[graduate.Post] = broken
	s.undos[graduate.Start] = func(context.Context) error { return errors.New("docker does not answer") }
	s.undos[graduate.Stage] = func(context.Context) error { return errors.New("the disk is full") }
	state, err := s.drive()
	require.Equal(t, graduate.Stuck, state)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "undoing start: docker does not answer")
	require.ErrorContains(t, err, "undoing stage: the disk is full")
	require.Subset(t, s.trace, back())
	requireUndone(t, s, 1)
}

func TestCancellingBeforeTheReleasePointAborts(t *testing.T) {
	reason := errors.New("it was stopped by the signal interrupt")
	before, _ := working()
	for _, at := range before {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = func(ctx context.Context) error {
				s.cancel(reason)
				s.cancel(errors.New("a later reason"))
				return ctx.Err()
			}
			s.undos[at] = func(ctx context.Context) error { return ctx.Err() } // an abort is not cancelled with the run
			state, err := s.drive()
			require.Equal(t, graduate.Restored, state)
			require.ErrorIs(t, err, reason)
			require.EqualError(t, err, reason.Error(), "the cause is the reason, not that something was cut off")
			require.Contains(t, s.trace, "failure "+string(at)+": "+reason.Error())
			requireUndone(t, s, 1)
		})
	}
}

func TestCancellingAfterTheReleasePointChangesNothing(t *testing.T) {
	_, after := working()
	for _, at := range after {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = func(ctx context.Context) error {
				s.cancel(errBroken)
				return ctx.Err()
			}
			state, err := s.drive()
			require.NoError(t, err)
			require.Equal(t, graduate.Done, state)
			requireUndone(t, s, 0)
		})
	}
}

func TestAFailureOfItsOwnAfterTheReleasePointIsTheReason(t *testing.T) {
	s := newStory(t)
	s.runs[graduate.Settle] = func(context.Context) error {
		s.cancel(errors.New("stopped"))
		return errBroken
	}
	state, err := s.drive()
	require.Equal(t, graduate.Reverted, state)
	require.EqualError(t, err, "broken")
}

func TestAStateWithoutItsRecordDoesNotBegin(t *testing.T) {
	full := errors.New("journal: no space left on device")
	before, _ := working()
	for i, at := range append(slices.Clone(before), graduate.Release) {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.records[at] = func(context.Context) error { return full }
			state, err := s.drive()
			require.Equal(t, graduate.Restored, state)
			require.ErrorIs(t, err, full)
			require.NotContains(t, s.trace, "run "+string(at))
			want := append(way(before[:i]...), "record "+string(at))
			require.Equal(t, append(want, back()...), s.trace)
		})
	}
}

func TestAfterTheReleaseRecordAFullJournalStopsNothing(t *testing.T) {
	s := newStory(t)
	_, after := working()
	for _, at := range after[1:] {
		s.records[at] = broken
	}
	state, err := s.drive()
	require.NoError(t, err)
	require.Equal(t, graduate.Done, state)
	require.Contains(t, s.trace, "run finish")
}

func TestAnAbortNeedsNoRecord(t *testing.T) {
	s := newStory(t)
	full := func(context.Context) error { return errors.New("full") }
	s.records[graduate.Hold], s.records[graduate.Aborting] = full, full
	state, err := s.drive()
	require.Equal(t, graduate.Restored, state)
	require.Error(t, err)
	requireUndone(t, s, 1)
}

func TestAnAbortHasABudgetOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Hour, errors.New("the hard cap of an hour"))
		defer cancel()
		s.runs[graduate.Post] = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		s.undos[graduate.Rest] = func(ctx context.Context) error {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, s.AbortBudget, time.Until(deadline))
			require.NoError(t, ctx.Err(), "the run's own time is over, that of the abort is not")
			return nil
		}
		s.undos[graduate.Start] = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		state, err := s.Drive(ctx, everyState(), graduate.Prepare)
		require.Equal(t, time.Hour+s.AbortBudget, time.Since(began))
		require.Equal(t, graduate.Stuck, state)
		require.ErrorContains(t, err, "the hard cap of an hour")
		require.ErrorContains(t, err, "undoing start: context deadline exceeded")
		requireUndone(t, s, 1)
	})
}

func TestARunIsTakenUpWhereItStopped(t *testing.T) {
	before, after := working()
	for i, at := range after {
		s := newStory(t)
		state, err := s.Drive(s.ctx, everyState(), at)
		require.NoError(t, err)
		require.Equal(t, graduate.Done, state)
		require.Equal(t, way(after[i:]...), s.trace)
	}
	for i, at := range before {
		s := newStory(t)
		_, err := s.Drive(s.ctx, everyState(), at)
		require.NoError(t, err)
		require.Equal(t, way(slices.Concat(before[i:], after)...), s.trace)
	}
	s := newStory(t)
	state, err := s.Drive(s.ctx, everyState(), graduate.Aborting)
	require.NoError(t, err)
	require.Equal(t, graduate.Restored, state)
	require.Equal(t, back(), s.trace)
	for _, end := range []graduate.State{graduate.Done, graduate.Restored, graduate.Stuck} {
		s := newStory(t)
		state, err := s.Drive(s.ctx, everyState(), end)
		require.NoError(t, err)
		require.Equal(t, end, state)
		require.Empty(t, s.trace)
	}
}

func TestAStateWithoutAPhaseIsAFailure(t *testing.T) {
	s := newStory(t)
	s.Phases = slices.DeleteFunc(s.Phases, func(p Phase) bool { return p.State() == graduate.Post })
	state, err := s.drive()
	require.Equal(t, graduate.Restored, state)
	require.EqualError(t, err, "no phase for state post")

	state, err = s.Drive(s.ctx, everyState(), "held")
	require.Equal(t, graduate.Stuck, state)
	require.ErrorContains(t, err, "held")
}

func TestWhateverFailsARunEndsRight(t *testing.T) {
	before, after := working()
	all := slices.Concat(before, after)
	rapid.Check(t, func(r *rapid.T) {
		s := newStory(t)
		maybe := rapid.SampledFrom([]bool{false, false, false, false, false, true})
		for _, state := range append(all, graduate.Aborting) {
			for _, say := range []map[graduate.State]func(context.Context) error{s.runs, s.undos, s.records} {
				if maybe.Draw(r, "broken") {
					say[state] = broken
				}
			}
		}
		state, err := s.drive()
		released := slices.Contains(s.trace, "run release")
		undone := slices.Contains(s.trace, "undo prepare")
		if released == undone {
			r.Fatalf("released %v, undone %v: %q", released, undone, s.trace)
		}
		untidy := slices.Contains(s.trace, "failure finish: broken")
		if (err == nil) != (state == graduate.Done && !untidy) || (state == graduate.Restored) && released || (state == graduate.Done) && undone {
			r.Fatalf("%s, %v after %q", state, err, s.trace)
		}
	})
}

func TestACancelledRunIsNotReleased(t *testing.T) {
	before, _ := working()
	for i, at := range before {
		t.Run(string(at), func(t *testing.T) {
			s := newStory(t)
			s.runs[at] = func(context.Context) error { s.cancel(errBroken); return nil } // it ends well all the same
			state, err := s.drive()
			require.Equal(t, graduate.Restored, state)
			require.ErrorIs(t, err, errBroken)
			next := append(before, graduate.Release)[i+1]
			want := append(way(before[:i+1]...), "failure "+string(next)+": broken")
			require.Equal(t, append(want, back()...), s.trace)
		})
	}
}
