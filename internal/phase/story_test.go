package phase_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/engine"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/phase"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// story is a graduation of two apps with a web and a worker process each, in a world of fakes.
type story struct {
	*testkit.World
	t    *testing.T
	run  *graduate.Run
	env  *phase.Env
	ctx  context.Context
	fail context.CancelCauseFunc
	// state and err are how it ended.
	state graduate.State
	err   error
}

// tell tells a story in a bubble of its own: arrange changes it before it begins, check looks at its end.
func tell(t *testing.T, arrange, check func(*testing.T, *story)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		arrange(t, s)
		s.drive(graduate.Prepare)
		check(t, s)
	})
}

func newStory(t *testing.T, dir string) *story {
	s := &story{World: testkit.NewWorld(), t: t}
	s.run = &graduate.Run{
		ID: "01j", Group: "shop", From: "dev", To: "prod", Dir: dir, Socket: filepath.Join(dir, "s"),
		Apps: []*graduate.App{
			{Role: "site", Source: "portal-dev", Target: "portal"},
			{Role: "api", Source: "ws-dev", Target: "ws", Start: graduate.StartAfterPost},
		},
		Hooks: []graduate.Hook{
			{Kind: graduate.HookPost, Name: "migrate"}, {Kind: graduate.HookPost, Name: "smoke"},
			{Kind: graduate.HookPre, Name: "backup"}, {Kind: graduate.HookLive, Name: "tell"},
			{Kind: graduate.HookAbort, Name: "undo"}, {Kind: graduate.HookAbort, Name: "mourn"},
		},
	}
	for _, a := range s.run.Apps {
		s.Platform.Scale[a.Target] = []graduate.Process{{Type: "web", Count: 2}, {Type: "worker", Count: 1}, {Type: "cron", Count: 0}}
	}
	s.ctx, s.fail = context.WithCancelCause(context.Background())
	s.env = &phase.Env{
		Platform: s.Platform, Proxy: s.Proxy, Barrier: s.Barrier, Hooks: s.Hooks, Room: s.Room, Fail: s.fail,
		Emit: func(e graduate.Event) {
			if err := s.Emit(e); err != nil {
				s.fail(err)
			}
		},
	}
	return s
}

// drive takes the story from a state to its end.
func (s *story) drive(from graduate.State) {
	e := &engine.Engine{Emit: s.Emit, AbortBudget: time.Minute}
	for _, p := range phase.All(s.env) {
		e.Phases = append(e.Phases, p)
	}
	s.state, s.err = e.Drive(s.ctx, s.run, from)
	s.fail(nil)
	s.Platform.End()
	synctest.Wait()
}

// hook makes a hook do something while it runs.
func (s *story) during(line string, f func()) {
	s.Say[line] = func(context.Context) error { f(); return nil }
}

// order requires lines that each stand in the trace exactly once, in this order.
func (s *story) order(lines ...string) {
	s.t.Helper()
	trace, last := s.Trace(), -1
	for _, line := range lines {
		at := slices.Index(trace, line)
		require.GreaterOrEqual(s.t, at, 0, "%q is not in %q", line, trace)
		require.Equal(s.t, -1, slices.Index(trace[at+1:], line), "%q is twice in %q", line, trace)
		require.Greater(s.t, at, last, "%q came too early in %q", line, trace)
		last = at
	}
}

// never requires that no line begins with one of some texts.
func (s *story) never(prefixes ...string) {
	s.t.Helper()
	for _, prefix := range prefixes {
		require.Zero(s.t, s.Count(prefix), "%q is in %q", prefix, s.Trace())
	}
}

// released requires that the new set went live.
func (s *story) live() {
	s.t.Helper()
	require.NoError(s.t, s.err, "%q", s.Trace())
	require.Equal(s.t, graduate.Done, s.state)
	s.never("restore", "stop", "hooks stop", "proxy undo", "hook abort", "state aborting")
}

// restored requires that the run turned back wholly, for a reason, and that nothing of it was ever live.
func (s *story) restored(reason string) *graduate.StepError {
	s.t.Helper()
	require.Equal(s.t, graduate.Restored, s.state, "%v: %q", s.err, s.Trace())
	require.ErrorContains(s.t, s.err, reason)
	s.never("state release", "proxy switch", "promote", "barrier release", "deployed", "proxy settle", "retire", "finish", "open", "hook live")
	s.order("state aborting", "proxy undo", "stop", "hooks stop", "restore")
	require.Contains(s.t, s.Trace(), "barrier close")
	require.Empty(s.t, s.Barrier.Held())
	var step *graduate.StepError
	require.ErrorAs(s.t, s.err, &step)
	return step
}

func logOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// tellFrom tells the rest of a story that another coordinator began.
func tellFrom(t *testing.T, from graduate.State, check func(*testing.T, *story)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t, dir)
		s.drive(from)
		check(t, s)
	})
}
