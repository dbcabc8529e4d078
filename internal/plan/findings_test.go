package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// biting is one case of a finding: how it comes about, and how something alike does not bring it about.
type biting struct {
	code, app  string
	severity   graduate.Severity
	why        string
	make, stop func(*graduate.Group, *inspector)
}

// in changes the facts of an app.
func in(app string, f func(*graduate.Facts)) func(*graduate.Group, *inspector) {
	return func(_ *graduate.Group, in *inspector) { in.change(app, f) }
}

func config(app, key, value string) func(*graduate.Group, *inspector) {
	return in(app, func(f *graduate.Facts) { f.Config = map[string]string{key: value} })
}

// and does one thing after the other.
func and(changes ...func(*graduate.Group, *inspector)) func(*graduate.Group, *inspector) {
	return func(g *graduate.Group, i *inspector) {
		for _, change := range changes {
			change(g, i)
		}
	}
}

func setting(f func(*graduate.Settings)) func(*graduate.Group, *inspector) {
	return func(g *graduate.Group, _ *inspector) { f(&g.Settings) }
}

func hooks(hooks ...graduate.Hook) func(*graduate.Group, *inspector) {
	return func(g *graduate.Group, _ *inspector) { g.Hooks = hooks }
}

func server(f func(*graduate.Server)) func(*graduate.Group, *inspector) {
	return func(_ *graduate.Group, in *inspector) { f(&in.server) }
}

func history(r Range) func(*graduate.Group, *inspector) {
	return func(_ *graduate.Group, in *inspector) { in.ranges["ws-dev w1..w2"] = r }
}

var (
	noTarget = in("ws", func(f *graduate.Facts) { f.Deployed, f.Image, f.Running, f.Scale = false, "", nil, nil })
	check    = hooks(graduate.Hook{Kind: graduate.HookLive, Name: "up", Role: "api", HTTP: &graduate.HTTPCheck{Path: "/"}})
	workers  = in("ws", func(f *graduate.Facts) {
		f.Scale = []graduate.Process{{Type: "web", Count: 1}, {Type: "worker", Count: 2}}
	})
	hasWork = in("ws-dev", func(f *graduate.Facts) { f.Around.Procfile = map[string]string{"web": "serve", "worker": "work"} })
	tasked  = in("ws-dev", func(f *graduate.Facts) { f.Around.AppJSON = []byte(ownTasks) })
	script  = hooks(graduate.Hook{Kind: graduate.HookAbort, Name: "mourn", Host: "mourn"})
	migrate = hooks(graduate.Hook{Kind: graduate.HookPost, Name: "migrate", Role: "api", Command: []string{"bin/migrate", "--all"}})
)

