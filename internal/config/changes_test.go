package config

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestChangesAreSaidInWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(g *graduate.Group)
		want   []string
	}{
		{"nothing", func(*graduate.Group) {}, nil},
		{"environment added", func(g *graduate.Group) { g.Environments = append(g.Environments, graduate.Environment{Name: "qa"}) }, []string{"environment qa added"}},
		{"environments reordered", func(g *graduate.Group) { slices.Reverse(g.Environments) }, []string{"environments reordered: prod, staging, dev"}},
		{"environment added in front", func(g *graduate.Group) {
			g.Environments = slices.Insert(g.Environments, 0, graduate.Environment{Name: "qa"})
		}, []string{"environment qa added", "environments reordered: qa, dev, staging, prod"}},
		{"from", func(g *graduate.Group) { g.Environments[2].From = nil }, []string{"environment prod changed: from any (was staging, dev)"}},
		{"role added and removed", func(g *graduate.Group) { g.Roles[1].Name = "sender" }, []string{"role sender added", "role mailer removed"}},
		{"apps", func(g *graduate.Group) {
			g.Roles[0].Apps = map[string]string{"staging": "portal-two", "prod": "portal"}
			g.Roles[1].Apps["staging"] = "mailer-staging"
		}, []string{"role portal changed: dev=portal-dev removed", "role portal changed: staging=portal-two (was portal-staging)", "role mailer changed: staging=mailer-staging added"}},
		{"start", func(g *graduate.Group) { g.Roles[1].Start = graduate.StartAfterPost }, []string{"role mailer changed: start after-post (was before-post)"}},
		{"hook changed", func(g *graduate.Group) { g.Hooks[1].Timeout = time.Minute }, []string{"hook post/migrate changed"}},
		{"hooks reordered", func(g *graduate.Group) { g.Hooks[1], g.Hooks[2] = g.Hooks[2], g.Hooks[1] }, []string{"hooks reordered: post/smoke, post/migrate"}},
		{"hook moved to another kind", func(g *graduate.Group) { g.Hooks[2].Kind = graduate.HookLive; normalize(g) }, []string{"hook post/smoke removed", "hook live/smoke added"}},
		{"settings", func(g *graduate.Group) { g.Settings = graduate.Settings{ReleaseTasks: "skip"} }, []string{"release-tasks set to skip (was before)", "start-timeout unset (was 5m)", "phase-timeout unset (was 4m)", "run-timeout unset (was 1h)", "history unset (was 30)", "connections unset (was limit=25 portal=10 mailer=2)", "ignored difference config:DEBUG removed", "ignored difference portal/domains removed"}},
		{"connections", func(g *graduate.Group) { g.Settings.Connections.Roles["mailer"] = 3 }, []string{"connections set to limit=25 portal=10 mailer=3 (was limit=25 portal=10 mailer=2)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := shop()
			c.change(after)
			require.Equal(t, c.want, Changes(shop(), after))
		})
	}
}

func TestChangesOfANewGroup(t *testing.T) {
	require.Equal(t, []string{
		"group shop created",
		"environment dev added", "environment staging added", "environment prod added",
		"role portal added", "role mailer added",
		"hook pre/backup added", "hook post/migrate added", "hook post/smoke added", "hook abort/undo added",
		"release-tasks set to before", "start-timeout set to 5m", "phase-timeout set to 4m", "run-timeout set to 1h", "history set to 30",
		"connections set to limit=25 portal=10 mailer=2", "ignored difference config:DEBUG added", "ignored difference portal/domains added",
	}, Changes(nil, shop()))
}

func TestNoChangesMeansTheSameGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyGroup().Draw(t, "before"), anyGroup().Draw(t, "after")
		if rapid.Bool().Draw(t, "nearly the same") {
			after, _ = Parse(Format(before))
			mutate(t, after)
		}
		after.Name = before.Name
		require.Equal(t, string(Format(before)) == string(Format(after)), len(Changes(before, after)) == 0)
		require.Empty(t, Changes(after, after))
	})
}

// mutate changes one thing, or nothing.
func mutate(t *rapid.T, g *graduate.Group) {
	switch rapid.IntRange(0, 7).Draw(t, "mutation") {
	case 1:
		g.Environments = rapid.Permutation(g.Environments).Draw(t, "environments")
	case 2:
		g.Roles = rapid.Permutation(g.Roles).Draw(t, "roles")
	case 3:
		g.Hooks = rapid.Permutation(g.Hooks).Draw(t, "hooks")
		normalize(g)
	case 4:
		g.Settings.StartTimeout = anyTimeout().Draw(t, "timeout")
	case 5:
		if len(g.Hooks) > 0 {
			g.Hooks[0].Timeout = anyTimeout().Draw(t, "timeout")
		}
	case 6:
		g.Settings.Connections = anyConnections(t, g)
	case 7:
		g.Settings.Ignore = rapid.Permutation(g.Settings.Ignore).Draw(t, "ignore")
	}
}
