package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// Decision is what a person wants to become of a migration of which nobody knows how it ended.
type Decision string

// The decisions.
const (
	Undecided Decision = ""
	// UndoMigration: what it did is taken back, as that of one that has failed.
	UndoMigration Decision = "undo"
	// KeepMigration: what it did stays.
	KeepMigration Decision = "keep"
)

// decidedBy is what the caller of graduate:recover has decided.
func decidedBy(c *Call) (Decision, error) {
	switch d := Decision(c.Flags.String("migration")); {
	case d != Undecided && d != UndoMigration && d != KeepMigration:
		return d, graduate.Errorf(graduate.Invalid, "--migration must be %s or %s, not %q", UndoMigration, KeepMigration, d)
	case d != Undecided && c.Arg(0) == "":
		return d, graduate.Errorf(graduate.Invalid, "--migration needs the group whose migration it is: dokku graduate:recover <group> --migration %s", d)
	default:
		return d, nil
	}
}

// settleMigrations finds out how the migrations ended that a dead coordinator had begun, before anything ends what is
// left of them: one that still runs is awaited until its time-out. Where nobody knows, what a person has decided counts.
func (c *coordinator) settleMigrations(ctx context.Context, decided Decision) error {
	hooks := c.history.Unsettled()
	for _, h := range hooks {
		e := graduate.Event{Type: graduate.EventHook, Hook: h.FullName(), Log: c.run.Log(h.FullName())}
		ended, known := c.host.OneOffEnd(ctx, c.run, h.FullName(), c.begun(h).Add(h.Deadline()))
		switch {
		case known && ended == nil:
			e.State = graduate.HookSucceeded
		case known:
			e.State, e.Message = graduate.HookFailed, ended.Error()
		case decided == KeepMigration:
			e.State, e.Message = graduate.HookKept, "nobody knows how it ended, and what it did stays"
		case decided == UndoMigration && h.Reverses != "":
			e.State, e.Message = graduate.HookRetried, "nobody knows how it ended, and it is run again"
		case decided == UndoMigration:
			e.State, e.Message = graduate.HookFailed, "nobody knows how it ended, and it is taken back"
		default:
			continue // the abort says so, and stops
		}
		if err := c.emit(e); err != nil {
			return fmt.Errorf("how %s ended cannot be recorded: %w", h.FullName(), err)
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	events, err := journal.Replay(c.run.Journal())
	if err == nil {
		c.history = graduate.Tell(events)
	}
	return err
}

// begun is when a hook was begun last.
func (c *coordinator) begun(h graduate.Hook) (at time.Time) {
	for _, e := range c.history.Events {
		if e.Type == graduate.EventHook && e.Hook == h.FullName() && e.State == graduate.HookStarted {
			at = e.Time
		}
	}
	return at
}
