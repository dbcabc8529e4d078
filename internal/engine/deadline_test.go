package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// hang is work that ends with its context only.
func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestEachPhaseBeforeTheReleasePointHasItsDeadline(t *testing.T) {
	r := &graduate.Run{Group: "shop"}
	before, _ := working()
	for _, at := range before {
		limit, late := r.Deadline(at)
		if limit == 0 {
			continue
		}
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t)
				s.runs[at] = hang
				began := time.Now()
				state, err := s.Drive(s.ctx, r, graduate.Prepare)
				require.Equal(t, graduate.Restored, state)
				require.EqualError(t, err, late.Error())
				require.Equal(t, limit, time.Since(began))
				requireUndone(t, s, 1)
			})
		})
	}
}

func TestTheClockStartsAnewWithEachPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		r := everyState()
		before, after := working()
		for _, at := range slices.Concat(before, after) {
			if limit, _ := r.Deadline(at); limit > 0 {
				s.runs[at] = func(ctx context.Context) error {
					time.Sleep(limit - time.Second)
					return ctx.Err()
				}
			}
		}
		state, err := s.Drive(s.ctx, r, graduate.Prepare)
		require.NoError(t, err)
		require.Equal(t, graduate.Done, state)
	})
}

func TestTheRunHasAHardCapUntilItsReleasePoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		s.runs[graduate.Post] = hang // hooks have time-outs of their own, and there may be many
		began := time.Now()
		state, err := s.Drive(s.ctx, &graduate.Run{Group: "shop"}, graduate.Prepare)
		require.Equal(t, graduate.Restored, state)
		require.ErrorContains(t, err, "run-timeout")
		require.Equal(t, graduate.DefaultRunTimeout, time.Since(began))
		requireUndone(t, s, 1)

		s = newStory(t)
		s.runs[graduate.Live] = func(ctx context.Context) error { time.Sleep(graduate.DefaultRunTimeout); return ctx.Err() }
		state, err = s.Drive(s.ctx, everyState(), graduate.Prepare)
		require.NoError(t, err, "after the release point the cap does not count")
		require.Equal(t, graduate.Done, state)
	})
}

func TestALatePhaseAfterTheReleasePointIsToldAndLeftRunning(t *testing.T) {
	r := &graduate.Run{Group: "shop"}
	for _, at := range []graduate.State{graduate.Release, graduate.Settle} {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStory(t)
				limit, late := r.Deadline(at)
				s.runs[at] = func(ctx context.Context) error {
					require.True(t, graduate.LeavesRunning(ctx))
					<-ctx.Done()
					return context.Cause(ctx)
				}
				s.runs[graduate.Revert] = broken // what is late is not taken back
				began := time.Now()
				state, err := s.Drive(s.ctx, r, graduate.Prepare)
				require.Equal(t, graduate.Stuck, state)
				require.ErrorContains(t, err, late.Error())
				require.Equal(t, limit, time.Since(began))
				requireUndone(t, s, 0)
			})
		})
	}
}
