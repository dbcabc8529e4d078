package ui

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder makes the events of a run, half a second apart.
type recorder struct {
	at     time.Time
	events []func(Renderer)
}

func (r *recorder) event(e graduate.Event) {
	r.at = r.at.Add(500 * time.Millisecond)
	e.Version, e.Time, e.Group, e.Run = graduate.EventVersion, r.at, "shop", "01jtest"
	r.events = append(r.events, func(screen Renderer) { screen.Event(e) })
}

func (r *recorder) line(hook, line string) {
	r.events = append(r.events, func(screen Renderer) { screen.Line(hook, line) })
}

func (r *recorder) states(states ...graduate.State) {
	for _, s := range states {
		r.event(graduate.Event{Type: graduate.EventState, State: string(s)})
	}
}

func (r *recorder) app(app, state, message string) {
	r.event(graduate.Event{Type: graduate.EventApp, State: state, Role: "role-" + app, App: app, Message: message})
}

func (r *recorder) held(app, process string, index int) {
	c := graduate.Candidate{App: app, Process: process, Index: index, Container: "c0ffee", IP: "172.17.0.9"}
	if process == graduate.Web {
		c.Port = "5000"
	}
	r.event(graduate.Event{Type: graduate.EventCandidate, App: app, Candidate: &c})
}

func (r *recorder) hook(name, state, message string) {
	r.event(graduate.Event{Type: graduate.EventHook, State: state, Hook: name, Message: message, Log: "/runs/01jtest/logs/" + name + ".log"})
}

// begin is the beginning of every recording: two apps come to the hold.
func begin(apps ...*graduate.App) *recorder {
	r := &recorder{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	r.event(graduate.Event{Type: graduate.EventRun, Plan: &graduate.Run{
		ID: "01jtest", Group: "shop", From: "dev", To: "prod", User: "ann", Started: r.at, Dir: "/runs/01jtest", Apps: apps,
	}})
	r.states(graduate.Prepare)
	for _, a := range apps {
		if a.Skip != "" {
			r.app(a.Target, graduate.AppSkipped, a.Skip)
		}
	}
	r.states(graduate.Stage)
	active := (&graduate.Run{Apps: apps}).Active()
	for _, a := range active {
		r.app(a.Target, graduate.AppStaged, "")
	}
	r.states(graduate.Pre, graduate.Start)
	for _, a := range active {
		r.app(a.Target, graduate.AppStarting, "web=1")
	}
	r.states(graduate.Hold)
	for _, a := range active {
		r.held(a.Target, "web", 1)
	}
	r.states(graduate.Post)
	return r
}

func portal() *graduate.App {
	return &graduate.App{Role: "site", Source: "portal-dev", Target: "portal", Image: "sha256:2"}
}

func webservices() *graduate.App {
	return &graduate.App{Role: "api", Source: "ws-dev", Target: "webservices", Image: "sha256:3"}
}

// live records a run that goes well from the hold on.
func (r *recorder) live(apps ...string) *recorder {
	r.hook("post/migrate", graduate.HookStarted, "")
	r.line("post/migrate", "== 20261121 AddOrders: migrating")
	r.line("post/migrate", "100% of <them> & more")
	r.hook("post/migrate", graduate.HookSucceeded, "")
	r.states(graduate.Rest)
	for _, app := range apps {
		r.app(app, graduate.AppStarting, "worker=1")
		r.held(app, "worker", 1)
	}
	r.states(graduate.Switch)
	r.event(graduate.Event{Type: graduate.EventNotice, App: apps[0], Message: apps[0] + " goes live a little later than the others"})
	r.states(graduate.Release)
	for _, app := range apps {
		r.app(app, graduate.AppReleased, "")
	}
	r.states(graduate.Settle)
	for _, app := range apps {
		r.app(app, graduate.AppFinished, "")
	}
	r.states(graduate.Live, graduate.Finish)
	r.event(graduate.Event{Type: graduate.EventOutcome, State: "live"})
	return r
}

// aborted records a run whose hook fails.
func (r *recorder) aborted() *recorder {
	r.hook("post/migrate", graduate.HookStarted, "")
	r.line("post/migrate", "PG::LockNotAvailable")
	r.hook("post/migrate", graduate.HookFailed, "it ended with exit code 7")
	r.event(graduate.Event{Type: graduate.EventFailure, State: "post", Message: "hook post/migrate: it ended with exit code 7"})
	r.states(graduate.Aborting)
	r.hook("abort/undo", graduate.HookStarted, "")
	r.hook("abort/undo", graduate.HookSucceeded, "")
	r.event(graduate.Event{Type: graduate.EventOutcome, State: "aborted", Code: 2, Message: "shop was not released to prod, which is as it was: hook post/migrate: it ended with exit code 7"})
	return r
}

// recordings are runs by their names.
func recordings() map[string]*recorder {
	skipped := webservices()
	skipped.Skip = "unchanged: it runs this version already"
	return map[string]*recorder{
		"live":    begin(portal(), webservices()).live("portal", "webservices"),
		"aborted": begin(portal(), webservices()).aborted(),
		"skipped": begin(portal(), skipped).live("portal"),
	}
}

func TestRecordings(t *testing.T) {
	for name, recording := range recordings() {
		for _, format := range []string{"plain", "json"} {
			t.Run(name+"."+format, func(t *testing.T) {
				var out, err bytes.Buffer
				screen := NewRenderer(Streams{Out: &out, Err: &err, Quiet: true}, format)
				for _, show := range recording.events {
					show(screen)
				}
				screen.Close()
				require.Empty(t, err.String())
				golden(t, name+"."+format+".golden", out.Bytes())
			})
		}
	}
}

// golden compares with a file in testdata; `go test ./internal/ui -update` writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
