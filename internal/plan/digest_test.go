package plan

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// test is a *testing.T or a *rapid.T.
type test interface {
	require.TestingT
	Context() context.Context
}

func made(t test, g *graduate.Group, in *inspector, o Options) *graduate.Plan {
	p, _, err := Make(t.Context(), in, g, o)
	require.NoError(t, err)
	return p
}

func TestAPlanIsNamedByItsDigest(t *testing.T) {
	g, in := shop()
	p := made(t, g, in, devProd)
	require.Len(t, p.Digest, 64)
	require.Equal(t, p.Digest[:12], p.ID)
	in.secret = "another"
	require.NotEqual(t, p.Digest, made(t, g, in, devProd).Digest, "nobody without the secret can make it")
	for name, part := range p.Parts {
		require.Len(t, part, 64, name)
	}
}

// What says nothing of the environments has no part in a plan's name: it is looked at again.
func TestWhatComesAndGoesDoesNotChangeAPlan(t *testing.T) {
	g, in := shop()
	old := made(t, g, in, devProd)
	for name, change := range map[string]func(*graduate.Group, *inspector){
		"free memory": server(func(s *graduate.Server) { s.MemoryFree = 1 }), "free disk": server(func(s *graduate.Server) { s.DiskFree = 1 }),
		"a graduation": server(func(s *graduate.Server) { s.Running = "01x" }),
		"a deploy":     func(_ *graduate.Group, i *inspector) { i.change("ws", func(f *graduate.Facts) { f.Deploying = true }) },
		"used memory": func(_ *graduate.Group, i *inspector) {
			i.change("ws", func(f *graduate.Facts) { f.Around.Memory = map[string]int64{"web": 7} })
		},
		"the order of containers": func(_ *graduate.Group, i *inspector) {
			i.change("ws", func(f *graduate.Facts) { slices.Reverse(f.Running) })
		},
	} {
		g, in := shop()
		in.change("ws", func(f *graduate.Facts) { f.Running = []string{f.Image, f.Image} })
		old := made(t, g, in, devProd)
		change(g, in)
		require.Equal(t, old.Digest, made(t, g, in, devProd).Digest, name)
	}
	o := devProd
	o.Run, o.Shown, o.Force = "01another", time.Unix(1, 0), []string{Memory}
	require.Equal(t, old.Digest, made(t, g, in, o).Digest, "options that do not change what is done")
}

func TestWhatHasChangedSince(t *testing.T) {
	facts := func(f func(*graduate.Facts)) func(*graduate.Group, *inspector, *Options) {
		return func(_ *graduate.Group, in *inspector, _ *Options) { in.change("ws", f) }
	}
	for want, change := range map[string]func(*graduate.Group, *inspector, *Options){
		"options: --all has changed":                func(_ *graduate.Group, _ *inspector, o *Options) { o.All = true },
		"options: --only has changed":               func(_ *graduate.Group, _ *inspector, o *Options) { o.Only = []string{"api"} },
		"group: settings have changed":              func(g *graduate.Group, _ *inspector, _ *Options) { g.Settings.Keep = 7 },
		"group: hooks have changed":                 func(g *graduate.Group, _ *inspector, _ *Options) { g.Hooks = []graduate.Hook{{Host: "x"}} },
		"api: target config has changed":            facts(func(f *graduate.Facts) { f.Config = map[string]string{"A": "1"} }),
		"api: target image has changed":             facts(func(f *graduate.Facts) { f.Artifact = "x" }),
		"api: target commit has changed: w1, now x": facts(func(f *graduate.Facts) { f.Revision = "x" }),
		"api: target containers have changed":       facts(func(f *graduate.Facts) { f.Missing = true }),
		"api: target scale has changed":             facts(func(f *graduate.Facts) { f.Scale[0].Count = 9 }),
		"api: target lock has changed":              facts(func(f *graduate.Facts) { f.Locked = true }),
		"api: target domains have changed":          facts(func(f *graduate.Facts) { f.Around.Domains = []string{"x"} }),
		"api: target docker options have changed": func(_ *graduate.Group, in *inspector, _ *Options) {
			in.change("ws", func(f *graduate.Facts) { f.Around.DockerOptions = map[string][]string{"deploy": {"--env A=2"}} })
		},
		"api: target app.json has changed": facts(func(f *graduate.Facts) { f.Around.AppJSON = []byte("{}") }),
		"api: target Procfile has changed": facts(func(f *graduate.Facts) { f.Around.Procfile = nil }),
	} {
		g, in := shop()
		old, o := made(t, g, in, devProd), devProd
		change(g, in, &o)
		now := made(t, g, in, o)
		require.Equal(t, []string{want}, Changed(old, now))
		require.NotEqual(t, old.ID, now.ID)
	}
	g, in := shop()
	old := made(t, g, in, devProd)
	require.Empty(t, Changed(old, made(t, g, in, devProd)))
	g.Roles = g.Roles[:1]
	now := made(t, g, in, devProd)
	require.Contains(t, Changed(old, now), "api: target config is gone")
	require.Contains(t, Changed(now, old), "api: source image is new")
	require.Equal(t, []string{"what the plan was made from has changed"}, Changed(&graduate.Plan{Digest: "a"}, &graduate.Plan{Digest: "b"}), "parts that were not kept")
}

// The same facts give the same plan, in whatever order they were told.
func TestTheSameFactsGiveTheSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,5}`), rapid.ID[string]).Draw(t, "list")
		shuffled := rapid.Permutation(list).Draw(t, "shuffled")
		config := rapid.MapOf(rapid.StringMatching(`[A-Z]{1,5}`), rapid.String()).Draw(t, "config")
		plan := func(list []string) *graduate.Plan {
			g, in := shop()
			for _, app := range []string{"ws-dev", "ws"} {
				in.change(app, func(f *graduate.Facts) {
					f.Config = maps.Clone(config)
					f.Around.Ports, f.Around.Mounts, f.Around.Services, f.Around.Networks = list, list, list, list
					f.Around.DockerOptions = map[string][]string{"deploy": list}
				})
			}
			o := devProd
			o.Shown = time.Unix(1, 0)
			return made(t, g, in, o)
		}
		a, b := plan(list), plan(shuffled)
		require.Equal(t, a.Digest, b.Digest)
		a.Parts, b.Parts = nil, nil
		require.Equal(t, a, b)
		require.Empty(t, Changed(a, b))
		require.False(t, slices.ContainsFunc(a.Differences, func(d graduate.Difference) bool { return d.Role == "api" }))
	})
}
