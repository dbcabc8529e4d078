package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// lockWork says until the returned function is called that the run's own work goes on, where finally hooks come after it.
// That it cannot be said makes others wait for longer, and nothing else.
func (c *coordinator) lockWork(ctx context.Context) (end func()) {
	if len(c.run.HooksOf(graduate.HookFinally)) == 0 {
		return func() {}
	}
	lock, err := c.host.LockWork(ctx, c.run.ID)
	if err != nil {
		return func() {}
	}
	return func() { _ = lock.Close() }
}

// mayTell tells whether a run has ended whose finally hooks were deferred, and that they may run now.
func mayTell(host *dokku.Host, h graduate.History, o Occasion) bool {
	if h.Outcome == nil || len(h.Deferred) == 0 || o == Unattended || host.Alive(h.Run.ID) {
		return false
	}
	_, ok := h.Resume(o == Asked) // its own end runs them
	return !ok
}

// tellFinally runs the finally hooks that were deferred when the run ended; nothing happens where another process does.
func tellFinally(ctx context.Context, host *dokku.Host, h graduate.History, screen ui.Renderer) error {
	r := h.Run
	alive, err := host.LockRun(r.ID)
	if err != nil || alive == nil {
		return err
	}
	defer alive.Close()
	events, err := journal.Replay(r.Journal()) // another process may have run them just before
	if err != nil {
		return err
	}
	h = graduate.Tell(events)
	if h.Outcome == nil || len(h.Deferred) == 0 {
		return nil
	}
	log, err := journal.Open(r.Journal())
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := &coordinator{host: host, run: r, journal: log, screen: screen, history: h, fail: fail}
	screen.Event(graduate.Event{Type: graduate.EventNotice, Plan: r, Message: "The finally hooks of graduation " + r.ID + " of " + r.Group + " to " + r.To + " run now: the graduation had ended without them"})
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	env := c.environment()
	// What an earlier try has left would run beside this one.
	if err := dokku.EndProcesses(ctx, dokku.EnvID+"="+r.ID); err != nil {
		return err
	}
	if err := env.Hooks.Stop(ctx, r); err != nil {
		return err
	}
	outer := os.Getenv(dokku.EnvID)
	if err := os.Setenv(dokku.EnvID, r.ID); err != nil {
		return err
	}
	defer os.Setenv(dokku.EnvID, outer)
	env.Finally(ctx, r, h.Outcome.State)
	return nil
}
