package dokku

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

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
	if err := h.copyQueues(r); err != nil {
		return fmt.Errorf("the retirement queues cannot be copied: %w", err)
	}
	return nil
}

// lock takes an app's deploy lock, where this process does not have it yet. The kernel drops it with this process.
func (h *Host) lock(app string) error {
	return h.take(app, func(lock *flock.Flock) error {
		ok, err := lock.TryLock()
		if err != nil {
			return fmt.Errorf("%s: the deploy lock cannot be taken: %w", app, err)
		}
		if !ok {
			return graduate.Errorf(graduate.Conflict, "%s is being deployed by someone else; try again when that deploy has ended", app)
		}
		return nil
	})
}

// AwaitDeploy waits until whoever deploys an app lets its deploy lock go, and takes it, so that nobody comes between.
func (h *Host) AwaitDeploy(ctx context.Context, app string) error {
	return h.take(app, func(lock *flock.Flock) error { return Await(ctx, lock) })
}

// Await takes a lock as soon as its holder lets it go. flock(2) itself waits: nothing polls.
func Await(ctx context.Context, lock *flock.Flock) error {
	taken := make(chan error, 1)
	go func() { taken <- lock.Lock() }()
	select {
	case err := <-taken:
		return err
	case <-ctx.Done():
		go func() { // it comes too late
			<-taken
			_ = lock.Close()
		}()
		return context.Cause(ctx)
	}
}

// take takes an app's deploy lock in the given way.
func (h *Host) take(app string, how func(*flock.Flock) error) error {
	if h.holds(app) {
		return nil
	}
	if err := os.MkdirAll(h.dataDir("apps", app), 0o755); err != nil {
		return err
	}
	for {
		lock := flock.New(h.lockFile(app))
		if err := how(lock); err != nil {
			return err
		}
		if inPlace(lock) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.locks = append(h.locks, lock)
			return nil
		}
		_ = lock.Close() // its file was removed when it was let go: it would keep nobody off
	}
}

// lockState tells who keeps others off an app: a process that deploys it and holds its deploy lock, or a person (or
// a deploy that was killed), as the lock's file is there and nobody holds it. What this process holds is nobody's.
func (h *Host) lockState(app string) (deploying, locked bool) {
	if h.holds(app) {
		return false, false
	}
	lock := flock.New(h.lockFile(app), flock.SetFlag(os.O_RDONLY)) // it must not make the file
	ok, err := lock.TryRLock()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, false
	case err == nil && !ok:
		return true, false
	default:
		_ = lock.Close()
		return false, true
	}
}

// holds tells whether this process has an app's deploy lock.
func (h *Host) holds(app string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.locks, func(lock *flock.Flock) bool { return lock.Path() == h.lockFile(app) && inPlace(lock) })
}

// inPlace tells whether the file of a lock still is the one at its path: Dokku removes it after it has let the lock
// go, and an app's next deploy makes another.
func inPlace(lock *flock.Flock) bool {
	held, err := lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(held, now)
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
		if inPlace(lock) {
			errs = append(errs, os.Remove(lock.Path()))
		}
		errs = append(errs, lock.Close())
		failpoint.Hit("open/lock")
	}
	h.locks = nil
	return errors.Join(errs...)
}
