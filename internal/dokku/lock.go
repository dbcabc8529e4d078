package dokku

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// lockFile is Dokku's own deploy lock of an app: an flock on it keeps git pushes and builds off
// (acquire_app_deploy_lock in Dokku's common plugin, which removes the file at the end); `apps:lock` only makes the
// file. So whose file it is has to be known: ours is a hard link to one in ownLocks, whatever became of its process.
// What is no such link is a person's lock, or that of a deploy, and never removed.
func (h *Host) lockFile(app string) string { return h.dataDir("apps", app) + "/.deploy.lock" }

// ownLocks has the files that this plugin's locks of an app are links to, one a process.
func (h *Host) ownLocks(app string) string { return filepath.Join(h.DataDir(), "deploy-locks", app) }

// deployLock is an app's deploy lock that this process holds.
type deployLock struct {
	*flock.Flock
	app string
	// own is the file that the lock's file is a link to; empty where it is a person's.
	own string
}

// LockedError says that a person has locked an app, which does not end by itself.
type LockedError struct{ App string }

// Error is the one line for a person.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked (by dokku apps:lock, or by a deploy that was killed); if that lock is not needed any more: dokku apps:unlock %s", e.App, e.App)
}

// removalGrace is how long the file of a deploy may stay when its lock was let go: Dokku removes it right after that.
const removalGrace = 2 * time.Second

// lookTime bounds how long a recovery waits for whoever holds a lock, who may only look at it.
const lookTime = 5 * time.Second

// lock takes an app's deploy lock, where this process does not have it yet. The kernel drops it with this process.
func (h *Host) lock(app string) error { return h.take(app, tryLock(app), false) }

// adopt does the same for a run that is completed: a lock that a person has set meanwhile is no reason to leave the
// run undone. Deploys are kept off by that file, and it stays. Whoever only looks holds a lock for a moment, too: that
// is waited for.
func (h *Host) adopt(ctx context.Context, app string) error {
	return h.take(app, func(lock *flock.Flock) (bool, error) {
		waited, err := tryLock(app)(lock)
		if graduate.CodeOf(err) != graduate.Conflict {
			return waited, err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, lookTime, err)
		defer cancel()
		return true, Await(ctx, lock)
	}, true)
}

// tryLock takes a lock at once or says who has it.
func tryLock(app string) func(*flock.Flock) (waited bool, err error) {
	return func(lock *flock.Flock) (bool, error) {
		ok, err := lock.TryLock()
		if err != nil {
			return false, fmt.Errorf("%s: the deploy lock cannot be taken: %w", app, err)
		}
		if !ok {
			return false, graduate.Errorf(graduate.Conflict, "%s is being deployed by someone else; try again when that deploy has ended", app)
		}
		return false, nil
	}
}

// AwaitDeploy waits until whoever deploys an app lets its deploy lock go, and takes it, so that nobody comes between.
func (h *Host) AwaitDeploy(ctx context.Context, app string) error {
	return h.take(app, func(lock *flock.Flock) (bool, error) {
		if ok, err := lock.TryLock(); ok || err != nil {
			return false, err
		}
		return true, Await(ctx, lock)
	}, false)
}

