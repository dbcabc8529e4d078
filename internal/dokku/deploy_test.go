package dokku

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// alive gives a process a named pipe to hold open: up returns when it has, ended when it and its children are gone.
func alive(t *testing.T) (path string, up, ended func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "alive")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	keep, err := os.OpenFile(path, os.O_WRONLY, 0) // else there is an end before there was a beginning
	require.NoError(t, err)
	t.Cleanup(func() { pipe.Close(); keep.Close() })
	require.NoError(t, pipe.SetReadDeadline(time.Now().Add(20*time.Second)))
	up = func() {
		t.Helper()
		_, err := io.ReadFull(pipe, make([]byte, 3))
		require.NoError(t, err)
		require.NoError(t, keep.Close())
	}
	ended = func() {
		t.Helper()
		_, err := io.ReadAll(pipe)
		require.NoError(t, err, "a process is still there")
	}
	return path, up, ended
}

func TestADeployGetsTheRunsEnvironment(t *testing.T) {
	f := newFixture(t)
	f.app.Revision = "abc"
	f.write("bin/trigger-scheduler-deploy", `env | grep -e ^GRADUATE_ -e ^DOKKU_PID | sort`)
	log := filepath.Join(f.dir, "log")
	file, err := os.Create(log)
	require.NoError(t, err)
	require.NoError(t, f.Deploy(t.Context(), f.run, f.app, "web", file))
	require.NoError(t, file.Close())
	require.Equal(t, "trigger scheduler-deploy docker-local portal graduate-"+f.run.ID+" web\n", f.read("bin/triggers"))
	require.Equal(t, []string{
		"DOKKU_PID=graduate-" + f.run.ID, "GRADUATE_JOURNAL=" + f.run.Journal(), "GRADUATE_PROCESS=web", "GRADUATE_REV=GIT_REV=abc", "GRADUATE_RUN=" + f.run.ID,
		"GRADUATE_SOCKET=" + f.run.Socket, "GRADUATE_TAG=graduate-" + f.run.ID, "GRADUATE_TARGET=portal",
	}, f.lines("log"))
}

func TestADeployThatFailsTellsDokkusReason(t *testing.T) {
	f := newFixture(t)
	f.write("bin/trigger-scheduler-deploy", `echo ' !     check failed: /health' >&2; exit 3`)
	file, err := os.Create(f.run.Log("portal"))
	require.NoError(t, err)
	defer file.Close()
	err = f.Deploy(t.Context(), f.run, f.app, "web", file)
	require.EqualError(t, err, "dokku's deploy: exit status 3: check failed: /health")
	code, ok := ExitCode(err)
	require.True(t, ok)
	require.Equal(t, 3, code)
}

func TestStopEndsDeploysWithTheirChildren(t *testing.T) {
	f := newFixture(t)
	path, up, ended := alive(t)
	f.write("bin/trigger-scheduler-deploy", fmt.Sprintf("trap '' TERM INT HUP; exec 3>%s; sleep 600 & echo up >&3; wait", path))
	f.write("bin/containers", "c1 "+f.run.ID+" deploy i1\nc2 "+f.run.ID+" deploy i1\nc9 another deploy i9\n")
	done := make(chan error, 1)
	go func() { done <- f.Deploy(context.Background(), f.run, f.app, "web", io.Discard) }()
	up()
	require.NoError(t, f.Stop(t.Context(), f.run))
	require.ErrorContains(t, testkit.Receive(t, done), "signal: killed")
	ended()

	require.Equal(t, "c9 another deploy i9\n", f.read("bin/containers"))
	require.Equal(t, "it printed this (c1)\n", f.read("lib/data/graduate/runs/"+f.run.ID+"/logs/container/name-of-c1.log"))
	removed := f.read("lib/data/graduate/runs/" + f.run.ID + "/removed")
	require.Contains(t, removed, "c1 i1\n")
	require.Contains(t, removed, "c2 i1\n")
	require.NoError(t, f.Stop(t.Context(), f.run), "a second time")
}

