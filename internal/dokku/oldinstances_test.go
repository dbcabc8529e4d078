package dokku

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// statefulDocker is a Docker client whose containers are files with their state beside it: state/ID. What docker ls says
// of them is in the file about-ID; a call that is in the file "fails" fails. One that was started since has started-ID.
const statefulDocker = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
for last; do :; done
is() { for s; do [ "$(cat "state/$last")" != "$s" ] || return 0; done; echo "Error: $last" >&2; exit 1; }
case "$2" in
ls) for c in state/*; do case "$(cat "$c")" in
  running) echo "$(cat "about-${c#state/}")|Up 2 hours" ;;
  restarting) echo "$(cat "about-${c#state/}")|Restarting (1) 2 seconds ago" ;;
  esac; done; exit 0 ;;
inspect) case "$*" in *Networks*) echo "bridge shop "; exit ;; esac
  if grep -qsx "inspect $last" fails; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi
  [ -f "state/$last" ] || { echo "Error: No such container: $last" >&2; exit 1; }
  echo "$(cat "state/$last") $(cat "started-$last" 2>/dev/null || echo yesterday)"; exit ;;
esac
if [ "$1" = network ]; then shift; echo "$*" >>calls; exit; fi
case "$3" in --time=*) echo "$2 $3 $last" ;; *) echo "$2 $last" ;; esac >>calls
if grep -qsx "$2 $last" fails; then echo "Error: refused" >&2; exit 1; fi
case "$2" in
pause) is running && echo paused >"state/$last" ;;
unpause) is paused && echo running >"state/$last" ;;
stop) echo exited >"state/$last" ;;
start) is exited && echo running >"state/$last" && echo now >"started-$last" ;;
kill) is paused running && echo exited >"state/$last" ;;
esac
exit 0
`

// withContainers is a fixture of portal, which is graduated, and mailer, which stays as it is.
func withContainers(t *testing.T) *fixture {
	f := newFixture(t)
	f.run.Apps = append(f.run.Apps, &graduate.App{Role: "mail", Target: "mailer", Skip: "unchanged"})
	f.run.Settings.Quiesce = &graduate.Quiesce{}
	f.write("bin/docker", statefulDocker)
	for id, about := range map[string]string{
		"web": "portal.web.1|portal||deploy|web", "work": "portal.worker.1|portal||deploy|worker",
		"shell": "portal.run.7|portal||run|", "next": "portal.web.1.upcoming-3|portal|" + f.run.ID + "|deploy|web",
		"mail": "mailer.web.1|mailer||deploy|web", "other": "other.web.1|other||deploy|web",
	} {
		f.write("bin/about-"+id, id+"|"+about)
		f.write("bin/state/"+id, "running")
	}
	return f
}

// states are those of all containers, as "ID STATE".
func (f *fixture) states() []string {
	paths, err := filepath.Glob(filepath.Join(f.dir, "bin/state/*"))
	require.NoError(f.t, err)
	var out []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f.t, err)
		out = append(out, filepath.Base(path)+" "+strings.TrimSpace(string(data)))
	}
	return out
}

// callsOf are the calls of the Docker client about one container.
func (f *fixture) callsOf(id string) []string {
	return slices.DeleteFunc(strings.Split(f.read("bin/calls"), "\n"), func(line string) bool { return !strings.HasSuffix(line, " "+id) })
}

func TestEveryOldInstanceIsPausedAndGoesOn(t *testing.T) {
	f := withContainers(t)
	before := f.states()
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	require.Equal(t, []string{"mail paused", "next running", "other running", "shell paused", "web paused", "work paused"}, f.states())
	require.NoError(t, f.PauseOld(t.Context(), f.run), "again")
	for range 2 {
		require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
		require.Equal(t, before, f.states())
	}
}

func TestAtTheReleaseTheOldOnesAreKilledAndThoseThatStayGoOn(t *testing.T) {
	f := withContainers(t)
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	for range 2 {
		require.NoError(t, f.ResumeOld(t.Context(), f.run, true))
		require.NoError(t, f.KillOld(t.Context(), f.run))
		require.Equal(t, []string{"mail running", "next running", "other running", "shell exited", "web exited", "work exited"}, f.states())
		require.Equal(t, []string{"pause web", "disconnect --force bridge web", "disconnect --force shop web", "kill web"}, f.callsOf("web")[:4])
		require.NotContains(t, strings.Join(f.callsOf("mail"), " "), "disconnect")
	}
}

func TestWhatBecomesOfOldWorkers(t *testing.T) {
	for mode, want := range map[string][]string{
		graduate.WorkersStop:  {"mail paused", "next running", "other running", "shell paused", "web paused", "work exited"},
		graduate.WorkersLeave: {"mail paused", "next running", "other running", "shell running", "web paused", "work running"},
	} {
		f := withContainers(t)
		f.run.Settings.Quiesce.Workers = mode
		before := f.states()
		require.NoError(t, f.PauseOld(t.Context(), f.run))
		require.Equal(t, want, f.states(), mode)
		require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
		require.Equal(t, before, f.states(), mode)
	}
}

func TestAContainerThatIsAboutToRestartIsStopped(t *testing.T) {
	f := withContainers(t)
	f.write("bin/state/work", "restarting")
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	require.Contains(t, f.states(), "work exited")
	require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
	require.Contains(t, f.states(), "work running")
}

func TestAnInstanceThatCannotBePausedIsAnError(t *testing.T) {
	f := withContainers(t)
	f.write("bin/fails", "pause work\n")
	require.ErrorContains(t, f.PauseOld(t.Context(), f.run), "docker container: exit status 1: Error: refused")
	known, err := oldInstances(f.run)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(known, func(i instance) bool { return i.ID == "web" }), "recorded before it is paused")
	f.write("bin/fails", "")
	require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
	require.NotContains(t, strings.Join(f.states(), " "), "paused")
}

func TestInstancesThatAreGoneAreNoError(t *testing.T) {
	f := withContainers(t)
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	require.NoError(t, os.Remove(filepath.Join(f.dir, "bin/state/work")))
	require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
	require.NoError(t, f.KillOld(t.Context(), f.run))
	g := newFixture(t)
	require.NoError(t, g.ResumeOld(t.Context(), g.run, false), "nothing was ever paused")
	require.NoError(t, g.KillOld(t.Context(), g.run))
}

func TestResumingThatFailsIsAnError(t *testing.T) {
	f := withContainers(t)
	f.run.Settings.Quiesce.Workers = graduate.WorkersStop
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	f.write("bin/fails", "unpause web\nstart work\n")
	err := f.ResumeOld(t.Context(), f.run, false)
	require.Error(t, err)
	require.Regexp(t, `(?s)portal.web.1: .*refused.*portal.worker.1: .*refused`, err.Error())
	f.write("bin/fails", "kill web\n")
	require.ErrorContains(t, f.KillOld(t.Context(), f.run), "refused")
}

func TestWhereDockerDoesNotAnswerNobodyGoesOn(t *testing.T) {
	f := withContainers(t)
	f.run.Settings.Quiesce.Workers = graduate.WorkersStop
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	deaf := "inspect web\ninspect work\ninspect mail\n"
	f.write("bin/fails", "unpause web\n"+deaf)
	err := f.ResumeOld(t.Context(), f.run, false)
	require.Error(t, err)
	require.Regexp(t, `(?s)portal.web.1: .*refused.*portal.worker.1: .*Cannot connect`, err.Error())
	f.write("bin/fails", "kill web\n"+deaf)
	require.ErrorContains(t, f.KillOld(t.Context(), f.run), "Cannot connect")
	f.write("bin/fails", "pause mail\n"+deaf)
	f.write("bin/state/mail", "running")
	require.ErrorContains(t, f.PauseOld(t.Context(), f.run), "Cannot connect")
}

func TestOldInstancesGoOnWhenTheTimeIsOver(t *testing.T) {
	f := withContainers(t)
	before := f.states()
	require.NoError(t, f.PauseOld(t.Context(), f.run))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, f.ResumeOld(ctx, f.run, false))
	require.Equal(t, before, f.states())
}

func TestAWorkerThatIsStillEndingIsStartedWhenItHasEnded(t *testing.T) {
	f := withContainers(t)
	f.run.Settings.Quiesce.Workers = graduate.WorkersStop
	f.write("lib/config/ps/portal/stop-timeout-seconds", "90\n")
	f.write("bin/fails", "stop work\n") // nobody waits for it any more, but Docker goes on with it
	require.Error(t, f.PauseOld(t.Context(), f.run))
	f.write("bin/fails", "")
	for range 2 {
		require.NoError(t, f.ResumeOld(t.Context(), f.run, false))
		require.Equal(t, []string{"stop --time=90 work", "stop --time=90 work", "start work"}, f.callsOf("work"))
	}
}

func TestAPauseIsAwaitedAlthoughTheRunIsStopped(t *testing.T) {
	f := withContainers(t)
	ctx, cancel := context.WithCancel(t.Context())
	var cut atomic.Bool
	f.engine.socket = engineThat(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
			cut.Store(true)
		case <-time.After(100 * time.Millisecond):
		}
		w.WriteHeader(http.StatusNoContent)
	})
	require.ErrorIs(t, f.PauseOld(ctx, f.run), context.Canceled)
	require.False(t, cut.Load(), "Docker pauses it when it was resumed")
	require.ErrorIs(t, f.PauseOld(ctx, f.run), context.Canceled)
}

func TestInstancesAreToldOverTheSocket(t *testing.T) {
	f := withContainers(t)
	f.engine.socket = fakeEngine(t, map[string]string{
		"POST /containers/web/pause": "", "POST /containers/work/pause": "fails", "GET /containers/web/json": `{"State": {"Status": "paused", "StartedAt": "1"}}`,
	})
	require.NoError(t, f.tell(t.Context(), "pause", instance{ID: "web"}))
	require.EqualError(t, f.tell(t.Context(), "pause", instance{ID: "work"}), "docker: 500 Internal Server Error: no room")
	require.ErrorIs(t, f.tell(t.Context(), "pause", instance{ID: "gone"}), errAbsent)
	for id, want := range map[string]condition{"web": {"paused", "1"}, "gone": {}} {
		got, err := f.condition(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Empty(t, f.read("bin/calls"), "the client is not started")
}
