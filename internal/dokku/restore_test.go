package dokku

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// deployed is a fixture whose app has all that belongs to a deployed app, with a neighbour.
func deployed(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	for name, text := range map[string]string{
		"home/portal/HEAD":                            "ref: refs/heads/master\n",
		"home/portal/ENV":                             "export A='1'\n",
		"home/portal/CONTAINER.web.1":                 "c1",
		"home/portal/IP.web.1":                        "172.17.0.2",
		"home/portal/nginx.conf":                      "upstream portal-5000 {}\n",
		"home/portal/nginx.conf.d/size.conf":          "client_max_body_size 5m;\n",
		"home/portal/refs/heads/master":               "aaa\n",
		"home/portal/objects/aa/1":                    "an object",
		"home/portal/logs/HEAD":                       "a log",
		"lib/data/ps/portal/Procfile":                 "web: old\n",
		"lib/data/app-json/portal/app.json":           "{}",
		"lib/data/nginx-vhosts/app-portal/x.sigil":    "old",
		"lib/data/storage/portal/user.db":             "the users' own",
		"lib/data/storage/app-portal/user.db":         "the users' own",
		"lib/data/builds/portal/1.json":               "{}",
		"lib/data/graduate/portal/x":                  "ours",
		"lib/config/ps/portal/scale":                  "web=1\n",
		"lib/config/git/portal/source-image":          "",
		"lib/config/git/--global/deploy-branch":       "main",
		"home/other/ENV":                              "export B='1'\n",
		"lib/data/ps/other/Procfile":                  "web: other\n",
		"lib/config/ps/other/scale":                   "web=1\n",
		"lib/data/scheduler-docker-local/dead-images": "",
		"bin/tags": "dokku/portal:latest sha256:1\ndokku/portal:old sha256:0\ndokku/portal-dev:latest sha256:new\ndokku/other:latest sha256:5\n",
	} {
		f.write(name, text)
	}
	require.NoError(t, os.Chmod(filepath.Join(f.dir, "home/portal/ENV"), 0o600))
	require.NoError(t, os.Symlink("/var/a", filepath.Join(f.dir, "home/portal/link")))
	require.NoError(t, os.Symlink("ENV", filepath.Join(f.dir, "home/portal/link-to-file")))
	return f
}

// mess changes the app in every way in which a deploy does, and in some more.
func mess(f *fixture) {
	path := func(name string) string { return filepath.Join(f.dir, name) }
	f.write("home/portal/CONTAINER.web.1", "c2")                // changed
	f.write("home/portal/CONTAINER.worker.1", "c3")             // added
	f.write("home/portal/deep/er/file", "x")                    // added with folders
	f.write("lib/config/new-plugin/portal/key", "x")            // a place that was not there
	f.write("lib/data/ps/portal/Procfile.graduate-x", "web: n") // added
	f.write("lib/config/ps/portal/scale", "web=2\n")
	f.write("lib/config/git/portal/source-image", "img/a:v2")
	f.write("home/portal/refs/heads/master", "bbb\n")
	for _, name := range []string{"home/portal/IP.web.1", "home/portal/link", "home/portal/link-to-file", "home/portal/HEAD"} {
		require.NoError(f.t, os.Remove(path(name)))
	}
	for _, name := range []string{"home/portal/nginx.conf.d", "lib/data/app-json/portal"} {
		require.NoError(f.t, os.RemoveAll(path(name)))
	}
	require.NoError(f.t, os.Symlink("/var/b", path("home/portal/link")))
	f.write("home/portal/link-to-file", "a file in place of a link")
	require.NoError(f.t, os.Symlink("ENV", path("home/portal/HEAD"))) // and the other way round

	f.write("bin/tags", "dokku/portal:latest sha256:2\ndokku/portal:graduate-x sha256:2\ndokku/portal-dev:latest sha256:new\ndokku/other:latest sha256:6\n")
}

