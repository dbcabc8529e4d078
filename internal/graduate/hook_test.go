package graduate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBatchesKeepTheOrder(t *testing.T) {
	for _, c := range []struct {
		parallel []bool
		want     []int
	}{
		{nil, nil},
		{[]bool{false, false}, []int{1, 1}},
		{[]bool{true, true, true}, []int{3}},
		{[]bool{true, false, true, true, false, true}, []int{1, 1, 2, 1, 1}},
	} {
		var hooks, got []Hook
		for i, p := range c.parallel {
			hooks = append(hooks, Hook{Name: string(rune('a' + i)), Parallel: p})
		}
		var sizes []int
		for _, batch := range Batches(hooks) {
			sizes, got = append(sizes, len(batch)), append(got, batch...)
		}
		require.Equal(t, c.want, sizes)
		require.Equal(t, hooks, got)
	}
}

func TestThePauseBetweenTriesDoubles(t *testing.T) {
	h := Hook{Timeout: time.Minute, Retries: 7}
	var pauses []time.Duration
	for tries := 1; tries <= h.Retries; tries++ {
		pauses = append(pauses, h.Pause(tries)/time.Second)
	}
	require.Equal(t, []time.Duration{1, 2, 4, 8, 16, 30, 30}, pauses)
	require.Equal(t, 8*time.Minute+91*time.Second, h.Longest())
	require.Equal(t, DefaultHookTimeout, Hook{}.Longest())
}
