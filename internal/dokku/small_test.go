package dokku

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestQuote(t *testing.T) {
	for _, c := range []struct{ pair, want string }{
		{"A=b", `A="b"`},
		{"A=b c  d", `A="b c  d"`},
		{"A=b=c", `A="b=c"`},
		{`A=say "b"`, `A="say b"`},
		{"A=it's $(x) `y` $Z", "A=\"it's $(x) `y` $Z\""},
		{"A=", `A=""`},
	} {
		require.Equal(t, c.want, quote(c.pair))
		// Dokku splits the arguments as xargs does: then it has to be one word.
		out, err := exec.Command("sh", "-c", `printf '%s' "$1" | xargs printf '[%s]'`, "sh", quote(c.pair)).Output()
		require.NoError(t, err)
		require.Equal(t, "["+strings.ReplaceAll(c.pair, `"`, "")+"]", string(out))
	}
}

func TestLastExclaim(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{"-----> Deploying web\n", ""},
		{"-----> x\n !     first\n       y\n !     check failed  \n=====> z\n", "check failed"},
		{" !     without an end", "without an end"},
		{" ! too near\n      !     too far\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "log")
		require.NoError(t, os.WriteFile(path, []byte(c.log), 0o600))
		require.Equal(t, c.want, lastExclaim(path), "%q", c.log)
	}
	require.Empty(t, lastExclaim("/no/such/log"))
}

func TestStartTimeTellsAReusedPID(t *testing.T) {
	own, err := startTime(os.Getpid())
	require.NoError(t, err)
	again, err := startTime(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, own, again)
	data, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	require.Equal(t, fields[19], own) // field 22: state is the third

	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	child, err := startTime(cmd.Process.Pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(child), len(own))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	_, err = startTime(cmd.Process.Pid)
	require.Error(t, err)
}

// A coordinator that was killed leaves its deploys and its host hook; those of another run are left alone.
func TestWhatADeadCoordinatorHasLeftIsKilled(t *testing.T) {
	var all []*exec.Cmd
	for _, env := range []string{EnvRun + "=01jdead", EnvID + "=01jdead", EnvID + "=01jother"} {
		cmd := exec.Command("sleep", "600")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), env}
		require.NoError(t, cmd.Start())
		defer cmd.Process.Kill()
		all = append(all, cmd)
	}
	require.NoError(t, killProcesses(t.Context(), &graduate.Run{ID: "01jdead"}))
	require.ErrorContains(t, all[0].Wait(), "killed")
	require.ErrorContains(t, all[1].Wait(), "killed")
	require.Equal(t, []int{all[2].Process.Pid}, processesWith(EnvID+"=01jother"))
}

// What `timeout` and `setsid` start is in no process group of who has started them.
func TestProcessesAreEndedInWhateverGroupTheyAre(t *testing.T) {
	mark := "GRADUATE_CONTEXT=" + filepath.Join(t.TempDir(), "post", "backup.json")
	own := exec.Command("sh", "-c", "setsid sleep 600 & timeout 600 sleep 600 & sleep 600 & echo up; wait")
	own.Env = []string{"PATH=" + os.Getenv("PATH"), EnvID + "=01j", mark}
	out, err := own.StdoutPipe()
	require.NoError(t, err)
	other := exec.Command("sleep", "600")
	other.Env = []string{EnvID + "=01j", mark + ".other"}
	for _, cmd := range []*exec.Cmd{own, other} {
		require.NoError(t, cmd.Start())
		defer cmd.Process.Kill()
	}
	_, err = out.Read(make([]byte, 3))
	require.NoError(t, err)
	require.NoError(t, EndProcesses(t.Context(), EnvID+"=01j", mark))
	rest, _ := io.ReadAll(out) // it ends when all of them have
	require.Empty(t, rest)
	require.ErrorContains(t, own.Wait(), "killed")
	require.Equal(t, []int{other.Process.Pid}, processesWith(mark+".other"), "a hook beside it goes on")
}

