package dokku

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// locks makes the file of an app's deploy lock, as a person's `dokku apps:lock` does.
func (f *fixture) locks(app string) {
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.lockFile(app)), 0o755))
	file, err := os.Create(f.lockFile(app))
	require.NoError(f.t, err)
	require.NoError(f.t, file.Close())
}

// dies drops the locks of a process, and nothing else, as its end does.
func (h *Host) dies() {
	for _, lock := range h.locks {
		_ = lock.Close()
	}
	h.locks = nil
}

// deploys holds an app's deploy lock, as a deploy of somebody else does.
func (f *fixture) deploys(app string) *flock.Flock {
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.lockFile(app)), 0o755))
	lock := flock.New(f.lockFile(app))
	ok, err := lock.TryLock()
	require.NoError(f.t, err)
	require.True(f.t, ok)
	require.NoError(f.t, os.WriteFile(lock.Path(), []byte("build-1\n"), 0o644))
	f.t.Cleanup(func() { _ = lock.Close() })
	return lock
}

func TestADeployOfSomebodyElseIsNotDisturbed(t *testing.T) {
	f := newFixture(t)
	theirs := f.deploys("portal")
	err := f.lock("portal")
	require.EqualError(t, err, "portal is being deployed by someone else; try again when that deploy has ended")
	require.Equal(t, graduate.Conflict, graduate.CodeOf(err))
	require.NoError(t, f.Unlock())
	require.FileExists(t, theirs.Path())
}

func TestADeployIsAwaitedUpToABound(t *testing.T) {
	f := newFixture(t)
	theirs := f.deploys("portal")
	tooLong := errors.New("too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, tooLong)
	defer cancel()
	require.ErrorIs(t, f.AwaitDeploy(ctx, "portal"), tooLong)
	require.False(t, f.holds("portal"))

	require.NoError(t, theirs.Close())
	// Whoever came too late holds nothing: the next one gets it, as soon as the file of that deploy has gone.
	got := make(chan error, 1)
	go func() { got <- f.AwaitDeploy(t.Context(), "portal") }()
	require.NoError(t, os.Remove(theirs.Path()))
	require.NoError(t, testkit.Receive(t, got))
	require.True(t, f.holds("portal"))
}

// Dokku lets its lock go first and removes the file then: what was waited for may be a lock on a file that is gone.
func TestALockIsTheOneAtItsPath(t *testing.T) {
	f := newFixture(t)
	theirs := f.deploys("portal")
	got := make(chan error, 1)
	go func() { got <- f.AwaitDeploy(t.Context(), "portal") }()
	require.NoError(t, os.Remove(theirs.Path()))
	require.NoError(t, theirs.Close())
	require.NoError(t, <-got)
	deploying, locked := newHostLike(f).lockState("portal")
	require.True(t, deploying && !locked, "whoever looks at the path now finds the lock")

	require.NoError(t, os.Remove(theirs.Path()))
	require.False(t, f.holds("portal"), "removed after it was taken: it keeps nobody off")
	require.NoError(t, f.lock("portal"))
	require.True(t, f.holds("portal"))
	require.NoError(t, f.Unlock())
	require.NoFileExists(t, theirs.Path())
}

func TestUnlockLeavesTheLockOfTheNextOne(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.lock("portal"))
	require.NoError(t, os.Remove(f.lockFile("portal")))
	theirs := f.deploys("portal")
	require.NoError(t, f.Unlock())
	require.FileExists(t, theirs.Path())
}

// A person may be quicker than the run whose plan has seen no lock.
func TestALockOfAPersonIsRefusedAndOutlivesTheRun(t *testing.T) {
	f := newFixture(t)
	f.locks("portal")
	for _, take := range []func() error{
		func() error { return f.lock("portal") },
		func() error { return f.AwaitDeploy(t.Context(), "portal") },
		func() error { return f.Close(t.Context(), f.run) },
	} {
		err := take()
		var locked *LockedError
		require.ErrorAs(t, err, &locked)
		require.Equal(t, graduate.Conflict, graduate.CodeOf(err))
		require.EqualError(t, err, "portal is locked (by dokku apps:lock, or by a deploy that was killed); if that lock is not needed any more: dokku apps:unlock portal")
		require.False(t, f.holds("portal"))
	}
	require.NoError(t, f.Restore(t.Context(), f.run))
	_, locked := newHostLike(f).lockState("portal")
	require.True(t, locked)
}

func TestALockThatAPersonMakesMeanwhileOutlivesTheRun(t *testing.T) {
	for name, end := range map[string]func(f *fixture) error{
		"live":     func(f *fixture) error { return f.Open(f.t.Context(), f.run) },
		"aborted":  func(f *fixture) error { return f.Restore(f.t.Context(), f.run) },
		"left":     func(f *fixture) error { return f.Leave(f.run) },
		"finished": func(f *fixture) error { return f.Unlock() },
		"recovered": func(f *fixture) error {
			f.dies()
			next := newHostLike(f)
			require.NoError(f.t, next.Adopt(f.t.Context(), f.run), "a recovery is not kept up by it")
			deploying, _ := newHostLike(f).lockState("portal")
			require.True(f.t, deploying, "it keeps deploys off meanwhile")
			return next.Restore(f.t.Context(), f.run)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			require.NoError(t, f.Close(t.Context(), f.run))
			require.NoError(t, os.Remove(f.lockFile("portal"))) // apps:unlock
			f.locks("portal")
			require.NoError(t, end(f))
			_, locked := newHostLike(f).lockState("portal")
			require.True(t, locked)
			require.NoDirExists(t, filepath.Join(f.DataDir(), "deploy-locks"), "nothing else is left of the run's")
			require.NoError(t, os.Remove(f.lockFile("portal")))
			require.NoError(t, newHostLike(f).lock("portal"))
		})
	}
}

