package plan

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestAPlanHasEveryRoleInItsOrder(t *testing.T) {
	g, in := shop()
	in.change("ws", func(f *graduate.Facts) {
		*f = graduate.Facts{App: "ws", Exists: true, Scheduler: "docker-local", Proxy: "nginx", ProxyEnabled: true}
	})
	in.ranges["portal-dev p1..p2"] = Range{Known: true, Count: 12, Commits: make([]graduate.Commit, 12)}
	p, apps, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []*graduate.App{
		{Role: "site", Source: "portal-dev", Target: "portal", Image: "sha256:p2", Revision: "p2", Before: "p1", Start: graduate.StartAfterPost,
			Was: &graduate.Version{Image: "sha256:p1-prod", Revision: "p1", Scale: []graduate.Process{{Type: "web", Count: 1}}, Config: map[string]string{}}},
		{Role: "api", Source: "ws-dev", Target: "ws", Image: "sha256:w2", Revision: "w2", First: true, Start: graduate.StartBeforePost},
	}, apps)
	require.Len(t, p.Roles, 2)
	site, api := p.Roles[0], p.Roles[1]
	require.Equal(t, []string{"site", "portal-dev", "portal", graduate.ActionGraduate, "the source has another version", "p2", "p1"},
		[]string{site.Role, site.Source, site.Target, site.Action, site.Why, site.Revision, site.Before})
	require.Equal(t, 12, site.CommitCount)
	require.Len(t, site.Commits, graduate.CommitsShown)
	require.Equal(t, "sha256:p2", site.New.ID)
	require.Equal(t, "sha256:p1-prod", site.Old.ID)
	require.Equal(t, []string{"api", graduate.ActionFirst, "it was never deployed", ""}, []string{api.Role, api.Action, api.Why, api.Before})
	require.Nil(t, api.Old)
	require.ElementsMatch(t, []string{"portal-dev", "portal", "ws-dev", "ws"}, in.asked, "each app is looked at once")
	require.Empty(t, p.Findings, "a quiet plan")
}

func TestWaysThatAGroupDoesNotGo(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      Options
		change func(*graduate.Group)
		code   graduate.Code
		want   string
	}{
		{"no such source", Options{From: "test", To: "prod"}, nil, graduate.NotFound, "group shop has no environment test; it has dev, staging, prod"},
		{"no such target", Options{From: "dev", To: "live"}, nil, graduate.NotFound, "group shop has no environment live; it has dev, staging, prod"},
		{"to itself", Options{From: "dev", To: "dev"}, nil, graduate.Invalid, "group shop cannot graduate from dev to itself"},
		{"not from there", Options{From: "prod", To: "staging"}, nil, graduate.Refused, "group shop: staging may be graduated into from dev only, not from prod"},
		{"no roles", devProd, func(g *graduate.Group) { g.Roles = nil }, graduate.Refused,
			"group shop has no apps; add them with dokku graduate:add shop ROLE dev=APP prod=APP"},
		{"a role without an app there", Options{From: "dev", To: "staging"}, nil, graduate.Refused,
			"group shop: role api has no app in staging; name it with dokku graduate:add shop api staging=APP"},
		{"an unknown role", Options{From: "dev", To: "prod", Only: []string{"site", "mailer"}}, nil, graduate.NotFound,
			"--only: group shop has no role mailer; it has site, api"},
		{"an unknown code", Options{From: "dev", To: "prod", Force: []string{"hunch"}}, nil, graduate.Invalid,
			`--force "hunch": there is no finding of that code; what can be forced is published-port, half-deployed, source-not-running, source-deploying, memory, disk, connections, deadline, quiesce`},
		{"a code that cannot be forced", Options{From: "dev", To: "prod", Force: []string{TargetLocked}}, nil, graduate.Invalid,
			"--force target-locked: such a finding cannot be forced; what can be is published-port, half-deployed, source-not-running, source-deploying, memory, disk, connections, deadline, quiesce"},
		{"a warning needs no force", Options{From: "dev", To: "prod", Force: []string{KeyMissing}}, nil, graduate.Invalid,
			"--force key-missing: such a finding cannot be forced; what can be is published-port, half-deployed, source-not-running, source-deploying, memory, disk, connections, deadline, quiesce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			if c.change != nil {
				c.change(g)
			}
			p, apps, err := Make(t.Context(), in, g, c.o)
			require.Nil(t, p)
			require.Nil(t, apps)
			require.EqualError(t, err, c.want)
			require.Equal(t, c.code, graduate.CodeOf(err))
			require.Equal(t, 1, graduate.ExitCode(err))
			require.Empty(t, in.asked, "nothing is looked at")
		})
	}
}

