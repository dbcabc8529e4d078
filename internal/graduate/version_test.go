package graduate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigestsTellWhichKeysDifferAndNothingElse(t *testing.T) {
	was := Digests("r1", map[string]string{"A": "1", "B": "2", "C": "", "GIT_REV": "x"})
	require.Empty(t, Differing("r1", was, map[string]string{"A": "1", "B": "2", "C": "", "GIT_REV": "x"}))
	require.Equal(t, []string{"B", "C", "D"}, Differing("r1", was, map[string]string{"A": "1", "B": "3", "D": "", "GIT_REV": "y"}, "GIT_REV"))
	require.Equal(t, []string{"A"}, Differing("r1", nil, map[string]string{"A": "1"}))
	require.NotEqual(t, was["A"], Digests("r2", map[string]string{"A": "1"})["A"], "two runs do not tell that a value is the same")
	require.NotEqual(t, Digest("r", "A", "1"), Digest("r", "B", "1"))
}

func TestKeptVersionsHaveNames(t *testing.T) {
	require.Equal(t, "r1", Kept{App: "portal", Run: "r1"}.Name())
	require.Equal(t, "r1-before", Kept{App: "portal", Run: "r1", Before: true}.Name())
}

func TestARecoveryGoesOnWhereTheReleaseStopped(t *testing.T) {
	run := Event{Type: EventRun, Plan: &Run{ID: "r1"}}
	state := func(s State) Event { return Event{Type: EventState, State: string(s)} }
	stuck := Event{Type: EventOutcome, State: OutcomeNeedsPerson}
	h := Tell([]Event{run, state(Release), state(Settle), state(Live), state(Revert)})
	at, ok := h.Resume(false)
	require.True(t, ok)
	require.Equal(t, Revert, at, "a coordinator that died while it took the release back")
	h = Tell([]Event{run, state(Release), state(Settle), state(Live), state(Revert), stuck})
	_, ok = h.Resume(false)
	require.False(t, ok)
	at, ok = h.Resume(true)
	require.True(t, ok)
	require.Equal(t, Live, at, "a person asks for the way forward")
	require.False(t, Tell([]Event{run, state(Release), {Type: EventHook, Hook: "live/x"}}).ChangedData)
	require.True(t, Tell([]Event{run, {Type: EventHook, Hook: "post/x"}, state(Release)}).ChangedData)
}
