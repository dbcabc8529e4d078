package graduate

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachPhaseHasABound(t *testing.T) {
	r := &Run{Group: "shop"}
	r.Settings.Quiesce = &Quiesce{}
	own := map[State]bool{Pre: true, Post: true, Live: true} // the hooks'
	total := time.Duration(0)
	for _, s := range Order()[:len(Order())-1] {
		d, late := r.Deadline(s)
		require.Equal(t, own[s], d == 0, "%s: %s", s, d)
		if d > 0 {
			require.ErrorContains(t, late, d.String())
			require.ErrorContains(t, late, "graduate:set shop ")
		}
		if !s.Released() {
			total += d
		}
	}
	limit, _ := r.Cap()
	require.Equal(t, 2*time.Hour, limit)
	require.Less(t, total, limit, "what every phase may take fits into the whole")

	r.Settings = Settings{PhaseTimeout: time.Minute, StartTimeout: 2 * time.Minute, RunTimeout: 3 * time.Minute}
	for s, want := range map[State]time.Duration{Prepare: time.Minute, Settle: time.Minute, Hold: 2 * time.Minute, Post: 0} {
		d, _ := r.Deadline(s)
		require.Equal(t, want, d, "%s", s)
	}
	r.Settings.Quiesce = &Quiesce{Drain: 5 * time.Minute}
	d, _ := r.Deadline(Quiescing)
	require.Equal(t, 6*time.Minute, d, "the draining has a bound of its own")
	limit, late := r.Cap()
	require.Equal(t, 3*time.Minute, limit)
	require.EqualError(t, late, "the graduation did not come to its release point within 3m0s (graduate:set shop run-timeout)")
}

func TestWhatIsLeftRunningAndWhatIsCutOff(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	require.False(t, LeavesRunning(ctx))
	require.Equal(t, ctx, CutOff(ctx))
	left := LeaveRunning(ctx)
	require.True(t, LeavesRunning(left))
	inner := CutOff(left)
	require.False(t, LeavesRunning(inner))
	cancel(errors.New("late"))
	require.Error(t, left.Err())
	require.NoError(t, inner.Err(), "its own bound cuts it off, not that of the phase")
}