// AwaitDeployEnd waits until whoever deploys an app has let its deploy lock go, and leaves it to the next.
func (h *Host) AwaitDeployEnd(ctx context.Context, app string) error {
	lock := flock.New(h.lockFile(app), flock.SetFlag(os.O_RDONLY)) // it must not make the file
	err := Await(ctx, lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return lock.Close()
}

// Await takes a lock as soon as its holder lets it go. flock(2) itself waits: nothing polls.
func Await(ctx context.Context, lock *flock.Flock) error { return await(ctx, lock, lock.Lock) }

func await(ctx context.Context, lock *flock.Flock, take func() error) error {
	taken := make(chan error, 1)
	go func() { taken <- take() }()
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

// take takes an app's deploy lock in the given way. A person's is refused, or borrowed: held, and left as it is.
func (h *Host) take(app string, how func(*flock.Flock) (waited bool, err error), borrow bool) error {
	if h.holds(app) {
		return nil
	}
	if err := os.MkdirAll(h.dataDir("apps", app), 0o755); err != nil {
		return err
	}
	for {
		there := flock.New(h.lockFile(app), flock.SetFlag(os.O_RDONLY)) // it must not make the file
		waited, err := how(there)
		if errors.Is(err, fs.ErrNotExist) {
			if placed, err := h.place(app); placed || err != nil {
				return err
			}
			continue // somebody else was quicker
		}
		if err != nil {
			return err
		}
		lock := deployLock{there, app, h.ownOf(app, there)}
		switch {
		case !inPlace(there, h.lockFile(app)), lock.own == "" && ending(there, h.lockFile(app), waited):
			_ = there.Close() // its file was removed when it was let go: it would keep nobody off
		case lock.own == "" && !borrow:
			_ = there.Close()
			return graduate.Errorf(graduate.Conflict, "%w", &LockedError{app})
		default: // a dead coordinator's, or a person's
			h.hold(lock)
			return nil
		}
	}
}

// place makes a lock of this process at its path, in one step; it is false where another file is there already.
func (h *Host) place(app string) (bool, error) {
	own, err := h.newOwnLock(app)
	if err != nil {
		return false, fmt.Errorf("%s: the deploy lock cannot be made: %w", app, err)
	}
	lock := deployLock{own, app, own.Path()}
	switch err := os.Link(own.Path(), h.lockFile(app)); {
	case err == nil:
		h.hold(lock)
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return false, h.letGo(lock)
	default:
		return false, errors.Join(fmt.Errorf("%s: the deploy lock cannot be made: %w", app, err), h.letGo(lock))
	}
}

// newOwnLock makes a file in ownLocks and locks it.
func (h *Host) newOwnLock(app string) (*flock.Flock, error) {
	h.sweep(app)
	for {
		file, err := h.newOwnFile(app)
		if err != nil {
			return nil, err
		}
		lock := flock.New(file.Name(), flock.SetFlag(os.O_RDONLY))
		if err := errors.Join(file.Chmod(0o644), file.Close()); err != nil {
			return nil, err
		}
		err = lock.Lock()
		if err == nil && inPlace(lock, file.Name()) {
			return lock, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		_ = lock.Close() // another process has taken it for one that a dead process left, before it was locked
	}
}

// newOwnFile makes a file in ownLocks. Another process may remove the folder when it finds it empty.
func (h *Host) newOwnFile(app string) (file *os.File, err error) {
	for range 100 {
		if err = os.MkdirAll(h.ownLocks(app), 0o755); err == nil {
			file, err = os.CreateTemp(h.ownLocks(app), strconv.Itoa(os.Getpid())+"-")
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) { // what MkdirAll says of one that goes meanwhile
			break
		}
	}
	return file, err
}

// sweep removes the files that dead processes left in ownLocks and that are no lock any more.
func (h *Host) sweep(app string) {
	files, _ := filepath.Glob(filepath.Join(h.ownLocks(app), "*"))
	for _, file := range files {
		lock := flock.New(file, flock.SetFlag(os.O_RDONLY))
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue
		}
		if !inPlace(lock, h.lockFile(app)) {
			_ = os.Remove(file)
		}
		_ = lock.Close()
	}
}

// ownOf is the file in ownLocks that a lock's file is a link to; empty where it is none of ours.
func (h *Host) ownOf(app string, there statted) string {
	files, _ := filepath.Glob(filepath.Join(h.ownLocks(app), "*"))
	for _, file := range files {
		if inPlace(there, file) {
			return file
		}
	}
	return ""
}

// lockState tells who keeps others off an app: a process that deploys it and holds its deploy lock, or a person (or
// a deploy that was killed), as the lock's file is there and nobody holds it. What this process holds is nobody's,
// nor is what a dead coordinator left.
func (h *Host) lockState(app string) (deploying, locked bool) {
	if h.holds(app) {
		return false, false
	}
	there, err := os.Open(h.lockFile(app))
	if errors.Is(err, fs.ErrNotExist) {
		return false, false
	}
	if err != nil {
		return false, true
	}
	defer there.Close()
	lock := flock.New(h.lockFile(app), flock.SetFlag(os.O_RDONLY)) // it must not make the file
	ok, err := lock.TryRLock()
	if err == nil && !ok {
		return true, false
	}
	_ = lock.Close() // whoever only looks keeps nobody off
	return false, h.ownOf(app, there) == "" && !ending(there, h.lockFile(app), false)
}

// statted is an open file.
type statted interface{ Stat() (fs.FileInfo, error) }

// ending tells whether a lock is that of a deploy that comes to its end: Dokku lets it go and removes its file then.
// That is awaited where somebody has held it, or where there is something in the file: a deploy writes its id into
// it, `apps:lock` leaves it empty.
func ending(there statted, path string, held bool) bool {
	info, err := there.Stat()
	return err == nil && (held || info.Size() > 0) && removed(there, path, removalGrace)
}

// removed waits for a while until a file is not at its path any more. inotify(7) tells of it: nothing polls.
func removed(there statted, path string, grace time.Duration) bool {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return !inPlace(there, path)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(path), unix.IN_DELETE|unix.IN_MOVE); err != nil {
		return !inPlace(there, path)
	}
	events := make([]byte, 4096)
	for deadline := time.Now().Add(grace); inPlace(there, path); {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		_, _ = unix.Read(fd, events) // what it says is seen at the path
	}
	return true
}

// hold notes a lock as this process's.
func (h *Host) hold(lock deployLock) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locks = append(h.locks, lock)
}

// holds tells whether this process has an app's deploy lock.
func (h *Host) holds(app string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.locks, func(lock deployLock) bool { return lock.app == app && inPlace(lock, h.lockFile(app)) })
}

// inPlace tells whether a lock's file is the one at a path: Dokku removes it after it has let the lock go, and an
// app's next deploy makes another.
func inPlace(there statted, path string) bool {
	held, err := there.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(held, now)
}

// Unlock drops the deploy locks that this process holds. The lock's file goes, too, as its mere existence says
// "locked" (apps:locked); a person's stays.
func (h *Host) Unlock() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, lock := range h.locks {
		errs = append(errs, h.letGo(lock))
		failpoint.Hit("open/lock")
	}
	h.locks = nil
	return errors.Join(errs...)
}

// letGo drops one lock.
func (h *Host) letGo(lock deployLock) error {
	var errs []error
	if lock.own != "" {
		if inPlace(lock, h.lockFile(lock.app)) {
			errs = append(errs, os.Remove(h.lockFile(lock.app)))
		}
		// The link first: without its other name the file would be a person's.
		errs = append(errs, os.Remove(lock.own))
	} else {
		h.sweep(lock.app) // a dead coordinator had one, before a person put another in its place
	}
	_ = os.Remove(h.ownLocks(lock.app))
	_ = os.Remove(filepath.Dir(h.ownLocks(lock.app))) // both only where they are empty
	return errors.Join(append(errs, lock.Close())...)
}