func TestStopLeavesProcessesOfOtherRunsAlone(t *testing.T) {
	f := newFixture(t)
	path, up, ended := alive(t)
	f.write("bin/trigger-scheduler-deploy", fmt.Sprintf("exec 3>%s; sleep 600 & echo up >&3; wait", path))
	done := make(chan error, 1)
	go func() { done <- f.Deploy(context.Background(), f.run, f.app, "web", io.Discard) }()
	up()
	other := *f.run
	other.ID = "01aaaaaaaaaaaaaaaaaaaaaaaa"
	require.NoError(t, f.Stop(t.Context(), &other))
	select {
	case err := <-done:
		t.Fatalf("it was ended: %v", err)
	default:
	}
	require.NoError(t, f.Stop(t.Context(), f.run))
	require.Error(t, testkit.Receive(t, done))
	ended()
}

func TestAReusedPIDIsNotAwaited(t *testing.T) {
	require.NoError(t, awaitProcess(t.Context(), os.Getpid(), "1")) // another process had this PID
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	f := newFixture(t)
	f.write("bin/containers", "c1 "+f.run.ID+" deploy i1\n")
	f.write("bin/fails", "container rm")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("the budget is used up"))
	defer cancel()
	require.ErrorContains(t, f.Stop(ctx, f.run), "the budget is used up")
}

func TestWatchTellsOfContainersThatEnd(t *testing.T) {
	f := newFixture(t)
	f.write("bin/events", "c1\nc2\n")
	ended := make(chan string, 10)
	over := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(over)
		f.Watch(ctx, f.run, func(id string) { ended <- id })
	}()
	require.Equal(t, "c1", testkit.Receive(t, ended))
	require.Equal(t, "c2", testkit.Receive(t, ended))
	require.Contains(t, f.read("bin/calls"), "label=com.dokku.graduate.run="+f.run.ID)
	cancel()
	<-over
	f.Docker = "/no/such/docker"
	f.Watch(t.Context(), f.run, func(string) { t.Error("something ended") })
}

