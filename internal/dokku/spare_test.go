package dokku

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// waits makes a check of this program: it prints its PID and who waits for it, and stays.
const waits = "TEST_WAITS_FOR_RUN"

func waitsAsACheck() bool {
	run := os.Getenv(waits)
	if run == "" {
		return false
	}
	fmt.Println(os.Getpid(), "-")
	for _, p := range Waiters(run) {
		fmt.Println(p.PID, p.Started)
	}
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return true
}

// heldDeploy starts a deploy of a process type whose check waits below two shells: the inner one removes the container
// where the check fails, as Dokku's script does, and when it is hung up; the outer one where the inner one fails.
func (f *fixture) heldDeploy(process string) (c graduate.Candidate, check int, ended <-chan error) {
	f.t.Helper()
	self, err := os.Executable()
	require.NoError(f.t, err)
	gate := filepath.Join(f.dir, "gate-"+process)
	out := filepath.Join(f.dir, "out-"+process)
	require.NoError(f.t, makeFifo(gate))
	require.NoError(f.t, makeFifo(out))
	remove := "echo " + process + " >>" + filepath.Join(f.dir, "removed")
	f.write("inner-"+process, fmt.Sprintf("trap '%s; exit 1' HUP; (export %s=%s; exec %s) <%s >%s & wait $! || { %s; exit 1; }", remove, waits, f.run.ID, self, gate, out, remove))
	f.write("bin/trigger-scheduler-deploy", `sh `+f.dir+`/inner-$4 || { `+remove+`; exit 1; }`)
	done := make(chan error, 1)
	log, err := os.Create(filepath.Join(f.dir, "log-"+process)) // a pipe would be awaited until its last writer has ended
	require.NoError(f.t, err)
	f.t.Cleanup(func() { log.Close() })
	go func() { done <- f.Deploy(context.Background(), f.run, f.app, process, log) }()
	keep, err := os.OpenFile(gate, os.O_WRONLY, 0) // returns when the check reads
	require.NoError(f.t, err)
	f.t.Cleanup(func() { keep.Close() })
	said, err := os.Open(out)
	require.NoError(f.t, err)
	defer said.Close()
	c = graduate.Candidate{App: "portal", Process: process, Index: 1, Container: "c-" + process}
	for lines := bufio.NewScanner(said); lines.Scan() && lines.Text() != "up"; {
		var p graduate.Proc
		_, err := fmt.Sscan(lines.Text(), &p.PID, &p.Started)
		require.NoError(f.t, err)
		c.Deploy = append(c.Deploy, p)
	}
	check, c.Deploy = c.Deploy[0].PID, c.Deploy[1:]
	return c, check, done
}

func TestWhoWaitsForACheckIsTheDeployAndNobodyElse(t *testing.T) {
	f := newFixture(t)
	c, check, ended := f.heldDeploy("web")
	require.Equal(t, parent(check), c.Deploy[0].PID)
	last := c.Deploy[len(c.Deploy)-1]
	require.Equal(t, os.Getpid(), parent(last.PID), "up to the one that was started by this process, which is none of it")
	started, err := startTime(last.PID)
	require.NoError(t, err)
	require.Equal(t, started, last.Started)
	require.NoError(t, f.Stop(t.Context(), f.run))
	require.Error(t, testkit.Receive(t, ended))
}

func TestSpareEndsTheDeployBeforeItRemovesTheContainer(t *testing.T) {
	f := newFixture(t)
	f.write("bin/containers", "c-web "+f.run.ID+" deploy i1\nc-worker "+f.run.ID+" deploy i1\n")
	f.write("bin/inspect", "sha256:i1\n")
	queue := "lib/data/scheduler-docker-local/dead-containers"
	f.write(queue, " c-web 1\nother c9 1\n")
	web, _, ended := f.heldDeploy("web")
	worker, _, goesOn := f.heldDeploy("worker")
	require.NoError(t, f.Spare(t.Context(), f.run, web))
	require.ErrorContains(t, testkit.Receive(t, ended), "signal: killed")
	require.NoFileExists(t, filepath.Join(f.dir, "removed"), "a shell that outlives its child")
	require.Contains(t, f.read("bin/containers"), "c-web")
	require.Equal(t, "other c9 1\n", f.read(queue))
	select {
	case err := <-goesOn:
		t.Fatalf("the deploy of another process type was ended: %v", err)
	default:
	}
	require.NoError(t, f.Spare(t.Context(), f.run, web), "a second time")

	// Without who waits for it: they are known by their environment.
	worker.Deploy = nil
	require.NoError(t, f.Spare(t.Context(), f.run, worker))
	require.ErrorContains(t, testkit.Receive(t, goesOn), "signal: killed")
	require.NoFileExists(t, filepath.Join(f.dir, "removed"))
}

