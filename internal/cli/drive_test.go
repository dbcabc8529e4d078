package cli

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// screen notes the notices that are shown.
type screen struct {
	ui.Renderer
	notices []string
}

func (s *screen) Event(e graduate.Event) {
	if e.Type == graduate.EventNotice {
		s.notices = append(s.notices, e.Message)
	}
}

func TestSignalsAreAnsweredByWhatTheRunDoes(t *testing.T) {
	const (
		underWay  = "The abort of shop in prod is under way: it comes to its end, and Ctrl-C does not make it quicker"
		finishing = "The release of shop to prod is being finished, and Ctrl-C does not stop it"
	)
	enter := func(s graduate.State) func(*testing.T, *coordinator) {
		return func(t *testing.T, c *coordinator) {
			require.NoError(t, c.emit(graduate.Event{Type: graduate.EventState, State: string(s)}))
		}
	}
	signal := func(_ *testing.T, c *coordinator) { c.interrupt(os.Interrupt) }
	term := func(_ *testing.T, c *coordinator) { c.interrupt(syscall.SIGTERM) }
	type steps []func(*testing.T, *coordinator)
	for _, c := range []struct {
		name    string
		steps   steps
		reason  string
		notices []string
	}{
		{"the first turns the run back", steps{enter(graduate.Hold), signal}, "it was stopped by the signal interrupt", nil},
		{"so does SIGTERM", steps{enter(graduate.Hold), term}, "it was stopped by the signal terminated", nil},
		{"a second one, before the abort has begun", steps{enter(graduate.Hold), signal, term}, "it was stopped by the signal interrupt", []string{underWay}},
		{"one during an abort", steps{enter(graduate.Hold), enter(graduate.Aborting), signal}, "", []string{underWay}},
		{"after the release point", steps{enter(graduate.Release), signal, enter(graduate.Settle), term}, "", []string{finishing, finishing}},
		{"one that comes just too late", steps{enter(graduate.Switch), signal, enter(graduate.Release)}, "it was stopped by the signal interrupt", []string{finishing}},
		{"no signal at all", steps{enter(graduate.Switch), enter(graduate.Release), enter(graduate.Settle)}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, err := journal.Create(filepath.Join(t.TempDir(), "journal.jsonl"))
			require.NoError(t, err)
			defer log.Close()
			ctx, fail := context.WithCancelCause(t.Context())
			defer fail(nil)
			shown := &screen{}
			coordinator := &coordinator{run: &graduate.Run{Group: "shop", To: "prod"}, journal: log, screen: shown, fail: fail}
			for _, step := range c.steps {
				step(t, coordinator)
			}
			require.Equal(t, c.notices, shown.notices)
			if c.reason == "" {
				require.NoError(t, context.Cause(ctx))
			} else {
				require.EqualError(t, context.Cause(ctx), c.reason)
			}
		})
	}
}