func TestScaleIsThatOfTheProcfile(t *testing.T) {
	for _, c := range []struct {
		name, exists string
		want         []graduate.Process
	}{
		{"web first, and only what there is", "exit 0", []graduate.Process{{Type: "web", Count: 2}, {Type: "cron", Count: 0}}},
		{"all without a Procfile", "exit 1", []graduate.Process{{Type: "web", Count: 2}, {Type: "clock", Count: 1}, {Type: "cron", Count: 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("bin/trigger-ps-current-scale", `printf 'clock=1\ncron=0\nnonsense\nx=y\nweb=2\n'`)
			f.write("bin/trigger-procfile-exists", c.exists)
			f.write("bin/trigger-procfile-get-command", `[ "$2" = clock ] || echo "bin/$2"`)
			processes, err := f.scale(t.Context(), f.run, f.app)
			require.NoError(t, err)
			require.Equal(t, c.want, processes)
		})
	}
}

func TestOneOffsAreStartedAsDokkuDoes(t *testing.T) {
	f := newFixture(t)
	f.write("bin/trigger-scheduler-run", `printf '[%s]\n' "$@"; echo "$DOKKU_RM_CONTAINER $GRADUATE_RUN $GRADUATE_TAG $GRADUATE_HOOK"; exit 5`)
	out, err := os.Create(filepath.Join(f.dir, "out"))
	require.NoError(t, err)
	defer out.Close()
	err = f.OneOff(t.Context(), f.run, f.app, graduate.OneOff{Hook: "post/smoke", Tag: "a-tag", Variables: []string{"A=b c", "B="}, Command: []string{"sh", "-c", "echo 'x y'"}}, out)
	code, ok := ExitCode(err)
	require.True(t, ok)
	require.Equal(t, 5, code)
	require.Equal(t, "[docker-local]\n[portal]\n[2]\n[A=\"b c\"]\n[B=\"\"]\n[--]\n[sh]\n[-c]\n[echo 'x y']\n "+f.run.ID+" a-tag post/smoke\n", f.read("out"))

	f.write("bin/containers", "r1 "+f.run.ID+" run i\nc1 "+f.run.ID+" deploy i\nr2 another run i\n")
	require.NoError(t, f.StopOneOffs(t.Context(), f.run, ""))
	require.Equal(t, "c1 "+f.run.ID+" deploy i\nr2 another run i\n", f.read("bin/containers"))
	require.NoError(t, f.StopOneOffs(t.Context(), f.run, "post/smoke"))
	require.Contains(t, f.read("bin/calls"), "--filter label=com.dokku.graduate.hook=post/smoke\n")
}

func TestHowAOneOffContainerEnded(t *testing.T) {
	one := graduate.OneOff{Hook: "post/smoke", Tag: "latest"}
	for _, c := range []struct{ name, state, containers, want string }{
		{"with a code", `"Status": "exited", "ExitCode": 5`, "r1 RUN run i\n", "it ended with exit code 5"},
		{"by a signal", `"Status": "exited", "ExitCode": 137`, "r1 RUN run i\n", "it was ended by the signal killed (exit code 137)"},
		{"without memory", `"Status": "exited", "ExitCode": 137, "OOMKilled": true`, "r1 RUN run i\n", "it ran out of memory: its container may use 16 MB (exit code 137)"},
		{"not begun", `"Status": "created", "ExitCode": 127, "Error": "no such file"`, "r1 RUN run i\n", "its command could not be started: no such file"},
		{"unknown", ``, "", "plugn trigger scheduler-run: exit status 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("bin/trigger-scheduler-run", "exit 5")
			f.write("bin/containers", strings.ReplaceAll(c.containers, "RUN", f.run.ID)+"c1 "+f.run.ID+" deploy i\n")
			f.write("bin/inspect", `[{"Id": "r1", "State": {`+c.state+`}, "HostConfig": {"Memory": 16777216}}]`)
			require.EqualError(t, f.OneOff(t.Context(), f.run, f.app, one, io.Discard), c.want)
			require.Equal(t, "c1 "+f.run.ID+" deploy i\n", f.read("bin/containers"), "its container is removed, and no other")
		})
	}
	f := newFixture(t)
	f.write("bin/containers", "r1 "+f.run.ID+" run i\n")
	require.NoError(t, f.OneOff(t.Context(), f.run, f.app, one, io.Discard))
	require.Empty(t, f.read("bin/containers"))
}

func TestAHookMayBeAProcessOfTheProcfile(t *testing.T) {
	f := newFixture(t)
	f.write("bin/trigger-scheduler-run", `while [ "$1" != -- ]; do shift; done; printf '[%s]' "$@" >"$(dirname "$0")/ran"`)
	f.write("lib/data/ps/portal/Procfile", "web: serve\nold: bin/old\n")
	f.write("lib/data/graduate/runs/"+f.run.ID+"/staged/portal/Procfile", "web: serve\nrelease: bin/release --all\n")
	run := func(tag, process string) error {
		return f.OneOff(t.Context(), f.run, f.app, graduate.OneOff{Hook: "post/x", Tag: tag, Process: process}, io.Discard)
	}
	require.NoError(t, run(f.run.Tag(), "release"))
	require.Equal(t, "[--][/bin/bash][-c][set -e; set -o pipefail || true; bin/release --all || exit 1;]", f.read("bin/ran"))
	require.NoError(t, run("latest", "old"))
	require.Contains(t, f.read("bin/ran"), "bin/old")
	require.EqualError(t, run(f.run.Tag(), "old"), "the Procfile of portal has no process old")
	require.EqualError(t, run("latest", "release"), "the Procfile of portal has no process release")
	failed := &graduate.Run{ID: strings.Repeat("7", 26)} // whose release is taken back
	require.EqualError(t, run(failed.Tag(), "undo"), "the Procfile of portal has no process undo")
	f.write("lib/data/graduate/runs/"+failed.ID+"/staged/portal/Procfile", "web: serve\nundo: bin/undo\n")
	require.NoError(t, run(failed.Tag(), "undo"))
	require.Contains(t, f.read("bin/ran"), "bin/undo")
}

func makeFifo(path string) error { return syscall.Mkfifo(path, 0o600) }
