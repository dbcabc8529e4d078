package phase_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// migrating gives a story a migration among its post hooks, and its reversal.
func migrating(s *story) {
	s.run.Hooks = []graduate.Hook{
		{Kind: graduate.HookPre, Name: "backup"}, {Kind: graduate.HookPost, Name: "migrate", Migrate: true}, {Kind: graduate.HookPost, Name: "smoke"},
		{Kind: graduate.HookAbort, Name: "undo", Reverses: "migrate"}, {Kind: graduate.HookAbort, Name: "mourn"},
	}
}

func TestAReversalRunsOnlyWhereItsMigrationHadBegun(t *testing.T) {
	for broken, began := range map[string]bool{"hook pre/backup": false, "deploy ws web": false, "hook post/migrate": true, "hook post/smoke": true} {
		t.Run(broken, func(t *testing.T) {
			tell(t, func(_ *testing.T, s *story) { migrating(s); s.Fail(broken, errBroken) }, func(_ *testing.T, s *story) {
				s.restored("it is broken")
				if began {
					s.order("hook post/migrate", "hook abort/undo", "hook abort/mourn", "restore")
				} else {
					s.never("hook abort/undo")
					s.order("event abort/undo skipped migrate had not begun", "hook abort/mourn", "restore")
				}
			})
		})
	}
}

// resumed takes a migrating story up from a journal, at the abort that a recovery makes of it.
func resumed(t *testing.T, events []graduate.Event, check func(*testing.T, *story)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		migrating(s)
		s.env.Resume(graduate.Tell(append([]graduate.Event{{Type: graduate.EventRun, Plan: s.run}}, events...)))
		s.drive(graduate.Aborting)
		check(t, s)
	})
}

func hookEvent(hook, state string) graduate.Event {
	return graduate.Event{Type: graduate.EventHook, Hook: hook, State: state}
}

func TestARecoveryAsksTheJournalHowAMigrationEnded(t *testing.T) {
	began := hookEvent("post/migrate", graduate.HookStarted)
	for _, c := range []struct {
		name   string
		events []graduate.Event
		// undone, kept or stopped
		want string
	}{
		{"it had not begun", []graduate.Event{hookEvent("pre/backup", graduate.HookStarted)}, "kept"},
		{"it had succeeded", []graduate.Event{began, hookEvent("post/migrate", graduate.HookSucceeded)}, "undone"},
		{"it had failed", []graduate.Event{began, hookEvent("post/migrate", graduate.HookFailed)}, "undone"},
		{"nobody knows", []graduate.Event{began}, "stopped"},
		{"a person keeps it", []graduate.Event{began, hookEvent("post/migrate", graduate.HookKept)}, "kept"},
		{"nobody knows how its reversal ended", []graduate.Event{began, hookEvent("post/migrate", graduate.HookFailed), hookEvent("abort/undo", graduate.HookStarted)}, "stopped"},
		{"a person has the reversal run again", []graduate.Event{began, hookEvent("post/migrate", graduate.HookFailed), hookEvent("abort/undo", graduate.HookStarted), hookEvent("abort/undo", graduate.HookRetried)}, "undone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resumed(t, c.events, func(t *testing.T, s *story) {
				s.never("hook post/migrate", "hook pre")
				if c.want == "stopped" {
					require.Equal(t, graduate.Stuck, s.state)
					var unsettled *graduate.UnsettledError
					require.ErrorAs(t, s.err, &unsettled)
					require.ErrorContains(t, s.err, "dokku graduate:recover shop --migration undo (it is taken back) or --migration keep")
					s.order("proxy undo", "stop", "hooks stop")
					s.never("hook abort", "restore") // the image that a reversal needs is still there
					return
				}
				require.Equal(t, graduate.Restored, s.state)
				s.order("hook abort/mourn", "restore")
				if c.want == "kept" {
					s.never("hook abort/undo")
				} else {
					s.order("hook abort/undo", "restore")
				}
			})
		})
	}
}

func TestAMigrationNeverRunsTwice(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		migrating(s)
		s.env.Resume(graduate.Tell([]graduate.Event{{Type: graduate.EventRun, Plan: s.run}, hookEvent("post/migrate", graduate.HookStarted), hookEvent("post/migrate", graduate.HookSucceeded)}))
		s.drive(graduate.Post)
		require.ErrorContains(t, s.err, "hook post/migrate: it was begun before in this graduation, and no migration runs twice")
		s.never("hook post/migrate", "state release")
	})
}
