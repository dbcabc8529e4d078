package phase_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// TestWhichReleasesAreTakenBack: a live hook fails after the release point; what happens depends on the run.
func TestWhichReleasesAreTakenBack(t *testing.T) {
	rollbackHook := graduate.Hook{Kind: graduate.HookRollback, Name: "undo"}
	post := graduate.Hook{Kind: graduate.HookPost, Name: "migrate"}
	for _, c := range []struct {
		name   string
		hooks  []graduate.Hook
		change func(*story)
		back   bool
		says   string
	}{
		{"nothing ran that may have changed data", nil, func(*story) {}, true, ""},
		{"a post hook ran", []graduate.Hook{post}, func(*story) {}, false, "no rollback hook undoes them"},
		{"a rollback hook undoes it", []graduate.Hook{post, rollbackHook}, func(*story) {}, true, ""},
		{"a rollback hook that only looks undoes nothing", []graduate.Hook{post, {Kind: graduate.HookRollback, Name: "smoke", HTTP: &graduate.HTTPCheck{Path: "/"}}}, func(*story) {}, false, "no rollback hook undoes them"},
		{"a rollback hook that only warns may not undo it", []graduate.Hook{post, {Kind: graduate.HookRollback, Name: "undo", OnFailure: graduate.OnFailureWarn}}, func(*story) {}, false, "no rollback hook undoes them"},
		{"a rollback hook for another environment", []graduate.Hook{post, {Kind: graduate.HookRollback, Name: "undo", When: graduate.When{Env: "dev"}}}, func(*story) {}, false, "no rollback hook undoes them"},
		{"one of two undoes it", []graduate.Hook{post, {Kind: graduate.HookRollback, Name: "smoke", HTTP: &graduate.HTTPCheck{Path: "/"}}, rollbackHook}, func(*story) {}, true, ""},
		{"the group says that it is reversible", []graduate.Hook{post}, func(s *story) { s.run.Settings.Reversible = true }, true, ""},
		{"a release task ran in the hold", nil, func(s *story) { s.Platform.Tasks["ws release"] = []graduate.Task{{Name: "release"}} }, false, "no rollback hook"},
		{"a release task ran before", nil, func(s *story) {
			s.run.Settings.ReleaseTasks = graduate.ReleaseTasksBefore
			s.Platform.Tasks["ws release"] = []graduate.Task{{Name: "release"}}
		}, false, "no rollback hook"},
		{"there was nothing before", nil, func(s *story) {
			for _, a := range s.run.Apps {
				a.Was = nil
			}
		}, false, "there is no earlier set"},
		{"it is a rollback itself", nil, func(s *story) { s.run.Kind = graduate.KindRollback }, false, "a rollback is not taken back by itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			taken := 0
			tell(t, func(_ *testing.T, s *story) {
				for _, a := range s.run.Apps {
					a.Was = &graduate.Version{Image: "sha256:old"}
				}
				s.run.Hooks = append(c.hooks, graduate.Hook{Kind: graduate.HookLive, Name: "tell"})
				s.env.Rollback = func(context.Context, *graduate.Run) error { taken++; return nil }
				s.Fail("hook live/tell", errBroken)
				c.change(s)
			}, func(t *testing.T, s *story) {
				require.ErrorIs(t, s.err, errBroken)
				if c.back {
					require.Equal(t, graduate.Reverted, s.state)
					require.Equal(t, 1, taken)
					return
				}
				require.Equal(t, graduate.Stuck, s.state)
				require.ErrorContains(t, s.err, c.says)
				require.Zero(t, taken)
			})
		})
	}
}

func TestARollbackDoesNothingOfTheReleaseAgain(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.run.Kind = graduate.KindRollback
		s.run.Hooks = []graduate.Hook{{Kind: graduate.HookRollback, Name: "undo"}}
		s.Platform.Tasks["ws release"] = []graduate.Task{{Name: "release"}}
		s.Platform.Tasks["ws postdeploy"] = []graduate.Task{{Name: "postdeploy"}}
	}, func(t *testing.T, s *story) {
		require.Equal(t, graduate.Done, s.state)
		s.order("held portal web.1", "hook rollback/undo", "state release")
		s.never("task ")
	})
}
