package dokku

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// The folders of the files that the run changes, and where it keeps the version's own.
func (f *fixture) appJSON() string  { return "lib/data/app-json/portal/app.json" }
func (f *fixture) procfile() string { return "lib/data/ps/portal/Procfile" }
func (f *fixture) staging(name string) string {
	return "lib/data/graduate/runs/" + f.run.ID + "/staged/portal/" + name
}
func (f *fixture) underWay(name string) string { return name + ".graduate-" + f.run.ID }

const ownAppJSON = `{
	"name": "portal <&>", "big": 12345678901234567890,
	"scripts": {
		"dokku": {"predeploy": "bin/pre", "postdeploy": "bin/post"},
		"postdeploy": "bin/first", "test": "bin/test"
	},
	"healthchecks": {"web": [{"type": "startup", "path": "/health"}]},
	"formation": {"web": {"quantity": 2, "max_parallel": 1}}
}`

const ownProcfile = "# the processes\nweb: bin/web -p $PORT\nrelease: bin/rails db:migrate\nworker: bin/worker release: 1\n  release : second\nreleaser: x"

func TestTasksAreTakenOutOfWhatDokkuReads(t *testing.T) {
	for _, c := range []struct{ mode, scripts, procfile string }{
		{graduate.ReleaseTasksHold, `{"dokku": {}, "test": "bin/test"}`, "# the processes\nweb: bin/web -p $PORT\nworker: bin/worker release: 1\nreleaser: x"},
		{graduate.ReleaseTasksSkip, `{"dokku": {}, "test": "bin/test"}`, "# the processes\nweb: bin/web -p $PORT\nworker: bin/worker release: 1\nreleaser: x"},
		{graduate.ReleaseTasksBefore, `{"dokku": {"predeploy": "bin/pre"}, "postdeploy": "bin/first", "test": "bin/test"}`, ownProcfile},
	} {
		t.Run(c.mode, func(t *testing.T) {
			f := newFixture(t)
			f.run.Settings.ReleaseTasks = c.mode
			f.write(f.underWay(f.appJSON()), ownAppJSON)
			f.write(f.underWay(f.procfile()), ownProcfile)
			require.NoError(t, f.takeOutTasks(f.run, f.app))
			require.JSONEq(t, `{"name": "portal <&>", "big": 12345678901234567890, "scripts": `+c.scripts+`,
				"healthchecks": {"web": [{"type": "startup", "path": "/health"}]}, "formation": {"web": {"quantity": 2, "max_parallel": 1}}}`,
				f.read(f.underWay(f.appJSON())))
			require.Contains(t, f.read(f.underWay(f.appJSON())), "12345678901234567890", "a number keeps its digits")
			require.Equal(t, c.procfile, f.read(f.underWay(f.procfile())))
			require.Equal(t, ownAppJSON, f.read(f.staging("app.json")))
			require.Equal(t, ownProcfile, f.read(f.staging("Procfile")))
		})
	}
}

func TestAVersionWithoutFilesGetsNone(t *testing.T) {
	f := newFixture(t)
	f.write(f.underWay(f.appJSON())+".missing", "")
	require.NoError(t, f.takeOutTasks(f.run, f.app))
	require.NoFileExists(t, filepath.Join(f.dir, f.underWay(f.appJSON())))
	require.FileExists(t, filepath.Join(f.dir, f.underWay(f.appJSON())+".missing"))
	require.NoFileExists(t, filepath.Join(f.dir, f.underWay(f.procfile())))
	require.NoFileExists(t, filepath.Join(f.dir, f.staging("app.json")))

	// Two containers of a type have to be started together: then there is one.
	require.NoError(t, f.startTogether(f.run, f.app, []graduate.Process{{Type: "web", Count: 1}, {Type: "worker", Count: 1}}))
	require.NoFileExists(t, filepath.Join(f.dir, f.underWay(f.appJSON())))
	require.NoError(t, f.startTogether(f.run, f.app, []graduate.Process{{Type: "web", Count: 3}, {Type: "cron", Count: 0}}))
	require.JSONEq(t, `{"formation": {"web": {"max_parallel": 3}, "cron": {"max_parallel": 1}}}`, f.read(f.underWay(f.appJSON())))
	require.NoFileExists(t, filepath.Join(f.dir, f.underWay(f.appJSON())+".missing"))
}

func TestContainersOfATypeStartTogether(t *testing.T) {
	f := newFixture(t)
	f.write(f.underWay(f.appJSON()), `{"formation": {"web": {"quantity": 2, "max_parallel": 1}, "x": 1}, "a": "b"}`)
	require.NoError(t, f.startTogether(f.run, f.app, []graduate.Process{{Type: "web", Count: 2}, {Type: "worker", Count: 1}}))
	require.JSONEq(t, `{"formation": {"web": {"quantity": 2, "max_parallel": 2}, "worker": {"max_parallel": 1}, "x": 1}, "a": "b"}`,
		f.read(f.underWay(f.appJSON())))
}

func TestAnAppJSONThatIsNoneIsSaid(t *testing.T) {
	for _, text := range []string{"{", "[]", `"x"`, ""} {
		f := newFixture(t)
		f.write(f.underWay(f.appJSON()), text)
		err := f.takeOutTasks(f.run, f.app)
		require.ErrorContains(t, err, "app.json of portal-dev: ", "%q", text)
		require.Equal(t, text, f.read(f.underWay(f.appJSON())))
	}
}

