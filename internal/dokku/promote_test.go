package dokku

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

func (f *fixture) tag(app string) string { return "dokku/" + app + ":graduate-" + f.run.ID }

// carried is a target whose staged version comes from a commit of the source.
func carried(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.app.Revision = f.repository("portal-dev", "master")
	f.repository("portal", "master")
	f.write("bin/tags", "dokku/portal:latest sha256:old\n"+f.tag("portal")+" sha256:built\n")
	return f
}

func (f *fixture) triggers() []string {
	return strings.Split(strings.TrimSpace(f.read("bin/triggers")), "\n")
}

func TestPromoteMovesEverythingToTheNewVersion(t *testing.T) {
	f := carried(t)
	require.NoError(t, f.fetchCommit(t.Context(), f.app))
	f.app.Origin = graduate.Origin{DeploySource: "git-push", DeployMetadata: "abc"}
	f.write("lib/config/git/portal/source-image", "img/old:1")
	for range 2 {
		require.NoError(t, f.Promote(t.Context(), f.run, f.app))
		require.Contains(t, f.lines("bin/tags"), "dokku/portal:latest sha256:built")
		commit, err := f.git(t.Context(), "portal", "rev-parse", "refs/heads/master")
		require.NoError(t, err)
		require.Equal(t, f.app.Revision, commit)
		require.Empty(t, f.read("lib/config/git/portal/source-image"), "the new version was not deployed from an image")
	}
	require.Equal(t, []string{
		"trigger config-set --no-restart portal GIT_REV=" + f.app.Revision, "trigger deploy-source-set portal git-push abc",
	}, f.triggers()[:2])
}

func TestPromoteOfAnImage(t *testing.T) {
	f := newFixture(t)
	f.write("bin/tags", f.tag("portal")+" sha256:built\n")
	f.app.Origin.SourceImage = "img/a:v2"
	require.NoError(t, f.Promote(t.Context(), f.run, f.app))
	require.Equal(t, "img/a:v2", f.read("lib/config/git/portal/source-image"))
	require.Equal(t, []string{""}, f.triggers())
}

func TestPromoteWithoutAVariableForTheRevision(t *testing.T) {
	f := carried(t)
	f.write("lib/config/git/portal/rev-env-var", "")
	require.NoError(t, f.fetchCommit(t.Context(), f.app))
	require.NoError(t, f.Promote(t.Context(), f.run, f.app))
	require.NotContains(t, f.read("bin/triggers"), "config-set")
}

func TestFetchingACommitMovesNothing(t *testing.T) {
	f := carried(t)
	before := without(f.tree("home/portal"), "home/portal/objects")
	require.NoError(t, f.fetchCommit(t.Context(), f.app))
	require.Equal(t, before, without(f.tree("home/portal"), "home/portal/objects"))
	_, err := f.git(t.Context(), "portal", "cat-file", "-e", f.app.Revision)
	require.NoError(t, err)
	f.app.Revision = strings.Repeat("0", 40)
	require.Error(t, f.fetchCommit(t.Context(), f.app), "the source has moved on")
}

func TestRetireEndsTypesThatTheNewVersionDoesNotHave(t *testing.T) {
	f := newFixture(t)
	f.write(f.staging("processes.json"), `[{"type":"web","count":2},{"type":"worker","count":0},{"type":"cron","count":0}]`)
	for _, name := range []string{"web.1", "web.2", "worker.1", "clock.1", "clock.2"} {
		f.write("home/portal/CONTAINER."+name, "id-of-"+name)
	}
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	require.NoError(t, os.Remove(filepath.Join(f.dir, "home/portal/CONTAINER.clock.1"))) // Dokku has forgotten the type
	f.write("bin/inspect", "[]")
	f.write("lib/config/checks/portal/wait-to-retire", "5")
	require.NoError(t, f.Retire(t.Context(), f.run, f.app, io.Discard))
	require.Equal(t, []string{
		"trigger scheduler-deploy docker-local portal graduate-" + f.run.ID + " worker",
		"trigger scheduler-register-retired portal id-of-clock.1 5",
		"trigger scheduler-register-retired portal id-of-clock.2 5",
	}, f.triggers())
	require.Contains(t, f.read("bin/calls"), "container kill --signal=SIGTERM id-of-clock.1\n")
	require.NotContains(t, f.read("bin/calls"), "container kill --signal=SIGTERM id-of-web")

	f.write("bin/triggers", "")
	f.write("bin/fails", "container inspect") // they are gone
	require.NoError(t, f.Retire(t.Context(), f.run, f.app, io.Discard))
	require.NotContains(t, f.read("bin/triggers"), "register-retired")
	f.write("bin/trigger-scheduler-deploy", "exit 1")
	require.ErrorContains(t, f.Retire(t.Context(), f.run, f.app, io.Discard), "the old containers of worker: ")
}