// belongings is what there is of all apps, the run's own folder apart.
func belongings(f *fixture) map[string]string {
	// A new plugin's folder of all apps stays: it belongs to none of them.
	return without(f.tree("home", "lib"), "lib/data/graduate/runs", "lib/data/graduate/closed", "lib/config/new-plugin")
}

func TestRestorePutsBackWhatDiffers(t *testing.T) {
	f := deployed(t)
	before := belongings(f)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	require.Equal(t, before, belongings(f), "a copy changes nothing")
	mess(f)
	require.NotEqual(t, before, belongings(f))

	for range 2 { // a second time changes nothing more
		require.NoError(t, f.restore(t.Context(), f.run, f.app))
		require.Equal(t, before, belongings(f))
		require.NoFileExists(t, filepath.Join(f.dir, "lib/config/new-plugin/portal/key"))
		require.Contains(t, f.read("bin/calls"), "image rm --force dokku/portal:graduate-x", "an old container may have the image")
		require.Equal(t, []string{"dokku/other:latest sha256:6", "dokku/portal-dev:latest sha256:new",
			"dokku/portal:latest sha256:1", "dokku/portal:old sha256:0"}, f.lines("bin/tags"))
	}
}

func TestRestoreLeavesWhatIsNoState(t *testing.T) {
	f := deployed(t)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	for _, name := range []string{
		"home/portal/objects/aa/1", "home/portal/objects/bb/2", "home/portal/logs/HEAD", "home/portal/FETCH_HEAD", "home/portal/cache/x",
		"lib/data/storage/portal/user.db", "lib/data/storage/portal/new.db", "lib/data/storage/app-portal/user.db",
		"lib/data/builds/portal/1.json", "lib/data/builds/portal/2.json", "lib/data/graduate/portal/x",
		"lib/config/git/--global/deploy-branch", "home/other/ENV", "lib/data/ps/other/Procfile", "lib/config/ps/other/scale",
		"lib/config/ps/portal-2/scale", "home/portal-2/ENV",
	} {
		f.write(name, "changed by others")
	}
	now := belongings(f)
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, now, belongings(f))
}

func TestRestoreWritesOnlyWhatDiffers(t *testing.T) {
	f := deployed(t)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	inode := func(name string) os.FileInfo {
		info, err := os.Lstat(filepath.Join(f.dir, name))
		require.NoError(t, err)
		return info
	}
	same := inode("home/portal/nginx.conf")
	f.write("bin/calls", "")
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.True(t, os.SameFile(same, inode("home/portal/nginx.conf")))
	require.NotContains(t, f.read("bin/calls"), "image tag")
	require.NotContains(t, f.read("bin/calls"), "image rm")
}

func TestAnAppThatWasNeverDeployedIsSoAgain(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/HEAD", "ref: refs/heads/master\n")
	before := belongings(f)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	made := []string{"home/portal/CONTAINER.web.1", "home/portal/nginx.conf", "home/portal/refs/heads/master"}
	for _, name := range made {
		f.write(name, "x")
	}
	f.write("bin/tags", "dokku/portal:latest sha256:2\ndokku/portal:graduate-x sha256:2\n")
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, before, belongings(f))
	require.Empty(t, f.read("bin/tags"))
}

func TestARunThatTouchedNothingRestoresNothing(t *testing.T) {
	f := deployed(t)
	f.write("home/portal/ENV", "changed")
	require.NoError(t, f.Restore(t.Context(), f.run))
	require.Equal(t, "changed", f.read("home/portal/ENV"))
	// Half a copy is none: the archive gets its name when it is whole.
	f.write("lib/data/graduate/runs/"+f.run.ID+"/before/portal.images.json", "{}")
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, "changed", f.read("home/portal/ENV"))
	require.Len(t, f.lines("bin/tags"), 4)
}

