package proxy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// machine is a fake of the host: a folder with a file per app, and a note of what nginx was asked to do.
type machine struct {
	t    *testing.T
	root string
	run  *graduate.Run
	// rooms is the folder of the waiting rooms.
	rooms string
	// unproxied apps are not served by nginx; rendered is what Dokku renders for an app.
	unproxied map[string]bool
	rendered  map[string]string
	test      error
	testing   func() // what happens meanwhile
	reload    error
	// untaken is why nginx stays with the configuration that it has.
	untaken error
	calls   []string
	// loaded is what nginx has for an app: its file with the includes resolved at the last reload.
	loaded  map[string]string
	notices []string
}

func newMachine(t *testing.T, apps ...string) (*machine, *Nginx) {
	m := &machine{t: t, root: t.TempDir(), rooms: "/rooms", unproxied: map[string]bool{}, rendered: map[string]string{}, loaded: map[string]string{}}
	m.run = &graduate.Run{ID: "01j", Dir: filepath.Join(m.root, "run")}
	for _, app := range apps {
		m.run.Apps = append(m.run.Apps, &graduate.App{Role: app + "-role", Target: app})
		m.write(app, conf(app, "10.0.0.1"))
	}
	return m, &Nginx{Host: m, Emit: func(e graduate.Event) { m.notices = append(m.notices, string(e.Type)+" "+e.App+": "+e.Message) }}
}

func (m *machine) NginxConf(app string) string { return filepath.Join(m.root, app+".conf") }
func (m *machine) RoomSocket(r *graduate.Run, n int) string {
	return filepath.Join(m.rooms, r.ID, strconv.Itoa(n)+".sock")
}
func (m *machine) Proxied(app string) bool { return !m.unproxied[app] }

func (m *machine) RenderNginx(_ context.Context, _ *graduate.Run, a *graduate.App) ([]byte, error) {
	m.calls = append(m.calls, "render "+a.Target)
	if text, ok := m.rendered[a.Target]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("dokku did not render its nginx configuration")
}

func (m *machine) TestNginx(_ context.Context, app string) error {
	m.calls = append(m.calls, "test "+app)
	if m.testing != nil {
		m.testing()
	}
	return m.test
}

func (m *machine) ReloadNginx(_ context.Context, app string) error {
	m.calls = append(m.calls, "reload "+app)
	m.load()
	return m.reload
}

func (m *machine) ReloadAndAwait(ctx context.Context, app string) error {
	m.calls = append(m.calls, "await")
	if m.untaken != nil {
		return m.untaken
	}
	return m.ReloadNginx(ctx, app)
}

func (m *machine) ReloadAndDrain(ctx context.Context, app string, drain time.Duration) (int, error) {
	m.calls = append(m.calls, "drain "+drain.String())
	return 0, m.ReloadNginx(ctx, app)
}

var includeLine = regexp.MustCompile(`(?m)^  include (/.*/proxy/.*);\n`)

// load is what a reload of anybody does: it takes every file as it is now.
func (m *machine) load() {
	for _, a := range m.run.Apps {
		text := m.read(a.Target)
		m.loaded[a.Target] = includeLine.ReplaceAllStringFunc(text, func(line string) string {
			data, err := os.ReadFile(includeLine.FindStringSubmatch(line)[1])
			require.NoError(m.t, err, "nginx would not load this")
			return string(data)
		})
	}
}

func (m *machine) write(app, text string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(m.NginxConf(app), []byte(text), 0o644))
}

func (m *machine) read(app string) string {
	data, err := os.ReadFile(m.NginxConf(app))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	require.NoError(m.t, err)
	return string(data)
}

// held are two web candidates and a worker per app.
func held(apps ...string) (out []graduate.Candidate) {
	for i, app := range apps {
		host := "172.17." + string(rune('1'+i))
		out = append(out, graduate.Candidate{App: app, Process: "web", Index: 1, IP: host + ".1", Port: "5000"},
			graduate.Candidate{App: app, Process: "web", Index: 2, IP: host + ".2", Port: "5000"},
			graduate.Candidate{App: app, Process: "worker", Index: 1, IP: host + ".3"})
	}
	return out
}

func TestAllAppsSwitchInOneReload(t *testing.T) {
	m, n := newMachine(t, "portal", "ws")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	require.Equal(t, []string{"test portal"}, m.calls)
	target, err := os.Readlink(link(m.run))
	require.NoError(t, err)
	require.Equal(t, "old", target)
	require.NotContains(t, m.read("portal"), "server 10.0.0.1")
	require.NotContains(t, m.read("portal"), "172.17")
	m.load() // by somebody else
	require.Equal(t, map[string]string{"portal": conf("portal", "10.0.0.1"), "ws": conf("ws", "10.0.0.1")}, m.loaded)

	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Equal(t, []string{"test portal", "reload portal"}, m.calls)
	want := map[string]string{"portal": conf("portal", "172.17.1.1", "172.17.1.2"), "ws": conf("ws", "172.17.2.1", "172.17.2.2")}
	require.Equal(t, want, m.loaded)
	for app, text := range want {
		require.Equal(t, text, m.read(app), "as Dokku itself will write it")
	}
	require.NoError(t, n.Switch(t.Context(), m.run), "a second time, after a crash")
	require.Equal(t, want, m.loaded)

	require.NoError(t, n.Settle(t.Context(), m.run))
	require.NoDirExists(t, dir(m.run))
	m.load() // no file is missing now
	require.NoError(t, n.Settle(t.Context(), m.run))
}