func TestFinishLeavesOneTagAndNothingOfTheRun(t *testing.T) {
	f := newFixture(t)
	f.write(f.staging("processes.json"), "[]")
	f.write(f.staging("app.json"), ownAppJSON)
	f.write("bin/tags", "dokku/portal:latest sha256:built\n"+f.tag("portal")+" sha256:built\n")
	f.write(f.underWay(f.procfile())+".missing", "")
	f.write(f.underWay(f.appJSON()), "{}")
	// Their deploy was cut off in its core-post-deploy.
	checks, sigil := "lib/data/scheduler-docker-local/portal/CHECKS", "lib/data/nginx-vhosts/app-portal/nginx.conf.sigil"
	f.write(checks, "/old\n")
	f.write(f.underWay(checks), "/new\n")
	f.write(sigil, "the old template")
	f.write(f.underWay(sigil)+".missing", "")
	f.write(checks+".another", "")
	temporary := filepath.Join(os.TempDir(), "dokku-graduate-"+f.run.ID+"-x")
	require.NoError(t, os.MkdirAll(temporary, 0o700))
	require.NoError(t, os.MkdirAll(filepath.Dir(f.run.Socket), 0o700))
	require.NoError(t, f.Close(t.Context(), f.run))
	for range 2 {
		require.NoError(t, f.Finish(t.Context(), f.run, f.app))
		require.NoError(t, f.Open(t.Context(), f.run))
		require.Equal(t, "dokku/portal:latest sha256:built\n", f.read("bin/tags"))
		require.Equal(t, ownAppJSON, f.read(f.appJSON()))
		require.Empty(t, f.tree("lib/data/ps/portal")["lib/data/ps/portal/Procfile"])
		require.Equal(t, "/new\n", f.read(checks), "the version's own file counts")
		require.NoFileExists(t, filepath.Join(f.dir, sigil), "the version has none")
		require.Len(t, f.tree("lib/data/nginx-vhosts/app-portal"), 1, "the folder")
		require.Len(t, f.tree("lib/data/scheduler-docker-local/portal"), 3, "the folder, CHECKS, and what another deploy has staged")
		require.NoDirExists(t, temporary)
		require.NoDirExists(t, filepath.Dir(f.run.Socket))
		entries, err := os.ReadDir(f.run.Dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, "logs", entries[0].Name(), "the logs stay")
	}
}

func TestCompleteWaitsForADeployThatIsStillUnderWay(t *testing.T) {
	f := newFixture(t)
	path, up, ended := alive(t)
	f.write("bin/trigger-scheduler-deploy", "[ -p "+path+" ] || exit 0; exec 3>"+path+"; echo up >&3; read -r x <"+path+".go; exit 0")
	require.NoError(t, makeFifo(path+".go"))
	f.write("bin/containers", "c1 "+f.run.ID+" deploy i1\n")
	f.write("home/portal/CONTAINER.web.1", "c1")
	deployed := make(chan error, 1)
	go func() { deployed <- f.Deploy(t.Context(), f.run, f.app, "web", io.Discard) }()
	up()
	completed := make(chan error, 1)
	go func() { completed <- f.Complete(t.Context(), f.run, f.app, "web", io.Discard) }()
	select {
	case err := <-completed:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	require.NoError(t, os.WriteFile(path+".go", []byte("go\n"), 0))
	require.NoError(t, testkit.Receive(t, deployed))
	ended()
	require.NoError(t, testkit.Receive(t, completed))
	require.Equal(t, 1, strings.Count(f.read("bin/triggers"), "scheduler-deploy"), "nothing was missing")
}

func TestCompleteDeploysAgainWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name, containers string
		want             int
	}{
		{"nothing is", "c1 RUN deploy i1 portal.web.1\n", 0},
		{"it was not taken over by Dokku", "c1 RUN deploy i1 portal.web.1\nc2 RUN deploy i1 portal.web.1.upcoming-7\n", 1},
		{"Dokku had not come to its name", "c2 RUN deploy i1 portal.web.1.upcoming-7\n", 1},
		{"there is none", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("bin/containers", strings.ReplaceAll(c.containers, "RUN", f.run.ID))
			f.write("home/portal/CONTAINER.web.1", "old-web")
			f.write("home/portal/CONTAINER.worker.1", "old-worker")
			require.NoError(t, f.Close(t.Context(), f.run))
			taken, _, _ := strings.Cut(c.containers, " ")
			f.write("home/portal/CONTAINER.web.1", taken)
			f.write("bin/trigger-scheduler-deploy", "echo c3 >"+filepath.Join(f.dir, "home/portal/CONTAINER.web.1"))
			require.NoError(t, f.Complete(t.Context(), f.run, f.app, "web", io.Discard))
			require.Equal(t, c.want, strings.Count(f.read("bin/triggers"), "scheduler-deploy docker-local portal graduate-"+f.run.ID+" web"))
			require.NotContains(t, f.read("bin/containers"), "c2")
			require.Equal(t, strings.Contains(c.containers, "c1"), strings.Contains(f.read("bin/containers"), "c1"))
			require.Equal(t, 1, strings.Count(f.read("bin/calls"), "container kill --signal=SIGTERM old-web"), "what it has replaced")
			require.NotContains(t, f.read("bin/calls"), "SIGTERM old-worker")
		})
	}
}

func TestAdoptTakesTheLocksOfEveryTarget(t *testing.T) {
	f := newFixture(t)
	f.run.Apps = append(f.run.Apps, &graduate.App{Target: "ws", Skip: "unchanged"})
	require.NoError(t, f.Adopt(t.Context(), f.run))
	other := &Host{Root: f.Root, Lib: f.Lib, Docker: f.Docker}
	require.Equal(t, graduate.Conflict, graduate.CodeOf(other.Adopt(t.Context(), f.run)))
	require.NoError(t, f.Open(t.Context(), f.run))
	require.NoError(t, other.Adopt(t.Context(), f.run))
}