func TestDrifted(t *testing.T) {
	config := map[string]string{"A": "1", "URL": "http://x/?a=b", "EMPTY": "", "GIT_REV": "new"}
	env := []string{"PATH=/bin", "A=1", "URL=http://x/?a=b", "EMPTY=", "GIT_REV=old", "NOTHING"}
	for _, c := range []struct {
		name   string
		change func(config map[string]string)
		want   bool
	}{
		{"the same", func(map[string]string) {}, false},
		{"only the revision", func(c map[string]string) { c["GIT_REV"] = "x" }, false},
		{"another value", func(c map[string]string) { c["A"] = "2" }, true},
		{"a part of a value", func(c map[string]string) { c["URL"] = "http://x/?a" }, true},
		{"a new key", func(c map[string]string) { c["B"] = "1" }, true},
		{"a new key without a value", func(c map[string]string) { c["B"] = "" }, true},
		{"no configuration", func(c map[string]string) { clear(c) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := map[string]string{}
			for k, v := range config {
				changed[k] = v
			}
			c.change(changed)
			require.Equal(t, c.want, drifted(changed, env, "GIT_REV"))
		})
	}
	require.True(t, drifted(config, env, ""), "without a variable for it the revision is like any other")
}

func TestCommands(t *testing.T) {
	out, err := command{name: "sh", args: []string{"-c", "cat; echo $X; echo err >&2"}, env: []string{"X=y"}}.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, "y\n", out, "its input is empty, not the caller's")
	out, err = command{name: "cat", stdin: strings.NewReader("in")}.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, "in", out)
	var both bytes.Buffer
	_, err = command{name: "sh", args: []string{"-c", "echo a; echo b >&2"}, out: &both}.run(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a\nb\n", both.String())
}

func TestACommandThatFailsNamesItself(t *testing.T) {
	_, err := command{name: "sh", args: []string{"-c", "echo first >&2; echo ' last ' >&2; exit 7"}}.run(t.Context())
	require.EqualError(t, err, "sh -c: exit status 7: last")
	code, ok := ExitCode(fmt.Errorf("more: %w", err))
	require.True(t, ok)
	require.Equal(t, 7, code)

	_, err = command{name: "sh", args: []string{"-c", "kill -9 $$"}}.run(t.Context())
	require.EqualError(t, err, "sh -c: signal: killed")
	_, ok = ExitCode(err)
	require.False(t, ok)
	_, ok = ExitCode(errors.New("other"))
	require.False(t, ok)

	_, err = command{name: "/no/such/program"}.run(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, "trigger x", first([]string{"trigger", "x", "y"}))
	require.Equal(t, "trigger", first([]string{"trigger"}))
	require.Empty(t, first(nil))
}

func TestACancelledCommandTellsTheCause(t *testing.T) {
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	began := time.Now()
	out := writer(func([]byte) { cancel(stopped) })
	_, err := command{name: "sh", args: []string{"-c", "echo ready; sleep 600 & sleep 600"}, out: out}.run(ctx)
	require.Equal(t, stopped, err)
	require.Less(t, time.Since(began), killGrace, "its children end with it")
}

// writer calls a function with what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestPropertiesOfAppsAndOfAll(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, "master", f.computed("git", "portal", "deploy-branch", "master"))
	f.write("lib/config/git/--global/deploy-branch", "main\n")
	require.Equal(t, "refs/heads/main", f.branchRef("portal"))
	f.write("lib/config/git/portal/deploy-branch", " trunk \n")
	require.Equal(t, "refs/heads/trunk", f.branchRef("portal"))

	require.Equal(t, "GIT_REV", f.revisionVariable("portal"))
	f.write("lib/config/git/portal/rev-env-var", "")
	require.Empty(t, f.revisionVariable("portal"), "it is switched off")
	f.write("lib/config/git/portal/rev-env-var", "COMMIT\n")
	require.Equal(t, "COMMIT", f.revisionVariable("portal"))
	f.app.Revision = "abc"
	require.Equal(t, []string{"DOKKU_PID=graduate-" + f.run.ID, "GRADUATE_RUN=" + f.run.ID, "GRADUATE_TARGET=portal",
		"GRADUATE_TAG=graduate-" + f.run.ID, "GRADUATE_REV=COMMIT=abc"}, f.env(f.run, f.app))
	f.app.Revision = ""
	require.Len(t, f.env(f.run, f.app), 4)
}