func TestTheLockOfADeadCoordinatorIsTakenOver(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.lock("portal"))
	f.dies()
	deploying, locked := newHostLike(f).lockState("portal")
	require.False(t, deploying || locked, "it is nobody's")

	next := newHostLike(f)
	require.NoError(t, next.lock("portal"))
	require.True(t, next.holds("portal"))
	require.Error(t, f.lock("portal"))
	require.NoError(t, next.Unlock())
	require.NoFileExists(t, f.lockFile("portal"))
	require.NoDirExists(t, filepath.Join(f.DataDir(), "deploy-locks"))
}

func TestOneProcessAtATimeHasTheLock(t *testing.T) {
	f := newFixture(t)
	var holders atomic.Int32
	ended := make(chan error, 8)
	for range cap(ended) {
		go func() {
			var err error
			for i := 0; i < 25 && err == nil; i++ {
				host := newHostLike(f)
				if err = host.AwaitDeploy(t.Context(), "portal"); err != nil {
					break
				}
				if n := holders.Add(1); n != 1 {
					err = fmt.Errorf("%d have it", n)
				}
				holders.Add(-1)
				err = errors.Join(err, host.Unlock())
			}
			ended <- err
		}()
	}
	for range cap(ended) {
		require.NoError(t, testkit.Receive(t, ended))
	}
	require.NoFileExists(t, f.lockFile("portal"))
	require.NoDirExists(t, filepath.Join(f.DataDir(), "deploy-locks"))
}

// A process may die after it has made its file, before that is a lock or when it is none any more.
func TestFilesOfDeadProcessesGo(t *testing.T) {
	f := newFixture(t)
	f.write("lib/data/graduate/deploy-locks/portal/1-dead", "")
	require.NoError(t, f.lock("portal"))
	files, err := os.ReadDir(f.ownLocks("portal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	f.sweep("portal")
	require.FileExists(t, filepath.Join(f.ownLocks("portal"), files[0].Name()), "that of a living one stays")
	require.NoError(t, f.Unlock())
}

// Dokku lets the lock of a deploy go and removes its file then; whoever looks in between sees no person's lock.
func TestTheFileOfADeployThatEndsIsAwaited(t *testing.T) {
	f := newFixture(t)
	f.write("lib/data/apps/portal/.deploy.lock", "build-1\n")
	there, err := os.Open(f.lockFile("portal"))
	require.NoError(t, err)
	defer there.Close()
	require.False(t, removed(there, f.lockFile("portal"), 10*time.Millisecond), "that of a deploy that was killed stays")

	gone, taken := make(chan bool, 1), make(chan error, 1)
	go func() { gone <- removed(there, f.lockFile("portal"), time.Minute) }()
	go func() { taken <- f.lock("portal") }()
	require.NoError(t, os.Remove(f.lockFile("portal")))
	require.True(t, testkit.Receive(t, gone))
	require.NoError(t, testkit.Receive(t, taken))
	require.True(t, f.holds("portal"))
}

func TestWhoeverOnlyLooksIsNoCoordinator(t *testing.T) {
	f := newFixture(t)
	looks := flock.New(filepath.Join(f.RunDir(f.run.ID), "lock"))
	ok, err := looks.TryRLock()
	require.NoError(t, err)
	require.True(t, ok)
	got := make(chan *flock.Flock)
	go func() {
		lock, err := f.LockRun(f.run.ID)
		assert.NoError(t, err)
		got <- lock
	}()
	time.Sleep(50 * time.Millisecond) // so that it meets the lock; it passes without, too
	require.NoError(t, looks.Close())
	lock := <-got
	require.NotNil(t, lock)
	require.NoError(t, lock.Close())
}

func TestNoLockIsMadeByLooking(t *testing.T) {
	f := newFixture(t)
	deploying, locked := f.lockState("portal")
	require.False(t, deploying || locked)
	require.NoFileExists(t, f.lockFile("portal"))
}

// newHostLike is another process on the same machine.
func newHostLike(f *fixture) *Host {
	return &Host{Root: f.Root, Lib: f.Lib, Plugins: f.Plugins, Docker: f.Docker}
}

// A source is waited for, and left to its next deploy.
func TestTheEndOfADeployIsAwaitedWithoutTheLock(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.AwaitDeployEnd(t.Context(), "portal"), "nobody deploys it")
	require.NoFileExists(t, f.lockFile("portal"))
	other := newHostLike(f)
	require.NoError(t, other.lock("portal"))
	awaited := make(chan error, 1)
	go func() { awaited <- f.AwaitDeployEnd(t.Context(), "portal") }()
	select {
	case err := <-awaited:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, other.Unlock())
	require.NoError(t, testkit.Receive(t, awaited))
	require.False(t, f.holds("portal"))
	require.NoError(t, newHostLike(f).lock("portal"))
}

// A plan looks at the lock that a dead coordinator left, in the moment that a recovery takes it.
func TestARecoveryAwaitsWhoeverOnlyLooks(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.lock("portal"))
	f.dies()
	looks := flock.New(f.lockFile("portal"), flock.SetFlag(os.O_RDONLY))
	ok, err := looks.TryRLock()
	require.NoError(t, err)
	require.True(t, ok)
	next, taken := newHostLike(f), make(chan error, 1)
	go func() { taken <- next.adopt(t.Context(), "portal") }()
	select {
	case err := <-taken:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, looks.Close())
	require.NoError(t, testkit.Receive(t, taken))
	require.True(t, next.holds("portal"))
}
