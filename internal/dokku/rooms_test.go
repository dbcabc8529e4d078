package dokku

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// leaveRoom makes the folder of a run's waiting room, as one leaves it that was killed.
func (f *fixture) leaveRoom(id string) string {
	f.t.Helper()
	dir := filepath.Dir(f.RoomSocket(&graduate.Run{ID: id}, 0))
	require.NoError(f.t, os.MkdirAll(dir, 0o711))
	require.NoError(f.t, os.WriteFile(filepath.Join(dir, "0.sock"), nil, 0o600))
	return dir
}

func TestRoomsThatWereKilledAreRemoved(t *testing.T) {
	f := newFixture(t)
	own, open, earlier := f.leaveRoom(f.run.ID), f.leaveRoom("01jabcdefghjkmnpqrstvwxyz1"), f.leaveRoom("01jabcdefghjkmnpqrstvwxyz2")
	alive := f.leaveRoom("01jabcdefghjkmnpqrstvwxyz3")
	lock := flock.New(open, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, os.MkdirAll(f.RunDir("01jabcdefghjkmnpqrstvwxyz3"), 0o700))
	run, err := f.LockRun("01jabcdefghjkmnpqrstvwxyz3")
	require.NoError(t, err)
	require.NotNil(t, run)

	require.NoError(t, f.clean(f.run))
	require.DirExists(t, own, "the run knows of no room")
	f.run.Settings.Quiesce = &graduate.Quiesce{}
	require.NoError(t, f.clean(f.run))
	require.NoDirExists(t, own)
	require.NoDirExists(t, earlier)
	require.DirExists(t, open, "requests still go through it")
	require.DirExists(t, alive, "its coordinator may be about to open it")
	require.NoError(t, lock.Close())
	require.NoError(t, f.clean(f.run))
	require.NoDirExists(t, open)
}

func TestAsWhomNginxRuns(t *testing.T) {
	f := newFixture(t)
	realNginx(t, f)
	require.Eventually(t, func() bool { return len(f.nginxWorkers()) >= 2 }, 10*time.Second, 10*time.Millisecond)
	var want []int
	for _, p := range f.nginxWorkers() {
		out, err := exec.Command("ps", "-o", "euid=", "-p", strconv.Itoa(p.PID)).Output()
		require.NoError(t, err)
		uid, err := strconv.Atoi(strings.TrimSpace(string(out)))
		require.NoError(t, err)
		want = append(want, uid)
	}
	slices.Sort(want)
	got := f.NginxUsers()
	slices.Sort(got)
	require.Equal(t, slices.Compact(want), got)
}
