package plan

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// inspector is a fake that knows the facts of some apps.
type inspector struct {
	mu     sync.Mutex
	facts  map[string]graduate.Facts
	asked  []string
	broken error
}

func (in *inspector) Facts(_ context.Context, app string) (graduate.Facts, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked = append(in.asked, app)
	f, ok := in.facts[app]
	if !ok {
		f = graduate.Facts{App: app}
	}
	if in.broken != nil && app == "ws" {
		return f, in.broken
	}
	return f, nil
}

// change changes the facts of one app.
func (in *inspector) change(app string, f func(*graduate.Facts)) {
	facts := in.facts[app]
	f(&facts)
	in.facts[app] = facts
}

func healthy(app, image, revision string) graduate.Facts {
	return graduate.Facts{
		App: app, Exists: true, Deployed: true, Image: image, Running: []string{image}, Revision: revision,
		Scheduler: "docker-local", Proxy: "nginx", ProxyEnabled: true,
	}
}

// shop is a group of two roles in three environments, and an inspector to which dev is ahead of prod.
func shop() (*graduate.Group, *inspector) {
	g := &graduate.Group{
		Name:         "shop",
		Environments: []graduate.Environment{{Name: "dev"}, {Name: "staging", From: []string{"dev"}}, {Name: "prod"}},
		Roles: []graduate.Role{
			{Name: "site", Apps: map[string]string{"dev": "portal-dev", "prod": "portal", "staging": "portal-staging"}, Start: graduate.StartAfterPost},
			{Name: "api", Apps: map[string]string{"dev": "ws-dev", "prod": "ws"}, Start: graduate.StartBeforePost},
		},
	}
	in := &inspector{facts: map[string]graduate.Facts{
		"portal-dev": healthy("portal-dev", "sha256:p2", "p2"), "portal": healthy("portal", "sha256:p1-prod", "p1"),
		"ws-dev": healthy("ws-dev", "sha256:w2", "w2"), "ws": healthy("ws", "sha256:w1-prod", "w1"),
	}}
	return g, in
}

var devProd = Options{From: "dev", To: "prod"}

func TestAPlanHasEveryRoleInItsOrder(t *testing.T) {
	g, in := shop()
	in.change("ws", func(f *graduate.Facts) {
		*f = graduate.Facts{App: "ws", Exists: true, Scheduler: "docker-local", Proxy: "nginx", ProxyEnabled: true}
	})
	apps, err := Make(t.Context(), in, g, devProd)
	require.NoError(t, err)
	require.Equal(t, []*graduate.App{
		{Role: "site", Source: "portal-dev", Target: "portal", Image: "sha256:p2", Revision: "p2", Before: "p1", Start: graduate.StartAfterPost,
			Was: &graduate.Version{Image: "sha256:p1-prod", Revision: "p1", Config: map[string]string{}}},
		{Role: "api", Source: "ws-dev", Target: "ws", Image: "sha256:w2", Revision: "w2", First: true, Start: graduate.StartBeforePost},
	}, apps)
	require.ElementsMatch(t, []string{"portal-dev", "portal", "ws-dev", "ws"}, in.asked, "each app is looked at once")
}

func TestWaysThatAGroupDoesNotGo(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string
		change   func(*graduate.Group)
		code     graduate.Code
		want     string
	}{
		{"no such source", "test", "prod", nil, graduate.NotFound, "group shop has no environment test; it has dev, staging, prod"},
		{"no such target", "dev", "live", nil, graduate.NotFound, "group shop has no environment live; it has dev, staging, prod"},
		{"to itself", "dev", "dev", nil, graduate.Invalid, "group shop cannot graduate from dev to itself"},
		{"not from there", "prod", "staging", nil, graduate.Refused, "group shop: staging may be graduated into from dev only, not from prod"},
		{"no roles", "dev", "prod", func(g *graduate.Group) { g.Roles = nil }, graduate.Refused,
			"group shop has no apps; add them with dokku graduate:add shop ROLE dev=APP prod=APP"},
		{"a role without an app there", "dev", "staging", nil, graduate.Refused,
			"group shop: role api has no app in staging; name it with dokku graduate:add shop api staging=APP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			if c.change != nil {
				c.change(g)
			}
			apps, err := Make(t.Context(), in, g, Options{From: c.from, To: c.to})
			require.Nil(t, apps)
			require.EqualError(t, err, c.want)
			require.Equal(t, c.code, graduate.CodeOf(err))
			require.Equal(t, 1, graduate.ExitCode(err))
			require.Empty(t, in.asked, "nothing is looked at")
		})
	}
}

func TestSourcesThatCannotBeCarriedOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*graduate.Facts)
		want   string
	}{
		{"missing", func(f *graduate.Facts) { *f = graduate.Facts{App: f.App} },
			"ws-dev does not exist; take it out of group shop or make it with dokku apps:create ws-dev"},
		{"lost image", func(f *graduate.Facts) { f.Image, f.Deployed = "", false },
			"ws-dev has lost its image dokku/ws-dev:latest; deploy it again"},
		{"no image", func(f *graduate.Facts) { f.Image, f.Deployed, f.Running = "", false, nil },
			"ws-dev was never deployed; deploy it first"},
		{"never deployed", func(f *graduate.Facts) { f.Deployed = false }, "ws-dev was never deployed; deploy it first"},
		{"half deployed", func(f *graduate.Facts) { f.Running = []string{"sha256:w2", "sha256:w1"} },
			"ws-dev is half deployed: its containers do not all run its latest image; deploy it again, or dokku ps:restart ws-dev"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			in.change("ws-dev", c.change)
			requireRefused(t, in, g, c.want)
		})
	}
}

func TestTargetsThatCannotBeHeld(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*graduate.Facts)
		want   string
	}{
		{"missing", func(f *graduate.Facts) { *f = graduate.Facts{App: f.App} }, "ws does not exist; make it with dokku apps:create ws"},
		{"another scheduler", func(f *graduate.Facts) { f.Scheduler = "k3s" },
			"ws is run by the scheduler k3s, which cannot be held yet; docker-local can"},
		{"another proxy", func(f *graduate.Facts) { f.Proxy = "traefik" },
			"ws is served by traefik, which cannot be switched together with others yet; nginx can (dokku proxy:set ws type nginx)"},
		{"no checks", func(f *graduate.Facts) { f.ChecksDisabled = "_all_" },
			"ws has its checks disabled (_all_), so Dokku would stop the old containers before the new ones start; dokku checks:enable ws"},
		{"published", func(f *graduate.Facts) { f.Published = true },
			"ws publishes a port by its docker options, which two generations cannot both have; remove it with dokku docker-options:remove ws deploy …"},
		{"stopped", func(f *graduate.Facts) { f.Stopped = true }, "ws is stopped; start it with dokku ps:start ws"},
		{"locked", func(f *graduate.Facts) { f.Locked = true }, "ws is locked, and nobody deploys it; if that lock is not needed any more: dokku apps:unlock ws"},
		{"being deployed", func(f *graduate.Facts) { f.Deploying = true },
			"ws is being deployed by someone else; try again when that deploy has ended, or have it waited for: --wait 5m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			in.change("ws", c.change)
			requireRefused(t, in, g, c.want)
		})
	}
}

// requireRefused requires that a plan is refused for one reason.
func requireRefused(t *testing.T, in *inspector, g *graduate.Group, want string) {
	t.Helper()
	_, err := Make(t.Context(), in, g, devProd)
	var several *multierror.Error
	require.ErrorAs(t, err, &several)
	require.Len(t, several.Errors, 1)
	require.EqualError(t, several.Errors[0], want)
	require.Equal(t, graduate.Refused, graduate.CodeOf(err))
	require.Equal(t, 1, graduate.ExitCode(err))
}

func TestTargetsMayBeWhatSourcesMayNot(t *testing.T) {
	for _, c := range []struct {
		name   string
		app    string
		change func(*graduate.Facts)
	}{
		{"a source without nginx", "ws-dev", func(f *graduate.Facts) { f.Proxy, f.Scheduler, f.ChecksDisabled = "traefik", "k3s", "_all_" }},
		{"a source that is stopped", "ws-dev", func(f *graduate.Facts) { f.Stopped, f.Running = true, nil }},
		{"a source that is being deployed", "ws-dev", func(f *graduate.Facts) { f.Deploying = true }},
		{"a source that is locked", "ws-dev", func(f *graduate.Facts) { f.Locked = true }},
		{"a target that is half deployed", "ws", func(f *graduate.Facts) { f.Running = []string{"a", "b"} }},
		{"a target without a proxy", "ws", func(f *graduate.Facts) { f.Proxy, f.ProxyEnabled = "traefik", false }},
		{"a target that was never deployed", "ws", func(f *graduate.Facts) { f.Deployed, f.Image, f.Running = false, "", nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			in.change(c.app, c.change)
			apps, err := Make(t.Context(), in, g, devProd)
			require.NoError(t, err)
			require.Len(t, apps, 2)
		})
	}
}

func TestEveryRoleThatIsRefusedIsNamed(t *testing.T) {
	g, in := shop()
	in.change("portal", func(f *graduate.Facts) { f.Locked = true })
	in.change("ws-dev", func(f *graduate.Facts) { f.Image, f.Deployed, f.Running = "", false, nil })
	_, err := Make(t.Context(), in, g, devProd)
	var several *multierror.Error
	require.ErrorAs(t, err, &several)
	require.Len(t, several.Errors, 2)
	require.ErrorContains(t, several.Errors[0], "portal is locked")
	require.ErrorContains(t, several.Errors[1], "ws-dev was never deployed")
}

