package dokku

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// orphan starts a process with these variables as a dead coordinator would leave it, and tells of its end.
func orphan(t *testing.T, script string, env ...string) <-chan error {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), env...)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return ended
}

func TestAdoptWaitsForTheCommandsOfADeadCoordinator(t *testing.T) {
	f := newFixture(t)
	gate := filepath.Join(f.dir, "gate")
	require.NoError(t, makeFifo(gate))
	command := orphan(t, "read -r x <"+gate, EnvID+"="+f.run.ID)
	adopted := make(chan error, 1)
	go func() { adopted <- f.Adopt(t.Context(), f.run) }()
	file, err := os.OpenFile(gate, os.O_WRONLY, 0) // returns when the command reads
	require.NoError(t, err)
	select {
	case err := <-adopted:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	require.NoError(t, file.Close())
	require.Error(t, testkit.Receive(t, command), "read has met the end")
	require.NoError(t, testkit.Receive(t, adopted))
}

func TestAdoptEndsTheHooksOfADeadCoordinator(t *testing.T) {
	f := newFixture(t)
	f.write("bin/containers", "r1 "+f.run.ID+" run i\nc1 "+f.run.ID+" deploy i\n")
	hook := orphan(t, "exec sleep 600", EnvID+"="+f.run.ID, "GRADUATE_HOOK=migrate")
	deploy := orphan(t, "exec sleep 600", EnvRun+"="+f.run.ID)
	require.NoError(t, f.Adopt(t.Context(), f.run))
	require.ErrorContains(t, testkit.Receive(t, hook), syscall.SIGKILL.String())
	require.Equal(t, "c1 "+f.run.ID+" deploy i\n", f.read("bin/containers"), "a deploy decides from the journal")
	select {
	case err := <-deploy:
		t.Fatalf("it was ended: %v", err)
	default:
	}
}

func TestCleanRemovesTheFoldersOfHooksThatWereCutOff(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := newFixture(t)
	mine := filepath.Join(os.TempDir(), "graduate-hook-"+f.run.ID+"-1")
	other := filepath.Join(os.TempDir(), "graduate-hook-other-1")
	require.NoError(t, os.Mkdir(mine, 0o700))
	require.NoError(t, os.Mkdir(other, 0o700))
	require.NoError(t, f.clean(f.run))
	require.NoDirExists(t, mine)
	require.DirExists(t, other)
}
