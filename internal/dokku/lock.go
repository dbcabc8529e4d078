package dokku

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gofrs/flock"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// lockFile is Dokku's own deploy lock of an app: an flock on it keeps git pushes and builds off
// (acquire_app_deploy_lock in Dokku's common plugin); `apps:lock` only makes the file.
func (h *Host) lockFile(app string) string { return h.dataDir("apps", app) + "/.deploy.lock" }

// Close takes the deploy lock of every target, then copies what belongs to the targets.
func (h *Host) Close(ctx context.Context, r *graduate.Run) error {
	for _, a := range r.Apps {
		if err := h.lock(a.Target); err != nil {
			return err
		}
	}
	failpoint.Hit("close/locked")
	if err := h.closeTargets(r); err != nil {
		return fmt.Errorf("the targets cannot be closed to other changes: %w", err)
	}
	for _, a := range r.Active() {
		if err := h.snapshot(ctx, r, a); err != nil {
			return fmt.Errorf("%s: what belongs to the app cannot be copied: %w", a.Target, err)
		}
		failpoint.Hit("close/copied")
	}
	return nil
}

// lock takes an app's deploy lock. The kernel drops it with this process.
func (h *Host) lock(app string) error {
	path := h.lockFile(app)
	if err := os.MkdirAll(h.dataDir("apps", app), 0o755); err != nil {
		return err
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("%s: the deploy lock cannot be taken: %w", app, err)
	}
	if !ok {
		return graduate.Errorf(graduate.Conflict, "%s is being deployed by someone else; try again when that deploy has ended", app)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locks = append(h.locks, lock)
	return nil
}

// Open removes what the run needed only while it was under way and lets others at the targets again.
func (h *Host) Open(_ context.Context, r *graduate.Run) error {
	if err := h.clean(r); err != nil {
		return err
	}
	failpoint.Hit("open/cleaned")
	return errors.Join(h.Unlock(), h.openTargets(r))
}

// Leave lets others at the targets of a run that stopped for a person after its release point; what is needed to
// complete it stays.
func (h *Host) Leave(r *graduate.Run) error { return errors.Join(h.Unlock(), h.openTargets(r)) }

// Unlock drops the deploy locks that this process holds. Dokku removes the lock's file, too: its mere existence
// says "locked" (apps:locked).
func (h *Host) Unlock() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, lock := range h.locks {
		if err := os.Remove(lock.Path()); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, lock.Close())
		failpoint.Hit("open/lock")
	}
	h.locks = nil
	return errors.Join(errs...)
}