func TestSpareLeavesAReusedPIDAlone(t *testing.T) {
	f := newFixture(t)
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := graduate.Candidate{App: "portal", Process: "web", Container: "c1", Deploy: []graduate.Proc{{PID: cmd.Process.Pid, Started: "1"}}}
	require.NoError(t, f.Spare(t.Context(), f.run, c))
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}

// The coordinator died when it had frozen the deploy, and before it had killed it.
func TestARecoveryEndsWhatIsFrozen(t *testing.T) {
	f := newFixture(t)
	web, _, ended := f.heldDeploy("web")
	_, _, goesOn := f.heldDeploy("worker")
	for _, p := range web.Deploy {
		require.NoError(t, syscall.Kill(p.PID, syscall.SIGSTOP))
		require.Eventually(t, func() bool { // a signal is on its way for a moment
			fields, err := stat(p.PID)
			return err == nil && fields[0] == "T"
		}, 10*time.Second, time.Millisecond)
	}
	require.NoError(t, f.Adopt(t.Context(), f.run))
	require.ErrorContains(t, testkit.Receive(t, ended), "signal: killed")
	require.NoFileExists(t, filepath.Join(f.dir, "removed"))
	require.Empty(t, goesOn, "it decides from the journal")
	require.NoError(t, f.Stop(t.Context(), f.run))
	require.Error(t, testkit.Receive(t, goesOn))
}

// A worker that is held waits for the web process, which therefore must not wait for it.
func TestCompleteDoesNotWaitForADeployOfAnotherProcessType(t *testing.T) {
	f := newFixture(t)
	f.write("bin/containers", "c-web "+f.run.ID+" deploy i1\n")
	f.write("home/portal/CONTAINER.web.1", "c-web")
	_, _, ended := f.heldDeploy("worker")
	require.NoError(t, f.Complete(t.Context(), f.run, f.app, "web", io.Discard))
	require.Empty(t, ended)

	// Whoever comes after a dead coordinator finds deploys that go on by themselves: all of them end.
	next := &Host{Root: f.Root, Lib: f.Lib, Docker: f.Docker}
	completed := make(chan error, 1)
	go func() { completed <- next.Complete(t.Context(), f.run, f.app, "web", io.Discard) }()
	select {
	case err := <-completed:
		t.Fatalf("it did not wait: %v", err)
	case err := <-ended:
		t.Fatalf("the deploy was ended: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, f.Halt(t.Context(), f.run))
	require.Error(t, testkit.Receive(t, ended))
	require.NoError(t, testkit.Receive(t, completed))
}

// The coordinator is gone: what is not web goes on when web has ended its deploy.
func TestAnotherTypeAwaitsTheDeployOfWeb(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, AwaitWeb(t.Context(), f.run, "portal"), "there is none")
	_, _, worker := f.heldDeploy("worker")
	require.NoError(t, AwaitWeb(t.Context(), f.run, "portal"), "a worker is no web")
	_, _, web := f.heldDeploy("web")
	require.NoError(t, AwaitWeb(t.Context(), f.run, "ws"), "it is of another app")
	awaited := make(chan error, 1)
	go func() { awaited <- AwaitWeb(t.Context(), f.run, "portal") }()
	select {
	case err := <-awaited:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, f.Stop(t.Context(), f.run))
	require.Error(t, testkit.Receive(t, web))
	require.Error(t, testkit.Receive(t, worker))
	require.NoError(t, testkit.Receive(t, awaited))
}

func TestWhichContainersDokkuTookOver(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/CONTAINER.web.1", "new1")
	f.write("home/portal/CONTAINER.web.2", "old2\n")
	require.True(t, f.TookOver("portal", []string{"new1"}))
	require.False(t, f.TookOver("portal", []string{"new1", "new2"}), "its deploy broke off")
	require.True(t, f.TookOver("portal", nil))
}

// The number of what was frozen is another process's when it comes to the kill.
func TestAFrozenPIDThatIsReusedIsNotKilled(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	f := frozen{cmd.Process.Pid: "1"}
	require.NoError(t, f.kill(t.Context()))
	f.freezeAll(func() map[int]string {
		if len(f) > 1 {
			return nil
		}
		f[0] = "" // so that it is listed once
		return map[int]string{cmd.Process.Pid: "2"}
	})
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}
