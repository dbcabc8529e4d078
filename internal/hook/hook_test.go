package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// containers is a fake of the platform that notes the one-off containers it is asked for.
type containers struct {
	ran     []string
	tags    []string
	stopped int
	// stoppedOf is the hook whose containers were removed last.
	stoppedOf string
	run       func(ctx context.Context, out io.Writer) error
	stop      error
}

func (c *containers) OneOff(ctx context.Context, _ *graduate.Run, a *graduate.App, o graduate.OneOff, out io.Writer) error {
	c.ran, c.tags = append(c.ran, fmt.Sprintf("%s %q %s", a.Target, o.Command, strings.Join(o.Variables, " "))), append(c.tags, o.Tag)
	if c.run != nil {
		return c.run(ctx, out)
	}
	return nil
}

func (c *containers) StopOneOffs(ctx context.Context, _ *graduate.Run, hook string) error {
	c.stopped, c.stoppedOf = c.stopped+1, hook
	return errors.Join(c.stop, ctx.Err())
}

// fixture is a runner with a folder of host scripts.
type fixture struct {
	*Runner
	t          *testing.T
	run        *graduate.Run
	containers *containers
	scripts    string
	mu         sync.Mutex
	lines      []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, containers: &containers{}, scripts: filepath.Join(dir, "scripts"), run: &graduate.Run{
		ID: "01j", Group: "shop", From: "dev", To: "prod", Dir: filepath.Join(dir, "run"),
		Apps: []*graduate.App{{Role: "portal", Target: "portal-prod", Revision: "abc", Before: "def", Source: "portal-dev", Image: "sha256:new"}, {Role: "web.api-2", Target: "ws", Skip: "unchanged"}},
	}}
	require.NoError(t, os.Mkdir(f.scripts, 0o755))
	f.Runner = &Runner{
		Containers: f.containers,
		HostHook: func(name string) (string, error) {
			path := filepath.Join(f.scripts, name)
			_, err := os.Stat(path)
			return path, err
		},
		Lines: func(hook, line string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.lines = append(f.lines, hook+": "+line)
		},
	}
	return f
}

// script installs a host script and returns a hook that runs it.
func (f *fixture) script(body string) graduate.Hook {
	f.t.Helper()
	name := fmt.Sprintf("script-%d", time.Now().UnixNano())
	require.NoError(f.t, os.WriteFile(filepath.Join(f.scripts, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Host: name}
}

func (f *fixture) log() string {
	f.t.Helper()
	data, err := os.ReadFile(f.run.Log("post/smoke"))
	require.NoError(f.t, err)
	return string(data)
}

// start runs a hook; what it needs must not be held back by the test's own environment.
func (f *fixture) start(h graduate.Hook) error {
	return f.Hook(f.t.Context(), f.run, h, graduate.Situation{Held: candidates()})
}

func candidates() []graduate.Candidate {
	return []graduate.Candidate{
		{App: "portal-prod", Process: "web", Index: 1, IP: "172.17.0.2", Port: "5000"},
		{App: "portal-prod", Process: "web", Index: 2, IP: "172.17.0.3", Port: "5000"},
		{App: "portal-prod", Process: "worker", Index: 1, IP: "172.17.0.4"},
		{App: "other", Process: "web", Index: 1, IP: "172.17.0.5", Port: "5000"},
	}
}

func TestAHostHooksEnvironmentIsCleanAndAsDocumented(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://secret")
	t.Setenv("DOKKU_ROOT", "/home/dokku")
	f := newFixture(t)
	require.NoError(t, f.start(f.script(`pwd; ls -A | wc -l; [ "$HOME" = "$(pwd)" ] && [ "$TMPDIR" = "$(pwd)" ] && echo own; exec env`)))
	lines := strings.Split(strings.TrimSpace(f.log()), "\n")
	dir := lines[0]
	require.Equal(t, "0", strings.TrimSpace(lines[1]), "its folder is empty")
	require.Equal(t, "own", lines[2])
	require.NoDirExists(t, dir, "its folder goes with it")
	ignored := map[string]bool{"PWD": true, "OLDPWD": true, "SHLVL": true, "_": true} // the shell's own
	var got []string
	for _, pair := range lines[3:] {
		if name, _, _ := strings.Cut(pair, "="); !ignored[name] {
			got = append(got, pair)
		}
	}
	require.ElementsMatch(t, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8",
		"GRADUATE_ID=01j", "GRADUATE_GROUP=shop", "GRADUATE_FROM=dev", "GRADUATE_TO=prod",
		"GRADUATE_PHASE=post", "GRADUATE_HOOK=smoke", "GRADUATE_CONTEXT=" + f.run.HookContext("post/smoke"), "GRADUATE_APPS=portal-prod ws",
		"GRADUATE_PORTAL_APP=portal-prod", "GRADUATE_PORTAL_REV=abc",
		"GRADUATE_PORTAL_FROM_REV=def", "GRADUATE_PORTAL_TO_REV=abc",
		"GRADUATE_PORTAL_URL=http://172.17.0.2:5000", "GRADUATE_PORTAL_URLS=http://172.17.0.2:5000 http://172.17.0.3:5000",
		"GRADUATE_WEB_API_2_APP=ws", "GRADUATE_WEB_API_2_REV=", "GRADUATE_WEB_API_2_FROM_REV=", "GRADUATE_WEB_API_2_TO_REV=",
	}, got)
}

func TestHowAHostHookEnds(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"well", "exit 0", ""},
		{"with a code", "exit 7", "it ended with exit code 7"},
		{"by a signal", "kill -TERM $$", "it was ended by the signal terminated"},
		{"by a signal of its command", "sh -c 'kill -9 $$'", "it ended with exit code 137"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			err := f.start(f.script(c.body))
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.want)
			}
			require.Zero(t, f.containers.stopped)
		})
	}
}

