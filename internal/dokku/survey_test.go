package dokku

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// surveyed is what a survey tells of the app portal's surroundings.
func (f *fixture) surveyed() graduate.Surroundings {
	f.t.Helper()
	facts, err := f.Survey(f.t.Context(), []string{"portal"})
	require.NoError(f.t, err)
	return facts["portal"].Around
}

// Each thing where Dokku 0.38.27 keeps it.
func TestSurroundings(t *testing.T) {
	mount := `{"entry_name":"legacy-1","container_path":"/data","phases":["deploy","run"],"readonly":true,"volume_options":"z"}`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  func(a *graduate.Surroundings)
	}{
		{"nothing", nil, func(*graduate.Surroundings) {}},
		{"domains", map[string]string{"home/portal/VHOST": "b.example\na.example\n"}, func(a *graduate.Surroundings) { a.Domains = []string{"b.example", "a.example"} }},
		{"domains that are off", map[string]string{"lib/config/portal/ENV": "NO_VHOST=1\n"}, func(a *graduate.Surroundings) {
			a.Vhosts, a.Own = false, map[string]bool{"NO_VHOST": true}
		}},
		{"domains that are off on the server, which Dokku does not ask", map[string]string{"lib/config/--global/ENV": "NO_VHOST=1\n"}, func(*graduate.Surroundings) {}},
		{"a certificate", map[string]string{"home/portal/tls/server.crt": "x", "home/portal/tls/server.key": "y"}, func(a *graduate.Surroundings) { a.TLS = true }},
		{"half a certificate", map[string]string{"home/portal/tls/server.crt": "x"}, func(*graduate.Surroundings) {}},
		{"port maps", map[string]string{"lib/config/ports/portal/map": "http:80:5000\nhttps:443:5000\n", "lib/config/ports/portal/map-detected": "http:80:9\n"}, func(a *graduate.Surroundings) {
			a.Ports = []string{"http:80:5000", "https:443:5000"}
		}},
		{"resources", map[string]string{
			"lib/config/resource/portal/_default_.limit.memory": "512", "lib/config/resource/portal/web.reserve.cpu": "1", "lib/config/resource/portal/web.limit.memory-swap": "1g", "lib/config/resource/portal/other": "x",
		}, func(a *graduate.Surroundings) {
			a.Resources = map[string]map[string]string{"_default_": {"limit memory": "512"}, "web": {"reserve cpu": "1", "limit memory-swap": "1g"}}
		}},
		{"docker options", map[string]string{
			"lib/config/docker-options/portal/_default_.deploy": "--restart=on-failure:10\n--label a=b --add-host c:1\n# no option\n--env SECRET=hush\n",
			"lib/config/docker-options/portal/_default_.build":  "--build-arg TOKEN=hush\n--env=KEY=hush\n-v /cache:/cache\n",
			"lib/config/docker-options/portal/worker.deploy":    "--init\n", "home/portal/DOCKER_OPTIONS_RUN": "--tty\n",
		}, func(a *graduate.Surroundings) {
			a.DockerOptions = map[string][]string{
				"deploy": {"--add-host c:1", "--env SECRET=hush", "--label a=b", "--restart=on-failure:10"},
				"build":  {"--build-arg TOKEN=hush", "--env=KEY=hush", "-v /cache:/cache"}, "deploy worker": {"--init"}, "run": {"--tty"},
			}
		}},
		{"a docker option with a quote that does not end, which is one", map[string]string{
			"lib/config/docker-options/portal/_default_.deploy": "-e A='open -v /hush:/x --hush\n",
		}, func(a *graduate.Surroundings) {
			a.DockerOptions = map[string][]string{"deploy": {"-e A='open -v /hush:/x --hush"}}
		}},
		{"mounts of docker options", map[string]string{
			"lib/config/docker-options/portal/_default_.deploy": "-v /a:/x\n--volume=/b:/y:ro\n--mount type=bind,source=/c,target=/z\n--mount type=tmpfs,target=/t\n",
			"lib/config/docker-options/portal/_default_.run":    "-v /a:/x\n",
		}, func(a *graduate.Surroundings) {
			a.Mounts, a.DockerOptions = []string{"/a:/x", "/b:/y:ro", "/c:/z"}, map[string][]string{"deploy": {"--mount type=tmpfs,target=/t"}}
		}},
		{"mounts of storage:mount", map[string]string{
			"lib/config/storage/portal/mounts": mount + "\n" + `{"entry_name":"gone","container_path":"/gone"}` + "\nnonsense\n", "lib/data/storage-registry/entries/legacy-1.json": `{"name":"legacy-1","host_path":"/var/lib/x"}`,
		}, func(a *graduate.Surroundings) { a.Mounts = []string{"/var/lib/x:/data:ro,z", "gone:/gone"} }},
		{"services", map[string]string{
			"lib/services/postgres/shop-db/LINKS": "other\nportal\n", "lib/services/redis/cache/LINKS": "other\n",
			"lib/config/docker-options/portal/_default_.deploy": "--link dokku.postgres.shop-db:dokku-postgres-shop-db\n--link dokku.mysql.far:far\n--link db:db\n",
		}, func(a *graduate.Surroundings) {
			a.Services, a.DockerOptions = []string{"mysql far", "postgres shop-db"}, map[string][]string{"deploy": {"--link db:db"}}
		}},
		{"networks", map[string]string{"lib/config/network/portal/attach-post-create": "a,b\n", "lib/config/network/portal/initial-network": "c", "lib/config/network/--global/tld": "x"}, func(a *graduate.Surroundings) {
			a.Networks = []string{"attach-post-create a,b", "initial-network c"}
		}},
		{"checks", map[string]string{"lib/config/checks/portal/skipped": "worker\n", "lib/config/checks/portal/wait-to-retire": "5"}, func(a *graduate.Surroundings) {
			a.ChecksSkipped, a.ChecksWait = "worker", map[string]string{"wait-to-retire": "5"}
		}},
		{"the version's files", map[string]string{"lib/data/ps/portal/Procfile": "# x\nweb: bin/web -p $PORT\nnonsense\nworker:bin/worker\n", "lib/data/app-json/portal/app.json": "{}"}, func(a *graduate.Surroundings) {
			a.Procfile, a.AppJSON = map[string]string{"web": "bin/web -p $PORT", "worker": "bin/worker"}, []byte("{}")
		}},
		{"the image of a deploy", map[string]string{"lib/config/apps/portal/deploy-source": "docker-image", "lib/config/apps/portal/deploy-source-metadata": "shop/portal:latest"}, func(a *graduate.Surroundings) { a.SourceTag = "shop/portal:latest" }},
		{"an nginx file of a known shape", map[string]string{"home/portal/nginx.conf": "known", "home/portal/IP.web.1": "x"}, func(*graduate.Surroundings) {}},
		{"an nginx file of another shape", map[string]string{"home/portal/nginx.conf": "mine", "home/portal/IP.web.1": "x"}, func(a *graduate.Surroundings) { a.CustomNginx = true }},
		{"an nginx file from when there was no container", map[string]string{"home/portal/nginx.conf": "mine"}, func(*graduate.Surroundings) {}},
		{"an nginx file of another shape, and no nginx", map[string]string{"home/portal/nginx.conf": "mine", "home/portal/IP.web.1": "x", "lib/config/proxy/portal/disabled": "true"}, func(*graduate.Surroundings) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.NginxShape = func(conf, app string) error {
				require.Equal(t, "portal", app)
				if conf != "known" {
					return errors.New("unknown")
				}
				return nil
			}
			require.NoError(t, os.MkdirAll(filepath.Join(f.Root, "portal"), 0o755))
			for name, text := range c.files {
				f.write(name, text)
			}
			want := graduate.Surroundings{Own: map[string]bool{}, Vhosts: true}
			c.want(&want)
			require.Equal(t, want, f.surveyed())
		})
	}
}