// errorCases are the findings that refuse a run.
func errorCases() []biting {
	const e = graduate.SeverityError
	return []biting{
		{AppMissing, "ws-dev", e, "ws-dev does not exist", func(_ *graduate.Group, in *inspector) { delete(in.facts, "ws-dev") }, nil},
		{AppMissing, "ws", e, "ws does not exist", func(_ *graduate.Group, in *inspector) { delete(in.facts, "ws") }, noTarget},
		{NotDeployed, "ws-dev", e, "ws-dev was never deployed", in("ws-dev", func(f *graduate.Facts) { f.Image, f.Deployed, f.Running = "", false, nil }), noTarget},
		{NotDeployed, "ws-dev", e, "ws-dev was never deployed", in("ws-dev", func(f *graduate.Facts) { f.Deployed = false }), nil},
		{ImageLost, "ws-dev", e, "ws-dev has lost its image dokku/ws-dev:latest", in("ws-dev", func(f *graduate.Facts) { f.Image, f.Deployed = "", false }),
			in("ws", func(f *graduate.Facts) { f.Image, f.Deployed = "", false })},
		{OtherScheduler, "ws", e, "ws is run by the scheduler k3s, which cannot be held yet", in("ws", func(f *graduate.Facts) { f.Scheduler = "k3s" }),
			in("ws-dev", func(f *graduate.Facts) { f.Scheduler = "k3s" })},
		{OtherProxy, "ws", e, "ws is served by traefik, which cannot be switched together with others yet", in("ws", func(f *graduate.Facts) { f.Proxy = "traefik" }),
			in("ws", func(f *graduate.Facts) { f.Proxy, f.ProxyEnabled = "traefik", false })},
		{ChecksDisabled, "ws", e, "ws has its checks disabled (_all_), so Dokku would stop the old containers before the new ones start",
			in("ws", func(f *graduate.Facts) { f.ChecksDisabled = "_all_" }), in("ws-dev", func(f *graduate.Facts) { f.ChecksDisabled = "_all_" })},
		{TargetLocked, "ws", e, "ws is locked (by dokku apps:lock, or by a deploy that was killed)", in("ws", func(f *graduate.Facts) { f.Locked = true }),
			in("ws-dev", func(f *graduate.Facts) { f.Locked = true })},
		{TargetDeploying, "ws", e, "ws is being deployed by someone else", in("ws", func(f *graduate.Facts) { f.Deploying = true }), nil},
		{GroupRunning, "", e, "group shop is being graduated already (01other)", server(func(s *graduate.Server) { s.Running = "01other" }), nil},
		{AppStopped, "ws", e, "ws is stopped", in("ws", func(f *graduate.Facts) { f.Stopped = true }), nil},
		{HookScript, "", e, "hook abort/mourn: it does not exist", and(script, server(func(s *graduate.Server) { s.Hosts = map[string]string{"mourn": "it does not exist\n"} })),
			and(script, server(func(s *graduate.Server) { s.Hosts = map[string]string{"other": "it does not exist"} }))},
		{HookCheck, "ws", e, "hook live/up looks at what nginx answers for ws, and nginx does not serve it", and(check, in("ws", func(f *graduate.Facts) { f.ProxyEnabled = false })), check},
		{PublishedPort, "ws", e, "ws publishes a port by its docker options, which two generations cannot both have", in("ws", func(f *graduate.Facts) { f.Published = true }),
			in("ws-dev", func(f *graduate.Facts) { f.Published = true })},
		{HalfDeployed, "ws-dev", e, "ws-dev is half deployed: its containers do not all run its latest image",
			in("ws-dev", func(f *graduate.Facts) { f.Running = []string{"sha256:w2", "sha256:w1"} }), in("ws", func(f *graduate.Facts) { f.Running = []string{"a", "b"} })},
		{SourceNotRunning, "ws-dev", e, "ws-dev runs something else than its last deploy: none of its containers has its latest image",
			in("ws-dev", func(f *graduate.Facts) { f.Running = []string{"sha256:w1"} }), in("ws-dev", func(f *graduate.Facts) { f.Running = nil })},
		{SourceDeploying, "ws-dev", e, "ws-dev is being deployed just now, and what it will run is not known yet", in("ws-dev", func(f *graduate.Facts) { f.Deploying = true }), nil},
		{Memory, "", e, "the new generation needs 200 MB of memory beside the old one, and 199 MB are free", server(func(s *graduate.Server) { s.MemoryFree = 199_999_999 }),
			server(func(s *graduate.Server) { s.MemoryFree = 200_000_000 })},
		{Memory, "", e, "the new generation needs 2.2 GB of memory beside the old one, and 1.0 GB are free", and(server(func(s *graduate.Server) { s.MemoryFree = 1e9 }),
			in("ws", func(f *graduate.Facts) {
				f.Around.Resources = map[string]map[string]string{"_default_": {"reserve memory": "2g"}}
			})),
			and(server(func(s *graduate.Server) { s.MemoryFree = 1e9 }), in("ws", func(f *graduate.Facts) {
				f.Around.Resources = map[string]map[string]string{"_default_": {"reserve memory": "2g"}, "web": {"reserve memory": "64m"}}
			}))},
		{Memory, "", e, "the new generation needs 200 MB of memory beside the old one, and 150 MB are free", server(func(s *graduate.Server) { s.MemoryFree = 150_000_000 }),
			and(same, server(func(s *graduate.Server) { s.MemoryFree = 150_000_000 }))},
		{Disk, "", e, "300 MB of disk are free, and a graduation needs room for 301 MB", server(func(s *graduate.Server) { s.DiskFree = 300_000_000 }),
			server(func(s *graduate.Server) { s.DiskFree = 303_000_000 })},
		{TooManyConnections, "", e, "two generations at once open 26 database connections, and there may be 25 (site 2 × 8, api 2 × 5)", setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 25, Roles: map[string]int{"site": 8, "api": 5}}
		}), setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 26, Roles: map[string]int{"site": 8, "api": 5}}
		})},
		{TooManyConnections, "", e, "two generations at once open 26 database connections, and there may be 25 (site 2 × 8, api 2 × 5)", setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 25, Roles: map[string]int{"site": 8, "api": 5}}
		}), and(same, setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 21, Roles: map[string]int{"site": 8, "api": 5}}
		}))},
		{TooManyConnections, "", e, "two generations at once open 20 database connections, and there may be 19 (api 2 × 10)", setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 19, Roles: map[string]int{"api": 10}}
		}), and(noTarget, setting(func(s *graduate.Settings) {
			s.Connections = &graduate.Connections{Limit: 19, Roles: map[string]int{"api": 10}}
		}))},
		{Deadline, "", e, "hook post/migrate may take 3h0m0s, and the whole graduation 2h0m0s",
			and(hooks(graduate.Hook{Kind: graduate.HookPost, Name: "migrate", Host: "x", Timeout: 3 * time.Hour}), setting(func(s *graduate.Settings) { s.Reversible = true })),
			hooks(graduate.Hook{Kind: graduate.HookLive, Name: "tell", Host: "x", Timeout: 3 * time.Hour})},
		{Deadline, "", e, "starting the apps (start-timeout) may take 3h0m0s, and the whole graduation 2h0m0s", setting(func(s *graduate.Settings) { s.StartTimeout = 3 * time.Hour }),
			setting(func(s *graduate.Settings) { s.StartTimeout = 2 * time.Hour })},
		{Deadline, "", e, "each phase (phase-timeout) may take 3h0m0s, and the whole graduation 2h0m0s", setting(func(s *graduate.Settings) { s.PhaseTimeout = 3 * time.Hour }),
			setting(func(s *graduate.Settings) { s.PhaseTimeout, s.RunTimeout = 3*time.Hour, 4*time.Hour })},
		{NoQuiesce, "ws", e, "requests of ws cannot wait: they do not come by nginx", and(quiesced(0), in("ws", func(f *graduate.Facts) { f.Around.NoRoom = "they do not come by nginx" })),
			in("ws", func(f *graduate.Facts) { f.Around.NoRoom = "they do not come by nginx" })},
		{NoQuiesce, "ws", e, "nginx ends requests of ws after 1m0s (proxy-read-timeout, proxy-send-timeout), and they are to wait for up to 58s",
			and(quiesced(58*time.Second), in("ws", func(f *graduate.Facts) { f.Around.ProxyTimeout = time.Minute })),
			and(quiesced(55*time.Second), in("ws", func(f *graduate.Facts) { f.Around.ProxyTimeout = time.Minute }))},
		{NoQuiesce, "", e, "the maintenance page soon.html cannot be shown: it is not there", and(paged, server(func(s *graduate.Server) { s.Page = "it is not there" })), paged},
	}
}