func TestASurveyThatFailsIsNoPlan(t *testing.T) {
	for _, what := range []string{"survey", "server", "commits", "secret"} {
		g, in := shop()
		in.broken = what
		p, apps, err := Make(t.Context(), in, g, devProd)
		require.Nil(t, p)
		require.Nil(t, apps)
		require.ErrorIs(t, err, errBroken, what)
	}
}

func TestWhatRunsThisVersionAlreadyIsSkipped(t *testing.T) {
	target := func(f func(*graduate.Facts)) func(*inspector) { return func(in *inspector) { in.change("ws", f) } }
	for _, c := range []struct {
		name   string
		change func(in *inspector)
		all    bool
		action string
		why    string
	}{
		{"the same version", func(*inspector) {}, false, graduate.ActionSkip, alreadyThere},
		{"asked for all", func(*inspector) {}, true, graduate.ActionGraduate, "it runs this version already, and all are taken along (--all)"},
		{"another image", func(in *inspector) {
			in.change("ws-dev", func(f *graduate.Facts) { f.Image, f.Running = "sha256:w3", []string{"sha256:w3"} })
		}, false, graduate.ActionGraduate, "the source has another version"},
		{"another commit", func(in *inspector) { in.change("ws-dev", func(f *graduate.Facts) { f.Revision = "w3" }) }, false,
			graduate.ActionGraduate, "the source has another version"},
		{"never graduated", target(func(f *graduate.Facts) { f.Artifact = "" }), false, graduate.ActionGraduate, "the source has another version"},
		{"another configuration", target(func(f *graduate.Facts) { f.Drift = true }), false,
			graduate.ActionGraduate, "its configuration has changed since its containers were made"},
		{"a container is missing", target(func(f *graduate.Facts) { f.Missing = true }), false, graduate.ActionGraduate, "one of its containers is not running"},
		{"half deployed", target(func(f *graduate.Facts) { f.Running = []string{"sha256:w2-prod", "sha256:w1-prod"} }), false,
			graduate.ActionGraduate, "its containers do not all run its version"},
		{"not deployed", target(func(f *graduate.Facts) { f.Deployed = false }), false, graduate.ActionFirst, "it was never deployed"},
		{"scaled to nothing", target(func(f *graduate.Facts) { f.Running = nil }), false, graduate.ActionSkip, alreadyThere},
		{"no commits", func(in *inspector) {
			in.change("ws", func(f *graduate.Facts) { f.Revision = "" })
			in.change("ws-dev", func(f *graduate.Facts) { f.Revision = "" })
		}, false, graduate.ActionSkip, alreadyThere},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			same(g, in)
			c.change(in)
			o := devProd
			o.All = c.all
			p, apps, err := Make(t.Context(), in, g, o)
			require.NoError(t, err)
			require.Empty(t, p.Forbidding())
			require.Empty(t, apps[0].Skip)
			require.Equal(t, []string{c.action, c.why}, []string{p.Roles[1].Action, p.Roles[1].Why})
			if c.action == graduate.ActionSkip {
				require.Equal(t, c.why, apps[1].Skip)
				require.Nil(t, p.Roles[1].New)
				return
			}
			require.Empty(t, apps[1].Skip)
		})
	}
}

