package dokku

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// postExtract does what Dokku's plugins do in core-post-extract: they keep a version's files under $DOKKU_PID.
const postExtract = `for pair in ps/Procfile app-json/app.json; do
  to="$LIB/data/${pair%/*}/$1/${pair#*/}.$DOKKU_PID"; mkdir -p "${to%/*}"; rm -f "$to" "$to.missing"
  if [ -f "$2/${pair#*/}" ]; then cp "$2/${pair#*/}" "$to"; else : >"$to.missing"; fi
done
echo "source-image=[$(cat "$LIB/config/git/$1/source-image" 2>/dev/null)] pid=$DOKKU_PID rev=[$3]"`

// stageable is a target that was deployed, and a source with a newer version.
func stageable(t *testing.T) *fixture {
	t.Helper()
	f := deployed(t)
	require.NoError(t, os.RemoveAll(filepath.Join(f.Root, "portal")))
	f.repository("portal", "main")
	f.write("home/portal/ENV", "export A='1'\n")
	f.write("bin/trigger-core-post-extract", postExtract)
	f.write("bin/trigger-ps-current-scale", "printf 'web=2\nworker=1\n'")
	f.write("bin/trigger-procfile-get-command", `echo x`)
	t.Setenv("LIB", f.Lib)
	return f
}

// commit makes the source's commit of some files.
func (f *fixture) commit(files map[string]string) {
	f.t.Helper()
	f.repository("portal-dev", "main")
	work := filepath.Join(f.dir, "work")
	for name, text := range files {
		f.write("work/"+name, text)
	}
	out, err := exec.Command("sh", "-c", `cd "$1" && export GIT_DIR="$2" GIT_WORK_TREE="$1" && git -c core.bare=false add -A &&
		git -c core.bare=false -c user.name=x -c user.email=x@x commit-tree -m new "$(git -c core.bare=false write-tree)"`, "sh", work, filepath.Join(f.Root, "portal-dev")).Output()
	require.NoError(f.t, err)
	f.app.Revision = strings.TrimSpace(string(out))
	_, err = f.git(f.t.Context(), "portal-dev", "update-ref", "refs/heads/main", f.app.Revision)
	require.NoError(f.t, err)
}

func TestStagingMovesNothingThatTheTargetRuns(t *testing.T) {
	f := stageable(t)
	f.commit(map[string]string{"Procfile": "web: new\nrelease: bin/migrate\n", "app.json": `{"scripts":{"dokku":{"predeploy":"bin/pre"}}}`, "x": "y"})
	f.write("lib/config/git/portal/source-image", "img/old:1")
	f.app.Origin.Ports = "http:80:5000 https:443:5000"
	ours := []string{
		"lib/data/graduate/runs", "home/portal/objects", f.underWay("lib/data/ps/portal/Procfile"),
		f.underWay("lib/data/app-json/portal/app.json"),
	}
	before := without(f.tree("home", "lib"), ours...)
	for range 2 { // also where it was cut off before
		var log bytes.Buffer
		require.NoError(t, f.Stage(t.Context(), f.run, f.app, &log))
		require.Equal(t, before, without(f.tree("home", "lib"), ours...))
		require.Contains(t, log.String(), "source-image=[] pid=graduate-"+f.run.ID+" rev=["+f.app.Revision+"]\n",
			"core-post-extract must not read the old image")
		require.Contains(t, f.lines("bin/tags"), "dokku/portal:latest sha256:1")
		require.Contains(t, f.lines("bin/tags"), f.tag("portal")+" sha256:built")
		require.Equal(t, "web: new\n", f.read(f.underWay(f.procfile())))
		require.JSONEq(t, `{"scripts": {"dokku": {}}, "formation": {"web": {"max_parallel": 2}, "worker": {"max_parallel": 1}}}`, f.read(f.underWay(f.appJSON())))
		f.write("bin/artifact-sha256:built", f.app.Image)
	}
	require.Equal(t, 1, strings.Count(f.read("bin/calls"), "image build"), "the image is made once")
	require.Contains(t, f.read("bin/recipe"), `LABEL "com.dokku.app-name"="portal" "com.dokku.image-stage"="release" "com.dokku.builder-type"="herokuish"`)
	processes, err := f.Processes(t.Context(), f.run, f.app)
	require.NoError(t, err)
	require.Equal(t, []graduate.Process{{Type: "web", Count: 2}, {Type: "worker", Count: 1}}, processes)
	image := "herokuish portal " + f.tag("portal")
	require.Subset(t, f.triggers(), []string{
		"trigger ports-set-detected portal http:80:5000 https:443:5000", "trigger pre-release-builder " + image, "trigger post-release-builder " + image,
	})
}

func TestStagingAnImageTakesItsFiles(t *testing.T) {
	f := stageable(t)
	f.write("bin/builder", "")
	f.write("bin/image/app/deploy/Procfile", "web: of the image\n")
	f.write("bin/image/app/Procfile", "another")
	f.write("lib/config/ps/--global/procfile-path", "deploy/Procfile\n")
	var log bytes.Buffer
	require.NoError(t, f.Stage(t.Context(), f.run, f.app, &log))
	require.Equal(t, "web: of the image\n", f.read(f.staging("source/deploy/Procfile")))
	require.NoFileExists(t, filepath.Join(f.dir, f.staging("source/app.json")))
	require.Contains(t, f.read("bin/calls"), "container rm --force c0")
	require.Contains(t, f.read("bin/triggers"), "pre-release-builder dockerfile portal", "an image without the label was made by a Dockerfile")
}

func TestStagingSaysWhatCannotBeCarriedOver(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(f *fixture)
	}{
		{"the image", "the image of portal-dev cannot be carried over: ", func(f *fixture) { f.write("bin/fails", "image build") }},
		{"the commit", "the commit of portal-dev cannot be carried over: ", func(f *fixture) { f.app.Revision = f.repository("portal-dev", "another") }},
		{"its files", "the Procfile and app.json of portal-dev cannot be carried over: ", func(f *fixture) { f.write("bin/trigger-post-extract", "exit 1") }},
		{"its app.json", "app.json of portal-dev: ", func(f *fixture) { f.write("bin/image/app/app.json", "{") }},
		{"another plugin's say", "trigger post-release-builder", func(f *fixture) { f.write("bin/trigger-post-release-builder", "exit 1") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := stageable(t)
			f.write("lib/config/git/portal/source-image", "img/old:1")
			c.change(f)
			require.ErrorContains(t, f.Stage(t.Context(), f.run, f.app, &bytes.Buffer{}), c.want)
			require.Equal(t, "img/old:1", f.read("lib/config/git/portal/source-image"))
		})
	}
}

func TestAFileThatCannotBeCopiedIsSaid(t *testing.T) {
	f := stageable(t)
	f.write("bin/image/app/Procfile", "web: x\n")
	f.write("bin/fails", "container cp")
	require.Error(t, f.Stage(t.Context(), f.run, f.app, io.Discard))
}

// Debian 12 has such a client.
func TestAFileThatAnImageLacksIsNoFaultWithAnOlderClientEither(t *testing.T) {
	f := stageable(t)
	f.write("bin/builder", "")
	f.write("bin/no-such-file", "Error: No such container:path: c0:/app/Procfile\n")
	require.NoError(t, f.Stage(t.Context(), f.run, f.app, io.Discard))
}