// quiesced lets requests wait for so long.
func quiesced(wait time.Duration) func(*graduate.Group, *inspector) {
	return setting(func(s *graduate.Settings) { s.Quiesce = &graduate.Quiesce{MaxWait: wait} })
}

// paged gives those who wait too long a page of the group's own.
var paged = setting(func(s *graduate.Settings) { s.Quiesce = &graduate.Quiesce{Page: "soon.html"} })

// otherCases are the warnings and notes; set-incomplete and forced-nothing depend on the options (plan_test.go).
func otherCases() []biting {
	const w, n = graduate.SeverityWarning, graduate.SeverityNote
	before := setting(func(s *graduate.Settings) { s.ReleaseTasks = graduate.ReleaseTasksBefore })
	return []biting{
		{ReleaseTasksBefore, "ws", w, "predeploy of ws will run before the hold, and nothing takes back what it does if the graduation is aborted", and(tasked, before), before},
		{KeyMissing, "ws", w, "ws lacks 1 config key, which ws-dev has: STRIPE_KEY", config("ws-dev", "STRIPE_KEY", "x"), config("ws-dev", "DOKKU_APP_TYPE", "x")},
		{KeyMissing, "ws", w, "ws lacks 1 config key, which ws-dev has: STRIPE_KEY", config("ws-dev", "STRIPE_KEY", "x"),
			and(config("ws-dev", "STRIPE_KEY", "x"), setting(func(s *graduate.Settings) { s.Ignore = []string{"api/config:STRIPE_*"} }))},
		{ValueQuoted, "ws", w, "ws has quotes as a part of the value of 1 config key: SECRET", config("ws", "SECRET", `"x"`), config("ws", "SECRET", `x"y"`)},
		{ValueUnexpanded, "ws", w, "ws has a variable that nobody puts in as a part of the value of 1 config key: URL", config("ws", "URL", "http://${HOST}/"), config("ws", "URL", "pa$$word$1")},
		{URLMismatch, "ws", w, "config keys of ws name different places: DATABASE_URL and DB_HOST, DATABASE_URL and DB_PORT", in("ws", func(f *graduate.Facts) {
			f.Config = map[string]string{"DATABASE_URL": "postgres://u:p@one/db", "DB_HOST": "two", "DB_PORT": "5433"}
		}), in("ws", func(f *graduate.Facts) {
			f.Config = map[string]string{"DATABASE_URL": "postgres://u:p@One/db", "DB_HOST": "one", "DB_PORT": "5432", "APP_URL": "https://x", "APP_PORT": "5000", "APP_HOST": "0.0.0.0"}
		})},
		{URLMismatch, "ws", w, "config keys of ws name different places: DB_URL and DB_HOSTNAME", in("ws", func(f *graduate.Facts) {
			f.Config = map[string]string{"DB_URL": "mysql://one", "DB_HOSTNAME": "two"}
		}), and(setting(func(s *graduate.Settings) { s.Ignore = []string{"config:DB_HOSTNAME"} }), in("ws", func(f *graduate.Facts) {
			f.Config = map[string]string{"DB_URL": "mysql://one", "DB_HOSTNAME": "two"}
		}))},
		{ImageMutableTag, "ws-dev", w, "ws-dev was deployed from shop/ws:latest, and tomorrow the tag latest may mean another image",
			in("ws-dev", func(f *graduate.Facts) { f.Around.SourceTag = "shop/ws:latest" }), in("ws-dev", func(f *graduate.Facts) { f.Around.SourceTag = "host:5000/shop/ws:v2" })},
		{NginxUnknown, "ws", w, "ws has an nginx template of its own: its switch is left to Dokku's own step, a moment after the others",
			in("ws", func(f *graduate.Facts) { f.Around.CustomNginx = true }), in("ws", func(f *graduate.Facts) { f.Around.CustomNginx, f.ProxyEnabled = true, false })},
		{WorkersOverlap, "ws", w, "two generations of worker of ws run at once, from before the post hooks on", and(workers, hasWork), workers},
		{WorkersOverlap, "ws", n, "two generations of worker of ws run at once, from after the post hooks until the old ones retire",
			and(workers, hasWork, func(g *graduate.Group, _ *inspector) { g.Roles[1].Start = graduate.StartAfterPost }), and(hasWork, noTarget)},
		{SchemaWindow, "", w, "the old instances go on serving while the post hooks run, and then see what these have done to data", migrate,
			and(migrate, setting(func(s *graduate.Settings) { s.Reversible = true }))},
		{SchemaWindow, "", w, "the old instances go on serving while the post hooks run, and then see what these have done to data", migrate, and(migrate, quiesced(0))},
		{NoQuiesce, "ws", w, "requests of ws cannot wait: it has a shape: the graduation goes on without a quiesce",
			and(setting(func(s *graduate.Settings) { s.Quiesce = &graduate.Quiesce{Optional: true} }), in("ws", func(f *graduate.Facts) { f.Around.NoRoom = "it has a shape" })), quiesced(0)},
		{HookCommand, "ws-dev", w, "hook post/migrate runs bin/migrate in the image of ws-dev, which does not have it",
			and(migrate, func(_ *graduate.Group, in *inspector) { in.lacks = []string{"bin/migrate"} }), migrate},
		{StorageShared, "ws", w, "both generations of ws mount the same storage for a while (/app/files)",
			in("ws", func(f *graduate.Facts) { f.Around.Mounts = []string{"/data/ws:/app/files:ro"} }), and(in("ws", func(f *graduate.Facts) { f.Around.Mounts = []string{"/data/ws:/app/files"} }), noTarget)},
		{StorageShared, "ws", w, "both generations of ws mount the same storage for a while (/app/files)",
			in("ws", func(f *graduate.Facts) { f.Around.Mounts = []string{"/data/ws:/app/files"} }),
			and(in("ws", func(f *graduate.Facts) { f.Around.Mounts = []string{"/data/ws:/app/files"} }), setting(func(s *graduate.Settings) { s.Ignore = []string{"mounts"} }))},
		{ChecksSkipped, "ws", w, "the checks of ws are skipped (worker): it goes live whether it works or not", in("ws", func(f *graduate.Facts) { f.Around.ChecksSkipped = "worker" }),
			in("ws-dev", func(f *graduate.Facts) { f.Around.ChecksSkipped = "worker" })},
		{Backwards, "ws", w, "ws goes back by 1 commit: what it runs is newer than what ws-dev has", history(Range{Known: true, Backwards: true, Count: 1}), history(Range{Known: true, Count: 1})},
		{UnrelatedHistory, "ws", w, "the commits of ws-dev and ws do not follow from each other: commits of the target may get lost", history(Range{Known: true, Unrelated: true, Count: 1}),
			history(Range{})},
		{AppStopped, "ws-dev", w, "ws-dev is stopped: nobody sees its version work", in("ws-dev", func(f *graduate.Facts) { f.Stopped, f.Running, f.Missing = true, nil, true }),
			and(same, in("ws-dev", func(f *graduate.Facts) { f.Stopped = true }))},
		{HalfDeployed, "ws-dev", w, "one of the containers of ws-dev does not run, so not all of its version is seen to work", in("ws-dev", func(f *graduate.Facts) { f.Missing = true }),
			in("ws-dev", func(f *graduate.Facts) { f.Missing, f.Stopped = true, true })},
		{Memory, "", w, "up to its limits the new generation may take 2.2 GB of memory beside the old one, and 1.0 GB are free", and(server(func(s *graduate.Server) { s.MemoryFree = 1e9 }),
			in("ws", func(f *graduate.Facts) {
				f.Around.Resources = map[string]map[string]string{"_default_": {"limit memory": "2g"}}
			})),
			and(server(func(s *graduate.Server) { s.MemoryFree = 1e9 }), in("ws", func(f *graduate.Facts) {
				f.Around.Resources = map[string]map[string]string{"_default_": {"limit memory": "2g"}, "web": {"limit memory": "64m"}}
			}))},
		{ConfigDrift, "ws", n, "the config of ws has changed since its containers were made", in("ws", func(f *graduate.Facts) { f.Drift = true }), in("ws-dev", func(f *graduate.Facts) { f.Drift = true })},
		{MemoryUnknown, "", n, "it cannot be told how much memory is free", server(func(s *graduate.Server) { s.MemoryFree = -1 }), nil},
		{MemoryUnknown, "", n, "it cannot be told how much memory the new generation needs: no limit is set, and nothing runs, for ws",
			and(in("ws-dev", func(f *graduate.Facts) { f.Around.Memory = nil }), in("ws", func(f *graduate.Facts) { f.Around.Memory = nil })),
			in("ws", func(f *graduate.Facts) { f.Around.Memory = nil })},
		{DiskUnknown, "", n, "it cannot be told how much disk is free", server(func(s *graduate.Server) { s.DiskFree = -1 }), nil},
	}
}