func TestRolesThatNobodyAskedForStayAsTheyAre(t *testing.T) {
	g, in := shop()
	in.change("ws", func(f *graduate.Facts) { f.Locked = true })
	o := devProd
	o.Only = []string{"site", "site"}
	p, apps, err := Make(t.Context(), in, g, o)
	require.NoError(t, err)
	require.Equal(t, []string{"site"}, p.Only)
	require.Equal(t, []string{"warning set-incomplete"}, codesOf(p), "what is wrong with the others is of no account")
	require.Equal(t, graduate.RolePlan{Role: "api", Source: "ws-dev", Target: "ws", Action: graduate.ActionSkip, Why: notAsked, Revision: "w2", Before: "w1"}, p.Roles[1])
	require.Equal(t, notAsked, apps[1].Skip)
	require.NotNil(t, apps[1].Was, "a rollback to this set needs it")
}

func TestARefusedRoleIsNotAmongTheApps(t *testing.T) {
	g, in := shop()
	in.change("portal", func(f *graduate.Facts) { f.Locked = true })
	in.change("ws-dev", func(f *graduate.Facts) { f.Image, f.Deployed, f.Running = "", false, nil })
	p, apps, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Empty(t, apps)
	require.Equal(t, []string{"error target-locked portal", "error not-deployed ws-dev"}, codesOf(p))
	require.Equal(t, []string{graduate.ActionRefuse, graduate.ActionRefuse}, []string{p.Roles[0].Action, p.Roles[1].Action})
	require.Equal(t, "portal is locked (by dokku apps:lock, or by a deploy that was killed)", p.Roles[0].Why)
	require.Len(t, p.Forbidding(), 2)
}

func TestAForcedErrorLetsTheRunPass(t *testing.T) {
	g, in := shop()
	in.change("ws-dev", func(f *graduate.Facts) { f.Running = []string{"sha256:w2", "sha256:w1"} })
	o := devProd
	o.Force = []string{HalfDeployed, Memory}
	p, apps, err := Make(t.Context(), in, g, o)
	require.NoError(t, err)
	require.Len(t, apps, 2)
	require.Equal(t, []string{"error half-deployed ws-dev", "note forced-nothing"}, codesOf(p))
	require.True(t, p.Findings[0].Forced)
	require.Empty(t, p.Forbidding())
	require.Equal(t, graduate.ActionGraduate, p.Roles[1].Action)
}

// Programs read the lists: they are never null. And the time is the caller's.
func TestPlansOfOneAndOfFiftyApps(t *testing.T) {
	for _, n := range []int{1, 50} {
		g := &graduate.Group{Name: "big", Environments: []graduate.Environment{{Name: "dev"}, {Name: "prod"}}}
		in := &inspector{facts: map[string]graduate.Facts{}, server: graduate.Server{MemoryFree: 1 << 40, DiskFree: 1 << 40}}
		for i := range n {
			name := fmt.Sprintf("app-%02d", i)
			g.Roles = append(g.Roles, graduate.Role{Name: name, Apps: map[string]string{"dev": name + "-dev", "prod": name}})
			in.facts[name+"-dev"], in.facts[name] = healthy(name+"-dev", "new", "b"), healthy(name, "old", "a")
		}
		o := devProd
		o.Shown = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
		p, apps, err := Make(t.Context(), in, g, o)
		require.NoError(t, err)
		require.Len(t, apps, n)
		require.Len(t, p.Roles, n)
		require.Len(t, in.asked, 2*n)
		require.Equal(t, o.Shown, p.Made)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		for _, list := range []string{`"hooks":[]`, `"differences":[]`, `"findings":[]`} {
			require.Contains(t, string(data), list)
		}
	}
}

func TestTheSizeOfNewLayers(t *testing.T) {
	layers := func(ids ...string) *graduate.ImageFacts {
		i := &graduate.ImageFacts{}
		for n, id := range ids {
			i.Layers = append(i.Layers, graduate.Layer{ID: id, Size: int64(10 + n)})
		}
		return i
	}
	require.Equal(t, int64(0), newBytes(nil, layers("a")))
	require.Equal(t, int64(12), newBytes(layers("a", "b", "c"), layers("a", "b")))
	require.Equal(t, int64(21), newBytes(layers("a", "b"), nil), "all of a first deploy")
	require.Equal(t, int64(10), newBytes(layers("a", "a"), nil), "a layer is there once")
}