// broken is what a reload finds where the new addresses are written while the link still leads to the old ones.
func TestNothingIsHalfSwitchedWhoeverReloads(t *testing.T) {
	m, n := newMachine(t, "portal", "ws")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	require.NoError(t, os.Remove(link(m.run)))
	require.NoError(t, os.Symlink("new", link(m.run))) // Switch came so far
	m.load()
	for app, text := range m.loaded {
		require.NotContains(t, text, "10.0.0.1", app)
	}
	require.NoError(t, n.Switch(t.Context(), m.run)) // and is completed after the crash
	require.Contains(t, m.read("ws"), "172.17.2.2:5000;")
}

func TestUndoPutsBackBytesAndMode(t *testing.T) {
	for _, when := range []string{"after Prepare", "half-way", "before Prepare"} {
		t.Run(when, func(t *testing.T) {
			m, n := newMachine(t, "portal", "ws")
			odd := "# by hand\r\n" + conf("ws", "10.0.0.1") + "\n\n# no line end"
			m.write("ws", odd)
			require.NoError(t, os.Chmod(m.NginxConf("ws"), 0o640))
			if when != "before Prepare" {
				require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
				info, err := os.Stat(m.NginxConf("ws"))
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
			}
			if when == "half-way" {
				m.write("ws", odd)
			}
			for range 2 {
				require.NoError(t, n.Undo(t.Context(), m.run))
				require.Equal(t, odd, m.read("ws"))
				require.Equal(t, conf("portal", "10.0.0.1"), m.read("portal"))
				info, err := os.Stat(m.NginxConf("ws"))
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
				require.NoDirExists(t, dir(m.run))
			}
			require.NotContains(t, strings.Join(m.calls, " "), "reload")
		})
	}
}

func TestAnAppWithoutAFileGetsARenderedOne(t *testing.T) {
	m, n := newMachine(t, "portal", "ws")
	require.NoError(t, os.Remove(m.NginxConf("ws")))
	m.rendered["ws"] = conf("ws", "127.255.255.254")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	require.Equal(t, []string{"render ws", "test portal"}, m.calls)
	m.load()
	require.NotContains(t, m.loaded["ws"], "172.17", "nobody reaches a candidate before the switch")

	require.NoError(t, n.Undo(t.Context(), m.run))
	require.NoFileExists(t, m.NginxConf("ws"))
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Equal(t, conf("ws", "172.17.2.1", "172.17.2.2"), m.read("ws"))
}

func TestAFileOfAnUnknownShapeIsLeftToDokku(t *testing.T) {
	m, n := newMachine(t, "portal", "ws")
	custom := "server {\n  location / {\n    proxy_pass http://10.0.0.1:5000;\n  }\n}\n"
	m.write("ws", custom)
	m.rendered["ws"] = strings.ReplaceAll(custom, "10.0.0.1", "127.255.255.254")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal", "ws")))
	require.Equal(t, []string{"notice ws: ws goes live a little later than the others: its nginx.conf has a shape of its own " +
		"(there is no upstream ws-PORT), so Dokku switches it"}, m.notices)
	require.Equal(t, custom, m.read("ws"))
	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Equal(t, custom, m.read("ws"))
	require.Equal(t, conf("portal", "172.17.1.1", "172.17.1.2"), m.read("portal"))
}

func TestAppsThatNginxDoesNotServeAreNotTouched(t *testing.T) {
	m, n := newMachine(t, "portal", "ws", "mailer")
	m.unproxied["portal"] = true
	m.run.Apps[1].Skip = "unchanged"
	candidates := append(held("portal", "ws"), graduate.Candidate{App: "mailer", Process: "worker", IP: "172.17.9.9"})
	require.NoError(t, n.Prepare(t.Context(), m.run, candidates))
	require.NoError(t, n.Switch(t.Context(), m.run))
	require.Empty(t, m.calls, "there is nothing to test and nothing to reload")
	require.Empty(t, m.notices)
	for _, app := range []string{"portal", "ws", "mailer"} {
		require.Equal(t, conf(app, "10.0.0.1"), m.read(app))
	}
}

func TestWhatFailsIsSaid(t *testing.T) {
	broken := errors.New("unknown directive in the file of another app")
	m, n := newMachine(t, "portal")
	m.test = broken
	require.ErrorIs(t, n.Prepare(t.Context(), m.run, held("portal")), broken)
	require.NoError(t, n.Undo(t.Context(), m.run))
	require.Equal(t, conf("portal", "10.0.0.1"), m.read("portal"))

	m, n = newMachine(t, "portal", "ws")
	require.NoError(t, os.Remove(m.NginxConf("ws"))) // and Dokku does not render one
	err := n.Prepare(t.Context(), m.run, held("portal", "ws"))
	require.EqualError(t, err, "ws: dokku did not render its nginx configuration")
	var step *graduate.StepError
	require.ErrorAs(t, err, &step)
	require.Equal(t, "ws-role", step.Role)
	require.Equal(t, conf("portal", "10.0.0.1"), m.read("portal"), "no file is touched before all are ready")
	require.NoError(t, n.Undo(t.Context(), m.run))

	m, n = newMachine(t, "portal")
	m.reload = errors.New("nginx is not running")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	require.ErrorIs(t, n.Switch(t.Context(), m.run), m.reload)
}

func TestPrepareAgain(t *testing.T) {
	m, n := newMachine(t, "portal")
	m.rendered["portal"] = conf("portal", "127.255.255.254")
	before := m.read("portal")
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	require.NoError(t, n.Prepare(t.Context(), m.run, held("portal")))
	require.NoError(t, n.Undo(t.Context(), m.run))
	require.Equal(t, before, m.read("portal"))
}