func TestWhatBites(t *testing.T) {
	for _, c := range slices.Concat(errorCases(), otherCases()) {
		t.Run(c.code, func(t *testing.T) {
			g, in := shop()
			c.make(g, in)
			p, apps, err := Make(t.Context(), in, g, devProd)
			require.NoError(t, err)
			i := slices.IndexFunc(p.Findings, func(f graduate.Finding) bool { return f.Code == c.code })
			require.GreaterOrEqual(t, i, 0, "%v", codesOf(p))
			f := p.Findings[i]
			require.Equal(t, []string{c.app, string(c.severity), c.why, "docs/findings.md#" + c.code}, []string{f.App, string(f.Severity), f.Why, f.Docs})
			require.NotEmpty(t, f.Do)
			require.Equal(t, map[string]string{"": "", "ws": "api", "ws-dev": "api"}[f.App], f.Role)
			require.Equal(t, c.severity == graduate.SeverityError, len(p.Forbidding()) > 0)
			if c.severity == graduate.SeverityError && c.app != "" {
				require.Len(t, apps, 1, "the role is not among them")
			}
			g, in = shop()
			if c.stop != nil {
				c.stop(g, in)
			}
			p, _, err = Make(t.Context(), in, g, devProd)
			require.NoError(t, err)
			for _, f := range p.Findings {
				require.False(t, f.Code == c.code && f.App == c.app, "%v", f)
			}
		})
	}
}

