package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

const ownTasks = `{"scripts": {"dokku": {"predeploy": "bin/pre", "postdeploy": "bin/post  --all"}, "postdeploy": "bin/first"}}`

// withTasks gives a shop whose apps bring tasks along, and hooks of each kind.
func withTasks() (*graduate.Group, *inspector) {
	g, in := shop()
	in.change("portal-dev", func(f *graduate.Facts) {
		f.Around.AppJSON, f.Around.Procfile = []byte(ownTasks), map[string]string{"web": "serve", "release": "bin/release"}
	})
	g.Hooks = []graduate.Hook{
		{Kind: graduate.HookFinally, Name: "resume", Host: "resume"}, {Kind: graduate.HookLive, Name: "tell", Host: "tell-all"}, {Kind: graduate.HookAbort, Name: "mourn", Host: "mourn"},
		{Kind: graduate.HookPost, Name: "migrate", Role: "site", Command: []string{"sh", "-c", "a b"}, Timeout: 90 * time.Second},
		{Kind: graduate.HookPre, Name: "backup", Host: "backup"}, {Kind: graduate.HookRollback, Name: "undo", Role: "site", Command: []string{"undo"}},
	}
	return g, in
}

func TestHooksAndTasksInTheirOrder(t *testing.T) {
	pre := graduate.HookPlan{Kind: "pre", Name: "backup", Where: "host", What: "backup", Timeout: 600}
	task := func(name, what, moment, skip string) graduate.HookPlan {
		return graduate.HookPlan{Kind: "release-task", Name: "site/" + name, Where: "portal", What: what, Moment: moment, Skip: skip}
	}
	before, release := task("predeploy", "bin/pre", "hold", ""), task("release", "bin/release", "hold", "")
	first := task("first-postdeploy", "bin/first", "hold", "")
	post := graduate.HookPlan{Kind: "post", Name: "migrate", Where: "portal", What: "sh -c 'a b'", Timeout: 90}
	after := graduate.HookPlan{Kind: "postdeploy", Name: "site/postdeploy", Where: "portal", What: "bin/post --all"}
	last := graduate.HookPlan{Kind: "finally", Name: "resume", Where: "host", What: "resume", Timeout: 600}
	live := graduate.HookPlan{Kind: "live", Name: "tell", Where: "host", What: "tell-all", Timeout: 600}
	for _, c := range []struct {
		name   string
		change func(*graduate.Group, *inspector)
		want   []graduate.HookPlan
	}{
		{"hold", func(*graduate.Group, *inspector) {}, []graduate.HookPlan{pre, before, release, post, after, live, last}},
		{"before", func(g *graduate.Group, _ *inspector) { g.Settings.ReleaseTasks = graduate.ReleaseTasksBefore },
			[]graduate.HookPlan{task("predeploy", "bin/pre", "before", ""), task("release", "bin/release", "before", ""), pre, post, after, live, last}},
		{"skip", func(g *graduate.Group, _ *inspector) { g.Settings.ReleaseTasks = graduate.ReleaseTasksSkip },
			[]graduate.HookPlan{pre, task("predeploy", "bin/pre", "", "release-tasks is skip"), task("release", "bin/release", "", "release-tasks is skip"), post, after, live, last}},
		{"first deploy", func(_ *graduate.Group, in *inspector) {
			in.change("portal", func(f *graduate.Facts) { f.Deployed = false })
		},
			[]graduate.HookPlan{pre, before, release, first, post, after, live, last}},
		{"only the other app", func(_ *graduate.Group, in *inspector) {
			in.change("portal", func(f *graduate.Facts) { f.Artifact, f.Revision = "sha256:p2", "p2" })
		}, []graduate.HookPlan{pre, post, live, last}},
		{"nothing to do", func(g *graduate.Group, in *inspector) {
			same(g, in)
			in.change("portal", func(f *graduate.Facts) { f.Artifact, f.Revision = "sha256:p2", "p2" })
		}, []graduate.HookPlan{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := withTasks()
			c.change(g, in)
			p, _, err := Make(t.Context(), in, g, devProd)
			require.NoError(t, err)
			require.Equal(t, c.want, p.Hooks)
		})
	}
}

func TestAHookWhoseConditionIsNotMetIsLeftOut(t *testing.T) {
	g, in := shop()
	in.change("portal", func(f *graduate.Facts) { f.Artifact, f.Revision = "sha256:p2", "p2" }) // site stays as it is
	in.lacks, in.server.Hosts = []string{"missing"}, map[string]string{"gone": "host script gone does not exist"}
	hook := func(name string, when graduate.When) graduate.Hook {
		return graduate.Hook{Kind: graduate.HookPost, Name: name, Host: "gone", When: when}
	}
	g.Hooks = []graduate.Hook{
		hook("elsewhere", graduate.When{Env: "dev"}), hook("unchanged", graduate.When{Changed: "site", Env: "prod"}),
		{Kind: graduate.HookPost, Name: "command", Role: "site", Command: []string{"missing"}, When: graduate.When{Changed: "site"}},
	}
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, "only in dev", p.Hooks[0].Skip)
	require.Equal(t, "only where site changes", p.Hooks[1].Skip)
	for _, f := range p.Findings {
		require.NotContains(t, []string{HookScript, HookCommand, SchemaWindow}, f.Code)
	}

	g.Hooks = append(g.Hooks, hook("here", graduate.When{Changed: "api", Env: "prod"}))
	p, _, err = Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Empty(t, p.Hooks[3].Skip)
	require.True(t, slices.ContainsFunc(p.Findings, func(f graduate.Finding) bool { return f.Code == HookScript }))
}