// A value of the configuration is what Dokku reads, of the server's under the app's own.
func TestConfigOfASurvey(t *testing.T) {
	f := newFixture(t)
	f.write("home/portal/VHOST", "")
	f.write("lib/config/--global/ENV", "A=global\nB=\"both\"\n")
	f.write("lib/config/portal/ENV", "# a comment\nB=own\nC=\"line\\nline \\$X \\\"q\\\"!\"\nF=\"\\\"q\\\"\"\nD='$X'\nbad.key=1\nE=\n")
	facts, err := f.Survey(t.Context(), []string{"portal", "portal", "absent"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A": "global", "B": "own", "C": "line\nline $X \"q\"!", "D": "$X", "E": "", "F": `"q\`}, facts["portal"].Config)
	require.Equal(t, map[string]bool{"B": true, "C": true, "D": true, "E": true, "F": true}, facts["portal"].Around.Own)
	require.Equal(t, graduate.Facts{App: "absent"}, facts["absent"])
	require.Len(t, facts, 2)
}

// However many apps there are, the client is started as often.
func TestASurveyAsksDockerOnce(t *testing.T) {
	f, _ := running(t)
	f.repository("ws", "master")
	f.write("bin/tags", "dokku/portal:latest sha256:1\ndokku/ws:latest sha256:1\n")
	f.write("lib/config/common/ws/deployed", "true")
	f.write("home/ws/CONTAINER.web.1", "c3")
	f.inspect("sha256:1 true A=1", "sha256:1 true A=1", "sha256:2 true A=2")
	f.write("bin/history-sha256:1", "")
	facts, err := f.Survey(t.Context(), []string{"ws", "portal"})
	require.NoError(t, err)
	require.Equal(t, []string{"sha256:1"}, facts["portal"].Running)
	require.Equal(t, []string{"sha256:2"}, facts["ws"].Running)
	require.Equal(t, 4, strings.Count(f.read("bin/calls"), "\n"), "version, images, containers, history: %s", f.read("bin/calls"))
}

func TestVersionOfAnImage(t *testing.T) {
	f, _ := running(t)
	f.write("bin/image-sha256:1", `"Created": "2026-01-02T03:04:05.6Z", "Size": 30, "RootFS": {"Layers": ["sha256:a", "sha256:b"]}`)
	f.write("bin/history-sha256:1", `{"CreatedBy":"COPY . /app","Size":"20"}
{"CreatedBy":"/bin/sh -c #(nop)  ENV A=b","Size":"0"}
{"CreatedBy":"","Size":"10"}
`)
	require.Equal(t, graduate.ImageFacts{
		ID: "sha256:1", Created: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC), Size: 30,
		Layers: []graduate.Layer{{ID: "sha256:a", Size: 10}, {ID: "sha256:b", Size: 20}},
	}, f.surveyed().Version)
}

func TestLayerSizes(t *testing.T) {
	for _, c := range []struct {
		name   string
		steps  []step
		layers int
		want   []int64
	}{
		{"each a layer", []step{{"ADD x", 1}, {"RUN y", 2}}, 2, []int64{1, 2}},
		{"an empty layer", []step{{"ADD x", 1}, {"WORKDIR /app", 0}, {"CMD [\"x\"]", 0}}, 2, []int64{1, 0}},
		{"lines without a layer, of the old builder", []step{{"/bin/sh -c #(nop) ADD x", 1}, {"/bin/sh -c #(nop)  WORKDIR /app", 0}, {"/bin/sh -c #(nop)  LABEL a", 0}}, 1, []int64{1}},
		{"lines that say nothing", []step{{"", 0}, {"", 7}}, 1, []int64{7}},
		{"more layers than lines", []step{{"ADD x", 1}}, 2, nil},
		{"no lines", nil, 1, nil},
		{"a word that begins alike", []step{{"LABELED", 0}}, 1, []int64{0}},
	} {
		require.Equal(t, c.want, layerSizes(c.steps, c.layers), c.name)
	}
}

func TestRevisionOfPackedRefs(t *testing.T) {
	f := newFixture(t)
	commit := f.repository("portal", "other")
	f.write("home/portal/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n"+commit+" refs/heads/master\n")
	require.Equal(t, commit, f.revision(t.Context(), "portal"))
	f.write("home/portal/packed-refs", "")
	require.Empty(t, f.revision(t.Context(), "portal"))
}

// BenchmarkSurvey has 50 apps with two containers each, as a plan of 25 roles has; Docker's part is a fake.
func BenchmarkSurvey(b *testing.B) {
	dir := b.TempDir()
	h := &Host{Root: filepath.Join(dir, "home"), Lib: filepath.Join(dir, "lib"), engine: engine{socket: fakeEngine(b, map[string]string{})}}
	var apps []string
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(b, os.WriteFile(path, []byte(text), 0o600))
	}
	for n := range 50 {
		app := fmt.Sprintf("app-%d", n)
		apps = append(apps, app)
		write("home/"+app+"/refs/heads/master", strings.Repeat("a", 40))
		write("home/"+app+"/CONTAINER.web.1", app+"web")
		write("home/"+app+"/CONTAINER.worker.1", app+"worker")
		write("lib/config/"+app+"/ENV", strings.Repeat("KEY=\"value\"\n", 40))
	}
	for b.Loop() {
		if _, err := h.Survey(b.Context(), apps); err != nil {
			b.Fatal(err)
		}
	}
}