func TestPutBackStoresTheVersionsOwnFiles(t *testing.T) {
	f := newFixture(t)
	f.write(f.staging("processes.json"), "[]")
	f.write(f.staging("app.json"), ownAppJSON)
	f.write(f.appJSON(), "{}") // as Dokku has taken it over
	require.NoError(t, os.Chmod(filepath.Join(f.dir, f.appJSON()), 0o640))
	f.write(f.procfile(), "web: old\n") // the version has none
	for _, name := range []string{f.underWay(f.appJSON()), f.underWay(f.appJSON()) + ".missing", f.underWay(f.procfile())} {
		f.write(name, "left over")
	}
	f.write(f.appJSON()+".4711", "of another deploy")
	want := map[string]string{f.appJSON(): "-rw-r----- " + ownAppJSON, f.appJSON() + ".4711": "-rw-r--r-- of another deploy"}
	for range 2 {
		require.NoError(t, f.putBack(f.run, f.app))
		got := f.tree("lib/data/app-json/portal", "lib/data/ps/portal")
		delete(got, "lib/data/app-json/portal")
		delete(got, "lib/data/ps/portal")
		require.Equal(t, want, got)
	}
}

func TestPutBackDoesNothingAfterItsRunWasCleaned(t *testing.T) {
	f := newFixture(t)
	f.write(f.appJSON(), ownAppJSON)
	f.write(f.procfile(), ownProcfile)
	require.NoError(t, f.putBack(f.run, f.app))
	require.Equal(t, ownAppJSON, f.read(f.appJSON()))
	require.Equal(t, ownProcfile, f.read(f.procfile()))
}

func TestReleaseLine(t *testing.T) {
	for _, c := range []struct{ procfile, want string }{
		{ownProcfile, "bin/rails db:migrate"},
		{"web: x\nrelease: sh -c 'a: b'\n", "sh -c 'a: b'"},
		{"release:x", "x"},
		{" release : x \n", "x"},
		{"release: \n", ""},
		{"release", ""},
		{"#release: x\nreleases: y\npre-release: z\n", ""},
		{"", ""},
	} {
		f := newFixture(t)
		f.write(f.staging("Procfile"), c.procfile)
		require.Equal(t, c.want, f.releaseLine(f.run, f.app), "%q", c.procfile)
	}
	f := newFixture(t)
	require.Empty(t, f.releaseLine(f.run, f.app))
}

func TestReleaseTasksInDokkusOrder(t *testing.T) {
	f := newFixture(t)
	f.write(f.staging("app.json"), ownAppJSON)
	f.write(f.staging("Procfile"), ownProcfile)
	shell := func(line string) []string {
		return []string{"/bin/bash", "-c", "set -e; set -o pipefail || true; " + line + " || exit 1;"}
	}
	list := func(moment string) []graduate.Task {
		tasks, err := f.ReleaseTasks(t.Context(), f.run, f.app, moment)
		require.NoError(t, err)
		return tasks
	}
	want := []graduate.Task{{Name: "predeploy", Command: shell("bin/pre")}, {Name: "release", Command: shell("bin/rails db:migrate")}}
	require.Equal(t, want, list(graduate.TaskRelease))
	require.Equal(t, []graduate.Task{{Name: "postdeploy", Command: shell("bin/post")}}, list(graduate.TaskPostdeploy))
	f.app.First = true
	require.Equal(t, append(want, graduate.Task{Name: "first-postdeploy", Command: shell("bin/first")}), list(graduate.TaskRelease))
	f.app.First = false

	f.write("lib/config/scheduler/portal/shell", "/bin/sh\n")
	require.Equal(t, "/bin/sh", list(graduate.TaskPostdeploy)[0].Command[0])
	f.write("bin/entrypoint", `["/entry"]`+"\n")
	require.Equal(t, []string{"bin/rails", "db:migrate"}, list(graduate.TaskRelease)[1].Command, "in words for an entry point")
	f.write("bin/entrypoint", `["/usr/bin/tini","--"]`+"\n")
	require.Equal(t, "/bin/sh", list(graduate.TaskPostdeploy)[0].Command[0])

	f.write("bin/fails", "image inspect")
	_, err := f.ReleaseTasks(t.Context(), f.run, f.app, graduate.TaskRelease)
	require.ErrorContains(t, err, "docker: refused")
	f.write(f.staging("app.json"), `{"scripts": []}`)
	_, err = f.ReleaseTasks(t.Context(), f.run, f.app, graduate.TaskRelease)
	require.ErrorContains(t, err, "app.json of portal-dev: ")
	other := newFixture(t)
	tasks, err := other.ReleaseTasks(t.Context(), other.run, other.app, graduate.TaskRelease)
	require.NoError(t, err)
	require.Empty(t, tasks)
}

func TestAnAppJSONOfNull(t *testing.T) {
	f := newFixture(t)
	f.write(f.underWay(f.appJSON()), "null")
	require.NoError(t, f.startTogether(f.run, f.app, []graduate.Process{{Type: "web", Count: 2}}))
}
