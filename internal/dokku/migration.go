package dokku

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// LockMigrations waits for the lock that one migration of a group holds, whatever environments it is for: they may share
// a data store. waits is called where somebody else has it. The kernel drops it with this process.
func (h *Host) LockMigrations(ctx context.Context, group string, waits func()) (unlock func(), err error) {
	dir := filepath.Join(h.DataDir(), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, group+".migrations"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		waits()
		err = Await(ctx, lock)
	}
	if err != nil {
		return nil, fmt.Errorf("the lock of the group's migrations cannot be taken: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}

// OneOffEnd waits, at most so long, until the container that a dead coordinator has started for a hook ends, and tells
// how. known is false where there is no such container any more.
func (h *Host) OneOffEnd(ctx context.Context, r *graduate.Run, hook string, until time.Time) (ended error, known bool) {
	ids, err := h.oneOffs(ctx, r, hook)
	if err != nil || len(ids) != 1 {
		return nil, false
	}
	late := errors.New("it did not end within its time-out")
	bounded, cancel := context.WithDeadlineCause(ctx, until, late)
	defer cancel()
	c, ok := h.oneOffState(ctx, ids[0])
	if ok && c.State.Running {
		if _, err := h.docker(bounded, "container", "wait", ids[0]); err != nil && bounded.Err() != nil {
			return context.Cause(bounded), errors.Is(context.Cause(bounded), late)
		}
		c, ok = h.oneOffState(ctx, ids[0])
	}
	switch {
	case !ok || c.State.Running:
		return nil, false
	case c.State.Status == "exited" && c.State.ExitCode == 0:
		return nil, true
	default:
		return exitOf(c), true
	}
}

func (h *Host) oneOffState(ctx context.Context, id string) (c dockerContainer, ok bool) {
	found, err := inspect[dockerContainer](ctx, h, "container", []string{id})
	c, ok = found[id]
	return c, ok && err == nil
}

// exitOf is how a container ended that did not end well.
func exitOf(c dockerContainer) error {
	e := &graduate.ExitError{Code: c.State.ExitCode, OutOfMemory: c.State.OOMKilled, Limit: c.HostConfig.Memory}
	if c.State.Status == "created" {
		e.Problem = "its container was made, and not started"
		if c.State.Error != "" {
			e.Problem = c.State.Error
		}
	}
	return e
}
