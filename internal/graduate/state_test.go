package graduate

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// states lists every state that the table names.
func states() []State {
	found := map[State]bool{}
	for _, row := range Transitions() {
		found[row.From], found[row.To] = true, true
	}
	return slices.Sorted(maps.Keys(found))
}

// reachable lists the states that may follow a state, itself included.
func reachable(from State) map[State]bool {
	found := map[State]bool{}
	for todo := []State{from}; len(todo) > 0; todo = todo[1:] {
		if found[todo[0]] {
			continue
		}
		found[todo[0]] = true
		for _, row := range Transitions() {
			if row.From == todo[0] {
				todo = append(todo, row.To)
			}
		}
	}
	return found
}

func TestEveryStateHasOneRowPerOutcome(t *testing.T) {
	rows := map[State]map[Outcome]int{}
	for _, row := range Transitions() {
		if rows[row.From] == nil {
			rows[row.From] = map[Outcome]int{}
		}
		rows[row.From][row.On]++
	}
	require.Len(t, states(), 19)
	for _, s := range states() {
		if s.Ended() {
			require.Empty(t, rows[s], "%s is an end", s)
			continue
		}
		require.Equal(t, map[Outcome]int{Succeeded: 1, Failed: 1}, rows[s], "%s", s)
	}
}

func TestOrderIsTheDocumentedOne(t *testing.T) {
	require.Equal(t, []State{
		Prepare, Stage, Pre, Start, Hold, Quiescing, Post, Rest, Switch, Release, Settle, Live, Finish, Done,
	}, Order())
}

func TestEveryStateReachesAnEnd(t *testing.T) {
	for _, s := range states() {
		var ends []State
		for to := range reachable(s) {
			if to.Ended() {
				ends = append(ends, to)
			}
		}
		require.NotEmpty(t, ends, "from %s", s)
	}
}

func TestNothingTurnsBackAfterTheReleasePoint(t *testing.T) {
	order := Order()
	point := slices.Index(order, Release)
	for _, s := range states() {
		after := slices.Contains(order[point:], s) || s == Revert || s == Reverted
		require.Equal(t, after, s.Released(), "%s", s)
		require.Equal(t, !after && s != Stuck && s != Restored, reachable(s)[Aborting], "%s leads to an abort", s)
		require.Equal(t, !after && s != Stuck, reachable(s)[Restored], "%s leads to a restored target", s)
		if !after && s != Aborting && !s.Ended() {
			to, _ := Next(s, Failed)
			require.Equal(t, Aborting, to, "%s failed", s)
		}
	}
	require.False(t, reachable(Aborting)[Release], "an abort ends in a release")
}

func TestStatesThatTheTableDoesNotKnowHaveNoNext(t *testing.T) {
	for _, c := range []struct {
		from State
		on   Outcome
	}{
		{"", Succeeded}, {"held", Succeeded}, {Prepare, ""}, {Prepare, "skipped"},
		{Done, Succeeded}, {Done, Failed}, {Restored, Succeeded}, {Stuck, Failed},
	} {
		to, ok := Next(c.from, c.on)
		require.False(t, ok, "%s, %s: %s", c.from, c.on, to)
		require.Empty(t, to)
	}
}

func TestEveryRunEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var path []State
		released := false
		state := Prepare
		for !state.Ended() {
			path = append(path, state)
			released = released || state.Released()
			if len(path) > len(states()) {
				t.Fatalf("this run does not end: %v", path)
			}
			next, ok := Next(state, rapid.SampledFrom([]Outcome{Succeeded, Failed}).Draw(t, "outcome"))
			if !ok {
				t.Fatalf("no row after %v", path)
			}
			state = next
		}
		if state == Restored && released {
			t.Fatalf("restored after the release point: %v", path)
		}
		if state == Done && !released {
			t.Fatalf("done without a release: %v", path)
		}
		sorted := slices.Clone(path)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) != len(path) {
			t.Fatalf("a state was entered twice: %v", path)
		}
	})
}

func TestARunWithoutAQuiescePassesOverIt(t *testing.T) {
	for quiesce, want := range map[*Quiesce][]State{nil: {Hold, Post, Rest}, {}: {Hold, Quiescing, Post}} {
		r := &Run{Settings: Settings{Quiesce: quiesce}}
		states := []State{Hold}
		for range 2 {
			next, ok := r.Next(states[len(states)-1], Succeeded)
			require.True(t, ok)
			states = append(states, next)
		}
		require.Equal(t, want, states)
		next, ok := r.Next(Quiescing, Failed)
		require.True(t, ok)
		require.Equal(t, Aborting, next)
	}
	_, ok := (&Run{}).Next(Done, Succeeded)
	require.False(t, ok)
}
