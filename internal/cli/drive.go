package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// drive runs a new graduation from its first state to its end.
func drive(ctx context.Context, host *dokku.Host, r *graduate.Run, screen ui.Renderer) error {
	begun := false
	defer func() {
		if !begun { // not even a record of it: nothing may be left of it either
			_ = os.RemoveAll(r.Dir)
		}
	}()
	if err := os.MkdirAll(filepath.Join(r.Dir, "logs"), 0o700); err != nil {
		return graduate.Errorf(graduate.Internal, "the folder of the graduation cannot be made (%w); nothing was touched", err)
	}
	if err := host.SaveDigests(r); err != nil {
		return graduate.Errorf(graduate.Internal, "the folder of the graduation cannot be written (%w); nothing was touched", err)
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
	begun = true
	c.begin()
	defer c.prune()
	return c.drive(ctx, graduate.Prepare)
}

// resume completes a run whose coordinator is gone; nothing happens where another process has taken it up.
func resume(ctx context.Context, host *dokku.Host, h graduate.History, screen ui.Renderer, asked, unattended bool, decided Decision) error {
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
	c := &coordinator{host: host, run: r, journal: log, screen: screen, history: h, unattended: unattended}
	say := func(format string, args ...any) {
		screen.Event(graduate.Event{Type: graduate.EventNotice, Plan: r, Message: fmt.Sprintf(format, args...)})
	}
	if h.Left == "" && r.Quiesced() {
		// First of all: requests may hang at old instances if the room is gone as well, and what follows may take minutes.
		if err := host.ResumeOld(ctx, r, h.Released); err != nil {
			say("Not all old instances of graduation %s go on yet, which is tried again: %v", r.ID, err)
		}
	}
	if err := c.settleMigrations(ctx, decided); err != nil {
		return err
	}
	if err := host.Adopt(ctx, r); err != nil && h.Left != "" {
		say("The clean-up of graduation %s of %s to %s waits for the next command (%v)", r.ID, r.Group, r.To, err)
		return nil
	} else if err != nil {
		return err
	}
	if h.Left != "" {
		say("The clean-up of graduation %s of %s to %s is tried again", r.ID, r.Group, r.To)
	} else {
		say("Graduation %s of %s to %s was left in state %s by a coordinator that is gone; it is being completed", r.ID, r.Group, r.To, h.State)
	}
	c.begin()
	return c.drive(ctx, state)
}

// drive takes the run from a state to its end and records how that was.
func (c *coordinator) drive(ctx context.Context, state graduate.State) error {
	// What this process starts is known by it: whoever comes after a dead coordinator waits for it.
	outer := os.Getenv(dokku.EnvID) // of a release that is being taken back
	if err := os.Setenv(dokku.EnvID, c.run.ID); err != nil {
		return err
	}
	defer os.Setenv(dokku.EnvID, outer)
	// A terminal that goes away or a reader that has gone is no reason to stop half-way.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, c.fail = context.WithCancelCause(ctx)
	defer c.fail(nil)
	ended := make(chan struct{})
	defer close(ended)
	if c.run.Cause == "" { // a release that failed is taken back, whoever grows tired of waiting for it
		go c.obey(ended)
	}
	working := c.lockWork(ctx)
	env := c.environment()
	end, reason := c.engine(env).Drive(ctx, c.run, state)
	if c.released && reason != nil {
		reason = errors.Join(reason, c.host.Leave(c.run))
	}
	if end == graduate.Done {
		c.settled(ctx)
	}
	working() // the targets are open, and nobody waits for what follows
	if c.unattended {
		env.DeferFinally(c.run, outcomeOf(end))
	} else {
		env.Finally(ctx, c.run, outcomeOf(end))
	}
	return c.outcome(end, reason)
}

// settled does what follows from a run that is live. Nothing of it can make the run fail.
func (c *coordinator) settled(ctx context.Context) {
	var err error
	if c.run.Rollback() {
		err = c.host.Hold(c.run)
	}
	if err = errors.Join(err, tidy(context.WithoutCancel(ctx), c.host, c.run)); err != nil {
		c.notice("Not everything that is of no use any more could be removed: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
}

// obey stops the run when somebody asks for it by a signal, or says why it does not.
func (c *coordinator) obey(ended <-chan struct{}) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	for {
		select {
		case s := <-signals:
			c.interrupt(s)
		case <-ended:
			return // further signals are taken and dropped: what is left is to tell how it ended
		}
	}
}

// interrupt is a signal to stop: before the release point it turns the run back.
func (c *coordinator) interrupt(s os.Signal) {
	c.mu.Lock()
	released, stopped := c.released, c.aborting || c.interrupted
	if !released && !stopped {
		c.interrupted = true
		c.fail(fmt.Errorf("it was stopped by the signal %s", s))
	}
	c.mu.Unlock()
	switch {
	case released:
		c.finishing()
	case stopped:
		c.notice("The abort of %s in %s is under way: it comes to its end, and Ctrl-C does not make it quicker", c.run.Group, c.run.To)
	}
}

// enters notes the state that the run enters; late tells that a signal came just too late to stop it.
func (c *coordinator) enters(s graduate.State) (late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	late = s == graduate.Release && c.interrupted
	c.released, c.aborting = c.released || s.Released(), s == graduate.Aborting
	return late
}

// finishing says that it is too late to stop the run.
func (c *coordinator) finishing() {
	c.notice("The release of %s to %s is being finished, and Ctrl-C does not stop it", c.run.Group, c.run.To)
}

// notice tells people something; that it cannot be recorded changes nothing.
func (c *coordinator) notice(format string, args ...any) {
	_ = c.emit(graduate.Event{Type: graduate.EventNotice, Message: fmt.Sprintf(format, args...)})
}
