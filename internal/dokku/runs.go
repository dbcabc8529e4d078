package dokku

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/gofrs/flock"
)

// runID is the form of a run's id: a ULID in lower case.
var runID = regexp.MustCompile(`^[0-9a-z]{26}$`)

func (h *Host) runsDir() string { return filepath.Join(h.DataDir(), "runs") }

// RunDir is the folder of a run.
func (h *Host) RunDir(id string) string { return filepath.Join(h.runsDir(), id) }

// RunIDs lists all runs that left a folder, the oldest first: their ids sort by time.
func (h *Host) RunIDs() []string {
	entries, err := os.ReadDir(h.runsDir())
	if err != nil {
		return nil
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && runID.MatchString(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	slices.Sort(ids)
	return ids
}

// LockRun takes the lock that says that a run has a living coordinator; nil where another process has it. The
// kernel drops it with its process, so it cannot be stale, whatever becomes of the PID.
func (h *Host) LockRun(id string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(h.RunDir(id), "lock"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		// Whoever only looks (Alive) shares it for a moment. A coordinator does not: where it can be shared, there is none.
		if ok, err = lock.TryRLock(); ok {
			err = lock.Lock()
		}
	}
	if err != nil || !ok {
		return nil, err
	}
	return lock, nil
}

// Alive tells whether a run has a living coordinator.
func (h *Host) Alive(id string) bool { return h.taken(id, "lock") }

// taken tells whether a process has a lock of a run.
func (h *Host) taken(id, name string) bool {
	lock := flock.New(filepath.Join(h.RunDir(id), name), flock.SetFlag(os.O_RDWR))
	ok, err := lock.TryRLock()
	if err != nil {
		return false
	}
	if ok {
		_ = lock.Close()
	}
	return !ok
}

// workLock is the name of the lock of a run whose own work ends before its coordinator does.
const workLock = "work"

// LockWork takes the lock that says that the own work of a run goes on: its finally hooks come after it. A run
// without such hooks needs none. Whoever calls it has the run's own lock.
func (h *Host) LockWork(ctx context.Context, id string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(h.RunDir(id), workLock))
	return lock, await(ctx, lock, lock.Lock) // whoever only looks shares it for a moment
}

// Works tells whether the own work of a run goes on: its targets are closed.
func (h *Host) Works(id string) bool {
	if !exists(filepath.Join(h.RunDir(id), workLock)) {
		return h.Alive(id)
	}
	return h.taken(id, workLock)
}

// AwaitRun waits until a run has no living coordinator any more.
func (h *Host) AwaitRun(ctx context.Context, id string) error { return h.awaitLock(ctx, id, "lock") }

// AwaitWork waits until the own work of a run has ended, or its coordinator.
func (h *Host) AwaitWork(ctx context.Context, id string) error {
	name := workLock
	if !exists(filepath.Join(h.RunDir(id), workLock)) {
		name = "lock"
	}
	return h.awaitLock(ctx, id, name)
}

// awaitLock waits until nobody has a lock of a run. It shares the lock, as whoever only looks does.
func (h *Host) awaitLock(ctx context.Context, id, name string) error {
	lock := flock.New(filepath.Join(h.RunDir(id), name), flock.SetFlag(os.O_RDONLY))
	err := await(ctx, lock, lock.RLock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its folder was removed since
	}
	if err != nil {
		return err
	}
	return lock.Close()
}