func TestWhereDokkuIs(t *testing.T) {
	for _, name := range []string{"DOKKU_ROOT", "DOKKU_LIB_ROOT", "PLUGIN_ENABLED_PATH", "DOCKER_BIN"} {
		t.Setenv(name, "")
	}
	h := FromEnv()
	require.Equal(t, []string{"/home/dokku", "/var/lib/dokku", "/var/lib/dokku/plugins/enabled", "docker"}, []string{h.Root, h.Lib, h.Plugins, h.Docker})
	t.Setenv("DOKKU_LIB_ROOT", "/lib")
	t.Setenv("DOKKU_ROOT", "/root")
	h = FromEnv()
	require.Equal(t, "/root/portal/nginx.conf", h.NginxConf("portal"))
	require.Equal(t, "/lib/data/graduate", h.DataDir())
	require.Equal(t, "/lib/plugins/enabled", h.Plugins)
}

func TestExists(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/ENV", "")
	f.write("home/file", "")
	f.write("home/.ssh/authorized_keys", "")
	require.True(t, f.Exists("portal"))
	for _, name := range []string{"ws", "file", ".ssh", "portal/..", "../home", ""} {
		require.False(t, f.Exists(name), "%q", name)
	}
}

func TestProxied(t *testing.T) {
	f := newFixture(t)
	require.True(t, f.Proxied("portal"))
	f.write("lib/config/proxy/portal/disabled", "true\n")
	require.False(t, f.Proxied("portal"))
	f.write("lib/config/proxy/ws/disabled", "false\n")
	require.True(t, f.Proxied("ws"))
	f.write("lib/config/proxy/--global/type", "traefik")
	require.False(t, f.Proxied("ws"))
	f.write("lib/config/proxy/ws/type", "nginx")
	require.True(t, f.Proxied("ws"))
}

func TestRunsAreFoldersWithAnID(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, []string{f.run.ID}, f.RunIDs())
	older := "01ha" + strings.Repeat("0", 22)
	require.NoError(t, os.MkdirAll(f.RunDir(older), 0o700))
	require.NoError(t, os.MkdirAll(f.RunDir("..."), 0o700))
	f.write("lib/data/graduate/runs/"+strings.Repeat("0", 26), "a file")
	require.Equal(t, []string{older, f.run.ID}, f.RunIDs())
	require.Empty(t, (&Host{Lib: "/no/such"}).RunIDs())

	require.False(t, f.Alive(f.run.ID))
	lock, err := f.LockRun(f.run.ID)
	require.NoError(t, err)
	require.True(t, f.Alive(f.run.ID))
	second, err := f.LockRun(f.run.ID)
	require.NoError(t, err)
	require.Nil(t, second)
	require.NoError(t, lock.Close())
	require.False(t, f.Alive(f.run.ID))
	_, err = f.LockRun("no-such-run")
	require.Error(t, err)
}

func TestLiveAddressesAreThoseOfTheWebContainers(t *testing.T) {
	f := newFixture(t)
	require.Empty(t, f.LiveAddresses("portal"))
	for name, text := range map[string]string{"IP.web.1": "172.17.0.2\n", "PORT.web.1": "5000\n", "IP.web.2": "172.17.0.3", "PORT.web.2": "5001", "IP.web.10": "172.17.0.4", "IP.worker.1": "172.17.0.5"} {
		f.write("home/portal/"+name, text)
	}
	require.Equal(t, []string{"172.17.0.2:5000", "172.17.0.3:5001"}, f.LiveAddresses("portal"))
}