func TestAHostHookThatCannotBeStarted(t *testing.T) {
	f := newFixture(t)
	require.ErrorIs(t, f.start(graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Host: "missing"}), os.ErrNotExist)
	h := f.script("")
	require.NoError(t, os.WriteFile(filepath.Join(f.scripts, h.Host), []byte("#!/no/such/interpreter\n"), 0o755))
	require.ErrorContains(t, f.start(h), "no such file")
}

// alive gives a script a named pipe to hold open: reading it ends when the last of its processes has ended.
func alive(t *testing.T) (path string, ended func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "alive")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { pipe.Close() })
	return path, func() {
		t.Helper()
		require.NoError(t, pipe.SetReadDeadline(time.Now().Add(10*time.Second)))
		data, err := io.ReadAll(pipe)
		require.NoError(t, err, "a process of the hook is still there")
		require.Equal(t, "up\n", string(data))
	}
}

func TestATimeOutEndsTheWholeHook(t *testing.T) {
	f := newFixture(t)
	path, ended := alive(t)
	h := f.script(fmt.Sprintf(`exec 3>%s; trap '' TERM INT HUP; echo up >&3; (sleep 600 & wait) & echo waiting; sleep 600`, path))
	h.Timeout = time.Second
	began := time.Now()
	err := f.start(h)
	require.EqualError(t, err, "it did not end within its time-out of 1s")
	require.Less(t, time.Since(began), 10*time.Second)
	require.Equal(t, "waiting\n", f.log())
	require.Equal(t, 1, f.containers.stopped)
	ended()
}

func TestAStoppedRunEndsTheHook(t *testing.T) {
	f := newFixture(t)
	path, ended := alive(t)
	stopped := errors.New("it was stopped by the signal interrupt")
	ctx, cancel := context.WithCancelCause(t.Context())
	f.Lines = func(string, string) { cancel(stopped) }
	err := f.Hook(ctx, f.run, f.script(fmt.Sprintf(`exec 3>%s; echo up >&3; echo ready; sleep 600`, path)), graduate.Situation{})
	require.EqualError(t, err, stopped.Error())
	require.Equal(t, 1, f.containers.stopped, "with a context that has not ended")
	ended()
}

func TestWhatAHookLeavesInTheBackgroundEndsWithIt(t *testing.T) {
	f := newFixture(t)
	path, ended := alive(t)
	err := f.start(f.script(fmt.Sprintf(`exec 3>%s; echo up >&3; sleep 600 >/dev/null 2>&1 & exit 0`, path)))
	require.NoError(t, err)
	ended()

	path, ended = alive(t)
	began := time.Now()
	require.NoError(t, f.start(f.script(fmt.Sprintf(`exec 3>%s; echo up >&3; sleep 600 & exit 0`, path))), "it keeps the output open")
	require.Less(t, time.Since(began), 10*time.Second)
	ended()
}

// However it ends: what is in a process group of its own is known by the hook's own variables.
func TestWhatAHostHookHasStartedElsewhereIsEnded(t *testing.T) {
	f := newFixture(t)
	var ended [][]string
	f.End = func(ctx context.Context, variables ...string) error {
		ended = append(ended, variables)
		return errors.Join(ctx.Err(), errors.New("process 7 does not end"))
	}
	mine := []string{"GRADUATE_ID=01j", "GRADUATE_CONTEXT=" + f.run.HookContext("post/smoke")}
	require.NoError(t, f.start(f.script("exit 0")))
	require.Equal(t, " !     not all that it has started could be ended: process 7 does not end\n", f.log())
	h := f.script("sleep 600")
	h.Timeout = 100 * time.Millisecond
	require.EqualError(t, f.start(h), "it did not end within its time-out of 100ms")
	require.Equal(t, [][]string{mine, mine}, ended)
	require.NoError(t, f.start(graduate.Hook{Kind: graduate.HookPost, Name: "migrate", Role: "portal", Command: []string{"true"}}))
	require.Len(t, ended, 2, "what runs in a container is removed with it")
}

func TestOutputIsLoggedAndShownByLines(t *testing.T) {
	f := newFixture(t)
	err := f.start(f.script(`echo one; echo two >&2; printf 'three\r\n'; printf '100%%\n\n'; printf 'no end'`))
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\nthree\r\n100%\n\nno end", f.log())
	require.Equal(t, []string{"post/smoke: one", "post/smoke: two", "post/smoke: three", "post/smoke: 100%", "post/smoke: ", "post/smoke: no end"}, f.lines)

	f.Lines = nil
	require.NoError(t, f.start(f.script("echo again")))
	require.Equal(t, "one\ntwo\nthree\r\n100%\n\nno endagain\n", f.log(), "a log is appended to")
	info, err := os.Stat(f.run.Log("post/smoke"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestLinesInAnyPieces(t *testing.T) {
	text := "one\ntwo\r\n\nthree"
	for size := 1; size <= len(text); size++ {
		var got []string
		w := &lineWriter{show: func(line string) { got = append(got, line) }}
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			n, err := io.WriteString(w, rest[:min(size, len(rest))])
			require.NoError(t, err)
			require.Equal(t, min(size, len(rest)), n)
		}
		w.flush()
		w.flush()
		require.Equal(t, []string{"one", "two", "", "three"}, got, "in pieces of %d", size)
	}
}
