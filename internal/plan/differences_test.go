package plan

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// differing are two apps that differ in each kind, and what is said of it.
func differing() (*graduate.Group, *inspector, []graduate.Difference) {
	g, in := shop()
	in.change("ws-dev", func(f *graduate.Facts) {
		f.Config = map[string]string{"SAME": "a", "URL": "postgres://a", "ONLY_DEV": "12", "EMPTY": "", "GIT_REV": "1", "DOKKU_X": "1"}
		f.Scheduler, f.Proxy, f.ProxyEnabled, f.ChecksDisabled = "k3s", "traefik", false, "web"
		f.Around.Domains, f.Around.TLS, f.Around.Ports = []string{"dev.example.com", "both.example.com"}, true, []string{"http:80:5000"}
		f.Around.Resources = map[string]map[string]string{"_default_": {"limit memory": "512m"}, "web": {"reserve cpu": "1"}}
		f.Around.DockerOptions = map[string][]string{"deploy": {"--env TOKEN=s3cret", "--restart=always"}}
		f.Around.Mounts, f.Around.Services = []string{"/dev/files:/files"}, []string{"postgres a", "redis a"}
		f.Around.Networks, f.Around.ChecksSkipped = []string{"initial-network dev"}, "worker"
		f.Around.ChecksWait = map[string]string{"wait-to-retire": "60"}
	})
	in.change("ws", func(f *graduate.Facts) {
		f.Config = map[string]string{"SAME": "b", "URL": "mysql://b", "ONLY_PROD": "'x'", "EMPTY": "x", "GIT_REV": "a"}
		f.Around.Domains, f.Around.Ports = []string{"both.example.com"}, []string{"http:80:3000"}
		f.Around.Resources = map[string]map[string]string{"_default_": {"limit memory": "2g"}}
		f.Around.DockerOptions = map[string][]string{"deploy": {"--env=TOKEN=other"}}
		f.Around.Mounts, f.Around.Services = []string{"/prod/files:/files:ro"}, []string{"postgres b", "postgres c"}
		f.Around.Networks = []string{"initial-network prod"}
	})
	d := func(kind, name, source, target string) graduate.Difference {
		return graduate.Difference{Role: "api", Kind: kind, Name: name, Source: source, Target: target}
	}
	return g, in, []graduate.Difference{
		d("config", "EMPTY", "empty", "text"), d("config", "ONLY_DEV", "number", "absent"), d("config", "ONLY_PROD", "absent", "quoted"),
		d("config", "URL", "a postgres URL", "a mysql URL"),
		d("domains", "dev.example.com", "there", "absent"), d("tls", "certificate", "there", "absent"),
		d("ports", "http:80:3000", "absent", "there"), d("ports", "http:80:5000", "there", "absent"),
		d("resources", "limit memory", "512m", "2g"), d("resources", "web reserve cpu", "1", "absent"),
		d("docker-options", "deploy --restart=always", "there", "absent"), d("mounts", "/files", "mounted", "mounted ro"),
		d("services", "postgres", "linked", "2 linked"), d("services", "redis", "linked", "absent"),
		d("networks", "initial-network", "dev", "prod"), d("proxy", "enabled", "no", "yes"), d("proxy", "type", "traefik", "nginx"),
		d("checks", "disabled", "web", "absent"), d("checks", "skipped", "worker", "absent"), d("checks", "wait-to-retire", "60", "absent"),
		d("scheduler", "selected", "k3s", "docker-local"),
	}
}

func TestDifferencesOfEveryKind(t *testing.T) {
	g, in, want := differing()
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, want, p.Differences)
	require.Zero(t, p.Acknowledged)
	var kinds []string
	for _, d := range p.Differences {
		if len(kinds) == 0 || kinds[len(kinds)-1] != d.Kind {
			kinds = append(kinds, d.Kind)
		}
	}
	require.Equal(t, graduate.DifferenceKinds(), kinds, "each kind, in its order")
}

