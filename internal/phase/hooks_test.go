package phase_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// post gives a story these post hooks and no others.
func post(s *story, hooks ...graduate.Hook) {
	s.run.Hooks = hooks
	for i := range s.run.Hooks {
		s.run.Hooks[i].Kind = graduate.HookPost
	}
}

func TestAHookWhoseConditionIsNotMetIsLeftOut(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		s.run.Apps[1].Skip = "unchanged"
		post(s, graduate.Hook{Name: "elsewhere", When: graduate.When{Env: "dev"}},
			graduate.Hook{Name: "unchanged", When: graduate.When{Changed: "api"}},
			graduate.Hook{Name: "half", When: graduate.When{Env: "prod", Changed: "api"}},
			graduate.Hook{Name: "unknown", When: graduate.When{Changed: "gone"}},
			graduate.Hook{Name: "here", When: graduate.When{Env: "prod", Changed: "site"}})
	}, func(_ *testing.T, s *story) {
		s.live()
		s.order("event post/elsewhere skipped only in dev", "event post/unchanged skipped only where api changes",
			"event post/half skipped only where api changes", "event post/unknown skipped only where gone changes", "hook post/here")
		s.never("hook post/elsewhere", "hook post/unchanged", "hook post/half", "hook post/unknown")
	})
}

// What is left out has changed nothing: no abort hook has anything to undo.
func TestAHookThatIsLeftOutHasNotBegun(t *testing.T) {
	tell(t, func(_ *testing.T, s *story) {
		post(s, graduate.Hook{Name: "elsewhere", When: graduate.When{Env: "dev"}})
		s.run.Hooks = append(s.run.Hooks, graduate.Hook{Kind: graduate.HookAbort, Name: "undo"})
		s.Fail("deploy ws worker", errBroken)
	}, func(_ *testing.T, s *story) {
		s.restored("it is broken")
		s.never("hook abort")
	})
	h := graduate.Tell([]graduate.Event{{Type: graduate.EventHook, Hook: "post/elsewhere", State: graduate.HookSkipped}})
	require.False(t, h.HooksBegan)
	require.False(t, h.ChangedData)
	require.Empty(t, h.HooksEnded)
}
