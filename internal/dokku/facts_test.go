package dokku

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// templates has a repository per app, as git takes its time to make one.
var templates = struct {
	dir     string
	commits map[string]string
}{commits: map[string]string{}}

func TestMain(m *testing.M) {
	if waitsAsACheck() {
		return
	}
	var err error
	if templates.dir, err = os.MkdirTemp("", "repositories-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(templates.dir)
	os.Exit(code)
}

// repository makes an app's bare repository with a commit of its own on a branch and returns the commit.
func (f *fixture) repository(app, branch string) string {
	f.t.Helper()
	template := filepath.Join(templates.dir, app)
	if templates.commits[app] == "" {
		script := `git init -q --bare --template= "$1" && cd "$1" && mkdir -p refs/heads && tree=$(git mktree </dev/null) &&
			git -c user.name=x -c user.email=x@x commit-tree -m "$1" "$tree"`
		out, err := exec.Command("sh", "-c", script, "sh", template).Output()
		require.NoError(f.t, err)
		templates.commits[app] = strings.TrimSpace(string(out))
	}
	require.NoError(f.t, os.CopyFS(filepath.Join(f.Root, app), os.DirFS(template)))
	f.write("home/"+app+"/refs/heads/"+branch, templates.commits[app]+"\n")
	return templates.commits[app]
}

// running makes an app that is deployed and runs.
func running(t *testing.T) (*fixture, graduate.Facts) {
	f := newFixture(t)
	commit := f.repository("portal", "master")
	f.write("bin/tags", "dokku/portal:latest sha256:1\n")
	f.write("bin/artifact-sha256:1", "sha256:dev\n")
	f.write("lib/config/common/portal/deployed", "true")
	f.write("home/portal/CONTAINER.web.1", "c1\n")
	f.write("home/portal/CONTAINER.worker.1", "c2")
	f.inspect("sha256:1 true A=1 GIT_REV=old", "sha256:1 true A=1")
	f.write("lib/config/ps/portal/scale", "worker=1\nweb=2\n")
	f.write("lib/config/git/portal/source-image", "img/a:v1\n")
	f.write("lib/config/apps/portal/deploy-source", "docker-image\n")
	f.write("lib/config/apps/portal/deploy-source-metadata", "img/a:v1")
	f.write("lib/config/ports/portal/map-detected", "http:80:5000\nhttps:443:5000\n")
	f.write("lib/config/portal/ENV", "A=1\nGIT_REV=\"new\"\n")
	return f, graduate.Facts{
		App: "portal", Exists: true, Deployed: true, Image: "sha256:1", Artifact: "sha256:dev", Running: []string{"sha256:1"},
		Revision: commit, Scheduler: "docker-local", Proxy: "nginx", ProxyEnabled: true, RevisionKey: "GIT_REV",
		Config: map[string]string{"A": "1", "GIT_REV": "new"},
		Scale:  []graduate.Process{{Type: "web", Count: 2}, {Type: "worker", Count: 1}},
		Origin: graduate.Origin{SourceImage: "img/a:v1", DeploySource: "docker-image", DeployMetadata: "img/a:v1", Ports: "http:80:5000 https:443:5000"},
		Around: graduate.Surroundings{
			Own: map[string]bool{"A": true, "GIT_REV": true}, Vhosts: true, SourceTag: "img/a:v1",
			Version: graduate.ImageFacts{ID: "sha256:1", Layers: []graduate.Layer{}},
		},
	}
}

// inspect is what Docker says of the containers: image, whether it runs, environment.
func (f *fixture) inspect(containers ...string) {
	var all []string
	for n, text := range containers {
		words := strings.Fields(text)
		all = append(all, fmt.Sprintf(`{"Id": "c%d", "Image": %q, "State": {"Running": %s}, "Config": {"Env": ["%s"]}}`, n+1, words[0], words[1], strings.Join(words[2:], `","`)))
	}
	f.write("bin/inspect", "["+strings.Join(all, ",")+"]")
}

func TestFacts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fixture)
		want   func(want *graduate.Facts)
	}{
		{"as it should be", func(*fixture) {}, func(*graduate.Facts) {}},
		{"properties of the app", func(f *fixture) {
			f.write("lib/config/scheduler/portal/selected", "k3s\n")
			f.write("lib/config/proxy/portal/type", "traefik")
			f.write("lib/config/proxy/portal/disabled", "true")
			f.write("lib/config/checks/portal/disabled", "web,worker\n")
			f.write("lib/config/ps/portal/restore", "false")
		}, func(w *graduate.Facts) {
			w.Scheduler, w.Proxy, w.ProxyEnabled, w.ChecksDisabled, w.Stopped = "k3s", "traefik", false, "web,worker", true
		}},
		{"locked", func(f *fixture) { f.write("lib/data/apps/portal/.deploy.lock", "") }, func(w *graduate.Facts) { w.Locked = true }},
		{"being deployed", func(f *fixture) { f.deploys("portal") }, func(w *graduate.Facts) { w.Deploying = true }},
		{"held by this process", func(f *fixture) { require.NoError(t, f.lock("portal")) }, func(*graduate.Facts) {}},
		{"another branch", func(f *fixture) { f.write("lib/config/git/--global/deploy-branch", "main") }, func(w *graduate.Facts) { w.Revision = "" }},
		{"not deployed", func(f *fixture) { f.write("lib/config/common/portal/deployed", "false") }, func(w *graduate.Facts) { w.Deployed = false }},
		{"its image is lost", func(f *fixture) { f.write("bin/tags", "") }, func(w *graduate.Facts) {
			w.Deployed, w.Image, w.Artifact, w.Around.Version = false, "", "", graduate.ImageFacts{}
		}},
		{"half deployed", func(f *fixture) { f.inspect("sha256:1 true A=1", "sha256:0 true A=1") }, func(w *graduate.Facts) { w.Running = []string{"sha256:1", "sha256:0"} }},
		{"the configuration has changed", func(f *fixture) { f.inspect("sha256:1 true A=1", "sha256:1 true A=0") }, func(w *graduate.Facts) { w.Drift = true }},
		{"a container does not run", func(f *fixture) { f.inspect("sha256:1 true A=1", "sha256:1 false A=1") }, func(w *graduate.Facts) { w.Missing = true }},
		{"a container is gone", func(f *fixture) { f.inspect("sha256:1 true A=1") }, func(w *graduate.Facts) { w.Missing = true }},
		{"all containers are gone", func(f *fixture) { f.write("bin/fails", "container inspect") }, func(w *graduate.Facts) { w.Missing, w.Running = true, nil }},
		{"no configuration", func(f *fixture) { f.write("lib/config/portal/ENV", "") }, func(w *graduate.Facts) {
			w.Config, w.Around.Own = map[string]string{}, map[string]bool{}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, want := running(t)
			c.change(f)
			c.want(&want)
			got, err := f.Facts(t.Context(), "portal")
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestFactsOfWhatDoesNotAnswer(t *testing.T) {
	f, _ := running(t)
	got, err := f.Facts(t.Context(), "ws")
	require.NoError(t, err)
	require.Equal(t, graduate.Facts{App: "ws"}, got)
	f.write("lib/config/portal/ENV", "A=1\nSECRET-of-portal\n")
	_, err = f.Facts(t.Context(), "portal")
	require.EqualError(t, err, "the config of portal cannot be read: its file is damaged; see dokku config:show portal")
	f.write("bin/fails", "version")
	_, err = f.Facts(t.Context(), "portal")
	require.ErrorContains(t, err, "Docker does not answer (")
	require.ErrorContains(t, err, "start it and try again")
}

func TestPublishedPorts(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		want             bool
	}{
		{"short", "home/portal/DOCKER_OPTIONS_DEPLOY", "--restart=on-failure:10\n-p 8080:80\n", true},
		{"short, in one word", "home/portal/DOCKER_OPTIONS_DEPLOY", "-p8080:80", true},
		{"short, with an address", "home/portal/DOCKER_OPTIONS_DEPLOY", "-p[::1]:8080:80", true},
		{"short, with =", "home/portal/DOCKER_OPTIONS_DEPLOY", "-p=8080:80", true},
		{"all", "home/portal/DOCKER_OPTIONS_DEPLOY", "-P", true},
		{"long", "home/portal/DOCKER_OPTIONS_DEPLOY", "--publish 8080:80", true},
		{"with =", "lib/config/docker-options/portal/_default_.deploy", "--publish=8080:80", true},
		{"all, long", "lib/config/docker-options/portal/_default_.deploy", "--publish-all", true},
		{"none", "home/portal/DOCKER_OPTIONS_DEPLOY", "--restart=on-failure:10\n-v /x:/p -pids\n", false},
		{"options that begin alike", "home/portal/DOCKER_OPTIONS_DEPLOY", "--privileged --pid=host --pids-limit 9 --pull never", false},
		{"another command's password", "home/portal/DOCKER_OPTIONS_DEPLOY", "--health-cmd 'mysqladmin ping -pSecret'", false},
		{"another command's port", "home/portal/DOCKER_OPTIONS_DEPLOY", `--health-cmd "pg_isready -p 5432"`, false},
		{"behind another command", "home/portal/DOCKER_OPTIONS_DEPLOY", `--health-cmd "pg_isready -p 5432" -p 80:80`, true},
		{"with a quote that does not end", "home/portal/DOCKER_OPTIONS_DEPLOY", `--label x="y -p 80:80`, true},
		{"of another phase", "home/portal/DOCKER_OPTIONS_RUN", "-p 8080:80", false},
		{"of one process type", "lib/config/docker-options/portal/web.deploy", "-p 8080:80", true},
		{"of another app", "home/ws/DOCKER_OPTIONS_DEPLOY", "-p 8080:80", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write(c.file, c.text)
			require.Equal(t, c.want, f.dockerOptions("portal").published)
		})
	}
}

// Facts is the survey of one app.
func (f *fixture) Facts(ctx context.Context, app string) (graduate.Facts, error) {
	facts, err := f.Survey(ctx, []string{app})
	return facts[app], err
}