func TestEveryCodeHasACase(t *testing.T) {
	seen := map[string]graduate.Severity{SetIncomplete: graduate.SeverityWarning, ForcedNothing: graduate.SeverityNote}
	for _, c := range slices.Concat(otherCases(), errorCases()) {
		if rank := []graduate.Severity{"", graduate.SeverityNote, graduate.SeverityWarning, graduate.SeverityError}; slices.Index(rank, c.severity) > slices.Index(rank, seen[c.code]) {
			seen[c.code] = c.severity
		}
	}
	for _, c := range Codes() {
		require.Equal(t, c.Severity, seen[c.Code], c.Code)
		require.NotEmpty(t, c.What)
		require.False(t, c.Forcible && c.Severity != graduate.SeverityError, c.Code)
		delete(seen, c.Code)
	}
	require.Empty(t, seen)
}

func TestForcibleErrorsCanBeForced(t *testing.T) {
	for _, c := range errorCases() {
		code, _ := codeOf(c.code)
		if !code.Forcible {
			continue
		}
		g, in := shop()
		c.make(g, in)
		o := devProd
		o.Force = []string{c.code}
		p, apps, err := Make(t.Context(), in, g, o)
		require.NoError(t, err)
		require.Empty(t, p.Forbidding(), c.code)
		require.Len(t, apps, 2, c.code)
		require.False(t, slices.ContainsFunc(codesOf(p), func(s string) bool { return strings.Contains(s, ForcedNothing) }))
	}
}