func TestOnlyDeploysAreWaitedFor(t *testing.T) {
	g, in := shop()
	deploying := func(f *graduate.Facts) { f.Deploying = true }
	in.change("portal", deploying)
	in.change("ws", deploying)
	_, err := Make(t.Context(), in, g, devProd)
	require.Equal(t, []string{"portal", "ws"}, Busy(err))
	in.change("ws", func(f *graduate.Facts) { f.Locked = true })
	_, err = Make(t.Context(), in, g, devProd)
	require.Empty(t, Busy(err), "nobody waits only to be refused for something else")
	require.Empty(t, Busy(nil))
	require.Empty(t, Busy(errors.New("Docker does not answer")))
}

func TestAnInspectorThatFailsIsNoPlan(t *testing.T) {
	g, in := shop()
	in.broken = graduate.Errorf(graduate.Internal, "Docker does not answer")
	apps, err := Make(t.Context(), in, g, devProd)
	require.Nil(t, apps)
	require.True(t, errors.Is(err, in.broken))
}

func TestWhatRunsThisVersionAlreadyIsSkipped(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(in *inspector)
		options Options
		skipped bool
	}{
		{"the same version", func(*inspector) {}, devProd, true},
		{"asked for all", func(*inspector) {}, Options{From: "dev", To: "prod", All: true}, false},
		{"another image", func(in *inspector) {
			in.change("ws-dev", func(f *graduate.Facts) { f.Image, f.Running = "sha256:w3", []string{"sha256:w3"} })
		}, devProd, false},
		{"another commit", func(in *inspector) { in.change("ws-dev", func(f *graduate.Facts) { f.Revision = "w3" }) }, devProd, false},
		{"never graduated", func(in *inspector) { in.change("ws", func(f *graduate.Facts) { f.Artifact = "" }) }, devProd, false},
		{"another configuration", func(in *inspector) { in.change("ws", func(f *graduate.Facts) { f.Drift = true }) }, devProd, false},
		{"a container is missing", func(in *inspector) { in.change("ws", func(f *graduate.Facts) { f.Missing = true }) }, devProd, false},
		{"half deployed", func(in *inspector) {
			in.change("ws", func(f *graduate.Facts) { f.Running = []string{"sha256:w2-prod", "sha256:w1-prod"} })
		}, devProd, false},
		{"not deployed", func(in *inspector) { in.change("ws", func(f *graduate.Facts) { f.Deployed = false }) }, devProd, false},
		{"scaled to nothing", func(in *inspector) { in.change("ws", func(f *graduate.Facts) { f.Running = nil }) }, devProd, true},
		{"no commits", func(in *inspector) {
			in.change("ws", func(f *graduate.Facts) { f.Revision = "" })
			in.change("ws-dev", func(f *graduate.Facts) { f.Revision = "" })
		}, devProd, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, in := shop()
			in.facts["ws"] = healthy("ws", "sha256:w2-prod", "w2")
			in.change("ws", func(f *graduate.Facts) { f.Artifact = "sha256:w2" })
			c.change(in)
			apps, err := Make(t.Context(), in, g, c.options)
			require.NoError(t, err)
			require.Empty(t, apps[0].Skip)
			require.Equal(t, c.skipped, apps[1].Skip != "", apps[1].Skip)
		})
	}
}

func TestDeadlinesThatContradictEachOther(t *testing.T) {
	g, in := shop()
	g.Settings = graduate.Settings{RunTimeout: time.Hour, StartTimeout: 2 * time.Hour, PhaseTimeout: 90 * time.Minute}
	g.Hooks = []graduate.Hook{
		{Kind: graduate.HookPre, Name: "backup", Timeout: time.Hour}, {Kind: graduate.HookPost, Name: "migrate", Timeout: 3 * time.Hour},
		{Kind: graduate.HookLive, Name: "tell", Timeout: 3 * time.Hour}, // after the release point the bound of the run does not count
	}
	_, err := Make(t.Context(), in, g, devProd)
	var several *multierror.Error
	require.ErrorAs(t, err, &several)
	require.Len(t, several.Errors, 3)
	require.EqualError(t, several.Errors[0], "starting the apps (start-timeout) may take 2h0m0s, and the whole graduation 1h0m0s; "+
		"dokku graduate:set shop run-timeout 2h30m0s, or a shorter start-timeout")
	require.ErrorContains(t, several.Errors[1], "phase-timeout")
	require.ErrorContains(t, several.Errors[2], "hook post/migrate may take 3h0m0s")
	require.Equal(t, graduate.Refused, graduate.CodeOf(err))
}