func TestWhatIsAcknowledgedIsOnlyCounted(t *testing.T) {
	g, in, all := differing()
	g.Settings.Ignore = []string{"config", "api/services:postgres", "checks:*", "site/ports"}
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, 4+1+3, p.Acknowledged)
	require.Len(t, p.Differences, len(all)-p.Acknowledged)
	for _, d := range p.Differences {
		require.NotContains(t, []string{"config", "checks"}, d.Kind)
	}
	for _, f := range p.Findings {
		require.NotContains(t, []string{KeyMissing, ValueQuoted}, f.Code, "what is said of the key is acknowledged with it")
	}
	g.Settings.Ignore = []string{"nonsense"}
	_, _, err = Make(t.Context(), in, g, devProd)
	require.Equal(t, graduate.Invalid, graduate.CodeOf(err))
}

func TestAppsThatNobodyAskedForAreNotCompared(t *testing.T) {
	g, in, _ := differing()
	o := devProd
	o.Only = []string{"site"}
	p, _, err := Make(t.Context(), in, g, o)
	require.NoError(t, err)
	require.Empty(t, p.Differences)
}

func TestDomainsThatAreOff(t *testing.T) {
	g, in := shop()
	in.change("ws", func(f *graduate.Facts) { f.Around.Vhosts, f.Around.Domains = false, []string{"old.example.com"} })
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []graduate.Difference{{Role: "api", Kind: "domains", Name: "(enabled)", Source: "yes", Target: "no"}}, p.Differences)
}

func TestAnyPatternOfOneNameIsMatchedOnlyByIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[A-Z][A-Z0-9_]{0,12}`)
		name, other := key.Draw(t, "key"), key.Draw(t, "other")
		p := &planner{ignores: []graduate.Ignore{{Kind: "config", Name: name}}}
		r := &role{Role: graduate.Role{Name: "api"}}
		if p.acknowledged(r, other) != (name == other) {
			t.Fatalf("%q acknowledges %q", name, other)
		}
		cut := rapid.IntRange(0, len(other)).Draw(t, "cut")
		p.ignores = []graduate.Ignore{{Kind: "config", Name: other[:cut] + "*"}}
		if !p.acknowledged(r, other) || p.ignored(r, "ports", other) {
			t.Fatalf("%q does not acknowledge %q alone", p.ignores[0].Name, other)
		}
	})
}

func TestDockerOptionsWithoutTheirValues(t *testing.T) {
	for option, want := range map[string]string{
		"--env KEY=s3cret": "--env KEY=…", "--env=KEY=s3cret": "--env KEY=…", "-e KEY=s3cret": "-e KEY=…", "-eKEY=s3cret": "-e KEY=…",
		`--env "KEY=s3cret x"`: "--env KEY=…", "--env KEY": "--env KEY", "--build-arg A=s3cret": "--build-arg A=…",
		"--log-opt splunk-token=s3cret": "--log-opt splunk-token=…", "--health-cmd s3cret": "--health-cmd …",
		"--restart=on-failure:10": "--restart=on-failure:10", "-v /a:/b": "-v /a:/b", "": "…", "s3cret": "…", "--init": "--init",
		"--cache-to type=s3,secret_access_key=s3cret": "--cache-to …", "--build-context r=https://u:s3cret@h/x.git": "--build-context …",
		"--entrypoint s3cret": "--entrypoint …", "--mount type=volume,dst=/x,volume-opt=o=password=s3cret": "--mount …", "-S3CRET": "-S …",
		"-e A='open -v /s3cret:/x --s3cret": "-e …", "-v /a:/b 's3cret": "-v …", "--add-host s3cret:1.2.3.4": "--add-host …", "--S3CRET": "…", "--label s3cret": "--label …",
	} {
		require.Equal(t, want, withoutValue(option), option)
	}
}