// A hook runs in the image that its app will have: the new one, or that of an app that stays as it is.
func TestTheImageOfAHook(t *testing.T) {
	hook := graduate.Hook{Role: "api", Command: []string{"x"}}
	moving := &role{Role: graduate.Role{Name: "api"}, asked: true, source: graduate.Facts{Image: "new"}, target: graduate.Facts{Image: "old"}}
	p := &planner{roles: []*role{moving}}
	require.Equal(t, "new", p.imageFor(hook))
	moving.same = true
	require.Equal(t, "old", p.imageFor(hook))
	require.Empty(t, p.imageFor(graduate.Hook{Host: "x"}))
	require.Empty(t, p.imageFor(graduate.Hook{Role: "gone", Command: []string{"x"}}))
}

// A first deploy has no old instances that could see a new schema.
func TestNoSchemaWindowWithoutOldInstances(t *testing.T) {
	g, in := shop()
	migrate(g, in)
	g.Roles = g.Roles[1:]
	noTarget(g, in)
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Empty(t, p.Findings)
}

func TestFindingsComeInOneOrder(t *testing.T) {
	g, in := shop()
	g.Settings.StartTimeout = 3 * time.Hour
	config("ws", "A", "'x'")(g, in)
	in.change("portal", func(f *graduate.Facts) { f.Drift, f.Locked, f.Published = true, true, true })
	in.change("ws", func(f *graduate.Facts) { f.Drift, f.Around.ChecksSkipped = true, "web" })
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []string{"error deadline", "error target-locked portal", "error published-port portal",
		"warning value-quoted ws", "warning checks-skipped ws", "note config-drift portal", "note config-drift ws"}, codesOf(p))
}

func TestAnUnchangedAppIsRefusedAsEver(t *testing.T) {
	g, in := shop()
	same(g, in)
	in.change("ws", func(f *graduate.Facts) { f.Locked, f.Around.ChecksSkipped = true, "web" })
	p, _, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []string{"error target-locked ws"}, codesOf(p), "and nothing else of it is told")
}
