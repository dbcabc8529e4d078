package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// drive runs a new graduation from its first state to its end.
func drive(ctx context.Context, host *dokku.Host, r *graduate.Run, screen ui.Renderer) error {
	if err := os.MkdirAll(filepath.Join(r.Dir, "logs"), 0o700); err != nil {
		return graduate.Errorf(graduate.Internal, "the folder of the graduation cannot be made (%w); nothing was touched", err)
	}
	alive, err := host.LockRun(r.ID)
	if err != nil || alive == nil {
		return graduate.Errorf(graduate.Internal, "the lock of graduation %s cannot be taken (%w); nothing was touched", r.ID, err)
	}
	defer alive.Close()
	log, err := journal.Create(r.Journal())
	if err != nil {
		return graduate.Errorf(graduate.Internal, "the journal of the graduation cannot be made (%w); nothing was touched", err)
	}
	defer log.Close()
	defer host.Unlock() // whatever cannot be removed is unlocked with this process
	c := &coordinator{host: host, run: r, journal: log, screen: screen}
	if err := c.emit(graduate.Event{Type: graduate.EventRun, Plan: r}); err != nil {
		return graduate.Errorf(graduate.Internal, "the journal of the graduation cannot be written (%w); nothing was touched", err)
	}
	return c.drive(ctx, graduate.Prepare)
}

// resume completes a run whose coordinator is gone; nothing happens where another process has taken it up.
func resume(ctx context.Context, host *dokku.Host, h graduate.History, screen ui.Renderer, asked bool) error {
	r := h.Run
	alive, err := host.LockRun(r.ID)
	if err != nil {
		return err
	}
	if alive == nil {
		return nil
	}
	defer alive.Close()
	events, err := journal.Replay(r.Journal()) // another process may have completed it just before
	if err != nil {
		return err
	}
	h = graduate.Tell(events)
	state, ok := h.Resume(asked)
	if !ok {
		return nil
	}
	log, err := journal.Open(r.Journal())
	if err != nil {
		return err
	}
	defer log.Close()
	defer host.Unlock() // whatever cannot be removed is unlocked with this process
	if err := host.Adopt(ctx, r); err != nil {
		return err
	}
	c := &coordinator{host: host, run: r, journal: log, screen: screen, history: h}
	screen.Event(graduate.Event{Type: graduate.EventNotice, Plan: r, Message: fmt.Sprintf(
		"Graduation %s of %s to %s was left in state %s by a coordinator that is gone; it is being completed", r.ID, r.Group, r.To, h.State)})
	return c.drive(ctx, state)
}

// drive takes the run from a state to its end and records how that was.
func (c *coordinator) drive(ctx context.Context, state graduate.State) error {
	// What this process starts is known by it: whoever comes after a dead coordinator waits for it.
	if err := os.Setenv(dokku.EnvID, c.run.ID); err != nil {
		return err
	}
	// A terminal that goes away or a reader that has gone is no reason to stop half-way.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, c.fail = context.WithCancelCause(ctx)
	defer c.fail(nil)
	go c.obey(ctx)
	end, reason := c.engine().Drive(ctx, c.run, state)
	if end == graduate.Stuck && c.released {
		reason = errors.Join(reason, c.host.Leave(c.run))
	}
	return c.outcome(end, reason)
}

// obey stops the run when somebody asks for it. After the release point the engine does not listen any more.
func (c *coordinator) obey(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	select {
	case s := <-signals:
		c.fail(fmt.Errorf("it was stopped by the signal %s", s))
	case <-ctx.Done():
	}
	// Further signals are taken and dropped: an abort is under way, and must come to its end.
}