func TestARestoreThatFailsCanBeTriedAgain(t *testing.T) {
	f := deployed(t)
	before := belongings(f)
	require.NoError(t, f.Close(t.Context(), f.run))
	mess(f)
	f.write("bin/fails", "image tag")
	err := f.Restore(t.Context(), f.run)
	require.ErrorContains(t, err, "portal could not be restored: ")
	require.ErrorContains(t, err, "docker: refused")
	require.FileExists(t, f.lockFile("portal"), "it is not opened")
	require.NoError(t, os.Remove(filepath.Join(f.dir, "bin/fails")))
	require.NoError(t, f.Restore(t.Context(), f.run))
	require.Equal(t, before, without(belongings(f), "lib/data/apps"))
	require.NoFileExists(t, f.lockFile("portal"))
	require.NoDirExists(t, f.snapshotDir(f.run))
}

func TestCopiesAreForTheirUserOnly(t *testing.T) {
	f := deployed(t)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	for _, name := range []string{"portal.tar", "portal.images.json"} {
		info, err := os.Stat(filepath.Join(f.snapshotDir(f.run), name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestTheQueuesLoseOnlyTheRunsLines(t *testing.T) {
	f := newFixture(t)
	queue := "lib/data/scheduler-docker-local/"
	f.write(queue+"dead-containers", "other c9 1795259026\n c1 1795259026\nportal c8 1795259027\n c2 1\n")
	f.write(queue+"dead-images", "other i9 1795259026\n")
	require.NoError(t, os.Chmod(filepath.Join(f.dir, queue, "dead-containers"), 0o664))
	f.write("lib/data/graduate/runs/"+f.run.ID+"/removed", "c1 i1\nc2 i1\n")
	require.NoError(t, f.cleanQueues(f.run))
	require.Equal(t, "other c9 1795259026\nportal c8 1795259027\n", f.read(queue+"dead-containers"))
	require.Equal(t, "other i9 1795259026\n", f.read(queue+"dead-images"))
	info, err := os.Stat(filepath.Join(f.dir, queue, "dead-containers"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o664), info.Mode().Perm())
	require.NoError(t, f.cleanQueues(f.run), "a second time")

	f.removed = []string{"c8", "i8"} // the disk was full when they were to be noted
	require.NoError(t, f.cleanQueues(f.run))
	require.Equal(t, "other c9 1795259026\n", f.read(queue+"dead-containers"))
	require.Empty(t, f.removed)
}

// An image that is built again from the same layers has the ID of one that the queue has had before.
func TestTheQueuesKeepTheLinesOfBeforeTheRun(t *testing.T) {
	f := newFixture(t)
	queue := "lib/data/scheduler-docker-local/dead-images"
	f.write(queue, "portal i1 1795259026\n")
	require.NoError(t, os.MkdirAll(f.snapshotDir(f.run), 0o700))
	require.NoError(t, f.copyQueues(f.run))
	f.write(queue, "portal i1 1795259026\n i1 1795259099\n")
	require.NoError(t, f.copyQueues(f.run), "a copy that is there stays")
	f.write("lib/data/graduate/runs/"+f.run.ID+"/removed", "c1 i1\n")
	require.NoError(t, f.cleanQueues(f.run))
	require.Equal(t, "portal i1 1795259026\n", f.read(queue))
}

func TestDropLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		words      []string
		want       string
	}{
		{"nothing to drop", "a 1\nb 2\n", []string{"c"}, "a 1\nb 2\n"},
		{"no words", "a 1\n\n", nil, "a 1\n\n"},
		{"all", "a 1\nb 1\n", []string{"1"}, ""},
		{"one, and a last line without an end", "a 1\nb 2", []string{"1"}, "b 2"},
		{"the last", "a 1\nb 2", []string{"2"}, "a 1\n"},
		{"empty", "", []string{"1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "queue")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			require.NoError(t, dropLines(path, c.words, ""))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
	missing := filepath.Join(t.TempDir(), "queue")
	require.NoError(t, dropLines(missing, []string{"x"}, ""))
	require.NoFileExists(t, missing)
}

func TestPlacesAreThoseOfTheAppAlone(t *testing.T) {
	f := deployed(t)
	f.write("lib/data/ps/portal-dev/Procfile", "")
	var want []string
	for _, name := range []string{"home/portal", "lib/data/app-json/portal", "lib/data/ps/portal", "lib/data/nginx-vhosts/app-portal", "lib/config/git/portal", "lib/config/ps/portal"} {
		want = append(want, filepath.Join(f.dir, name))
	}
	require.Equal(t, want, f.places("portal"))
}

func TestTagsAreThoseOfTheAppAlone(t *testing.T) {
	f := newFixture(t)
	f.write("bin/tags", "dokku/portal:latest sha256:1\ndokku/portal:<none> sha256:2\ndokku/portal-dev:latest sha256:3\n")
	tags, err := f.tags(t.Context(), "portal")
	require.NoError(t, err)
	require.Equal(t, images{"latest": "sha256:1"}, tags)
	f.write("bin/fails", "image ls")
	_, err = f.tags(t.Context(), "portal")
	require.Error(t, err)
	require.Error(t, f.snapshot(t.Context(), f.run, f.app))
	require.NoFileExists(t, filepath.Join(f.snapshotDir(f.run), "portal.tar"))
}

func TestDeploysAreKeptOffWhileTheTargetsAreClosed(t *testing.T) {
	f := deployed(t)
	skipped := &graduate.App{Role: "api", Target: "other", Skip: "unchanged"}
	f.run.Apps = append(f.run.Apps, skipped)
	require.NoError(t, f.Close(t.Context(), f.run))
	require.FileExists(t, filepath.Join(f.snapshotDir(f.run), "portal.tar"))
	require.NoFileExists(t, filepath.Join(f.snapshotDir(f.run), "other.tar"))

	elsewhere := &Host{Root: f.Root, Lib: f.Lib, Docker: f.Docker}
	for _, app := range []string{"portal", "other"} {
		err := elsewhere.Close(t.Context(), &graduate.Run{ID: "x", Dir: t.TempDir(), Apps: []*graduate.App{{Target: app}}})
		require.EqualError(t, err, app+" is being deployed by someone else; try again when that deploy has ended")
		require.Equal(t, graduate.Conflict, graduate.CodeOf(err))
	}
	require.NoError(t, f.Open(t.Context(), f.run))
	require.NoFileExists(t, f.lockFile("portal"), "its mere existence says locked")
	require.NoDirExists(t, f.snapshotDir(f.run))
	require.NoError(t, elsewhere.lock("portal"))
	require.NoError(t, f.Open(t.Context(), f.run), "a second time")
	require.FileExists(t, f.lockFile("portal"), "the lock is another's now")
}

func TestRestorePutsBackModes(t *testing.T) {
	f := deployed(t)
	file, dir := filepath.Join(f.dir, "home/portal/ENV"), filepath.Join(f.dir, "home/portal/nginx.conf.d")
	require.NoError(t, os.Chmod(dir, 0o750))
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	require.NoError(t, os.Chmod(file, 0o644)) // was 0600
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	for path, want := range map[string]os.FileMode{file: 0o600, dir: 0o750} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestAnAppCalledAppPortalIsAnother(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/ENV", "")
	f.write("lib/data/ps/app-portal/Procfile", "web: old\n")
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	f.write("lib/data/ps/app-portal/Procfile", "web: new\n") // a deploy of the app "app-portal"
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, "web: new\n", f.read("lib/data/ps/app-portal/Procfile"))
}

func TestACopyThatIsWholeIsKept(t *testing.T) {
	f := deployed(t)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	f.write("home/portal/ENV", "changed by the run")
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, "export A='1'\n", f.read("home/portal/ENV"))
}

func TestAFileThatBecameAFolder(t *testing.T) {
	f := deployed(t)
	before := belongings(f)
	require.NoError(t, f.snapshot(t.Context(), f.run, f.app))
	for name, in := range map[string]string{"home/portal/refs/heads/master": "/x", "home/portal/nginx.conf.d": ""} { // and the reverse
		require.NoError(t, os.RemoveAll(filepath.Join(f.dir, name)))
		f.write(name+in, "ref")
	}
	require.NoError(t, f.restore(t.Context(), f.run, f.app))
	require.Equal(t, before, belongings(f))
}
