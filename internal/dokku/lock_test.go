package dokku

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// deploys holds an app's deploy lock, as a deploy of somebody else does.
func (f *fixture) deploys(app string) *flock.Flock {
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.lockFile(app)), 0o755))
	lock := flock.New(f.lockFile(app))
	ok, err := lock.TryLock()
	require.NoError(f.t, err)
	require.True(f.t, ok)
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
	// Whoever came too late holds nothing: the next one gets it.
	require.NoError(t, f.AwaitDeploy(t.Context(), "portal"))
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