func TestAHookMayBeAProcessOfTheProcfile(t *testing.T) {
	g, in := withTasks()
	g.Hooks = []graduate.Hook{{Kind: graduate.HookPost, Name: "a", Role: "site", Process: "release"}, {Kind: graduate.HookPost, Name: "b", Role: "site", Process: "none"}}
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	i := slices.IndexFunc(p.Hooks, func(h graduate.HookPlan) bool { return h.Name == "a" })
	require.Equal(t, "Procfile's release: bin/release", p.Hooks[i].What)
	var why []string
	for _, f := range p.Findings {
		if f.Code == HookCommand {
			why = append(why, f.Why)
		}
	}
	require.Equal(t, []string{"hook post/b runs the process none of portal-dev's Procfile, which does not have it"}, why)
}

func TestAnHTTPCheckIsPlanned(t *testing.T) {
	g, in := shop()
	g.Hooks = []graduate.Hook{{Kind: graduate.HookLive, Name: "up", Role: "site", HTTP: &graduate.HTTPCheck{Path: "/health", Contains: "ok"}}}
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []graduate.HookPlan{{Kind: "live", Name: "up", Where: "http", What: `site: GET /health: 200 with "ok"`, Timeout: 30}}, p.Hooks)
}

func TestAnHTTPCheckThatCanNeverPassIsFound(t *testing.T) {
	asks := func(kind graduate.HookKind, role string) graduate.Hook {
		return graduate.Hook{Kind: kind, Name: "up", Role: role, HTTP: &graduate.HTTPCheck{Path: "/"}}
	}
	unserved := func(app string) func(in *inspector) {
		return func(in *inspector) { in.change(app, func(f *graduate.Facts) { f.ProxyEnabled = false }) }
	}
	noWeb := func(app string) func(in *inspector) {
		return func(in *inspector) {
			in.change(app, func(f *graduate.Facts) { f.Scale = []graduate.Process{{Type: "web", Count: 0}} })
		}
	}
	warns := asks(graduate.HookLive, "site")
	warns.OnFailure = graduate.OnFailureWarn
	elsewhere := asks(graduate.HookLive, "site")
	elsewhere.When.Env = "dev"
	for _, c := range []struct {
		name   string
		hook   graduate.Hook
		change func(*inspector)
		want   []string
	}{
		{"all is well", asks(graduate.HookLive, "site"), func(*inspector) {}, nil},
		{"nginx does not serve it", asks(graduate.HookLive, "site"), unserved("portal"), []string{"error: hook live/up looks at what nginx answers for portal, and nginx does not serve it"}},
		{"its failure only warns", warns, unserved("portal"), []string{"warning: hook live/up looks at what nginx answers for portal, and nginx does not serve it"}},
		{"a metric", graduate.Hook{Kind: graduate.HookLive, Name: "up", Role: "site", Metric: &graduate.Metric{}}, unserved("portal"), []string{"error: hook live/up looks at what nginx answers for portal, and nginx does not serve it"}},
		{"it does not run", elsewhere, unserved("portal"), nil},
		{"candidates are asked directly", asks(graduate.HookPost, "site"), unserved("portal"), nil},
		{"the other app", asks(graduate.HookLive, "api"), unserved("portal"), nil},
		{"no web container", asks(graduate.HookPost, "site"), noWeb("portal"), []string{"error: hook post/up asks the web containers of portal, which has none"}},
		{"nor in one that stays", asks(graduate.HookPost, "api"), func(in *inspector) { same(nil, in); noWeb("ws")(in) }, []string{"error: hook post/up asks the web containers of ws, which has none"}},
		{"no web process in the new version", asks(graduate.HookPost, "site"), func(in *inspector) {
			in.change("portal-dev", func(f *graduate.Facts) { f.Around.Procfile = map[string]string{"worker": "work"} })
		}, []string{"error: hook post/up asks the web containers of portal, which has none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			g.Hooks = []graduate.Hook{c.hook}
			c.change(in)
			p, _, err := Make(t.Context(), in, g, devProd)
			require.NoError(t, err)
			var found []string
			for _, f := range p.Findings {
				if f.Code == HookCheck {
					found = append(found, string(f.Severity)+": "+f.Why)
				}
			}
			require.Equal(t, c.want, found)
		})
	}
}

func TestAnAppJSONThatIsNoneCountsAsNone(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"scripts": 7, "formation": [], "healthchecks": {"web": 1}, "cron": {}}`} {
		v := readVersion(graduate.Facts{Around: graduate.Surroundings{AppJSON: []byte(text)}})
		require.Empty(t, v.releaseTasks(true), text)
		require.Empty(t, v.quantities, text)
		require.Empty(t, v.cron, text)
	}
}
