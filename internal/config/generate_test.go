package config

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// anyGroup generates valid groups in the form that is stored.
func anyGroup() *rapid.Generator[*graduate.Group] {
	return rapid.Custom(func(t *rapid.T) *graduate.Group {
		g := &graduate.Group{
			Name: anyName().Draw(t, "group"),
			Settings: graduate.Settings{
				ReleaseTasks: rapid.SampledFrom([]string{"", "hold", "before", "skip"}).Draw(t, "release tasks"),
				StartTimeout: anyTimeout().Draw(t, "start timeout"),
				PhaseTimeout: anyTimeout().Draw(t, "phase timeout"),
				RunTimeout:   anyTimeout().Draw(t, "run timeout"),
				History:      rapid.IntRange(0, maxHistory).Draw(t, "history"),
			},
		}
		environments := rapid.SliceOfNDistinct(anyName().Filter(func(s string) bool { return s != startKey }), 1, 4, rapid.ID[string]).Draw(t, "environments")
		for _, name := range environments {
			var from []string
			for _, other := range rapid.Permutation(environments).Draw(t, "order") {
				if other != name && rapid.Bool().Draw(t, "from") {
					from = append(from, other)
				}
			}
			g.Environments = append(g.Environments, graduate.Environment{Name: name, From: from})
		}
		for _, name := range rapid.SliceOfNDistinct(anyName(), 0, 4, rapid.ID[string]).Draw(t, "roles") {
			g.Roles = append(g.Roles, anyRole(t, name, len(g.Roles), environments))
		}
		g.Hooks = anyHooks(t, g)
		g.Settings.Connections = anyConnections(t, g)
		g.Settings.Quiesce = anyQuiesce(t)
		g.Settings.Ignore = anyIgnore(t, g)
		return g
	})
}

// anyName is a valid name; some of them look like other YAML types.
func anyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,6}`),
		rapid.SampledFrom([]string{"no", "on", "y", "true", "null", "1.5", "123", "2001-01-01", "1e3", "0x1f", "0.-", "nan", "version", "from"}),
	)
}

func anyTimeout() *rapid.Generator[time.Duration] {
	return rapid.OneOf(
		rapid.Just(time.Duration(0)),
		rapid.Map(rapid.Int64Range(int64(time.Second), int64(maxTimeout)), func(n int64) time.Duration { return time.Duration(n) }),
		rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 90 * time.Minute, time.Hour + time.Second, maxTimeout}),
	)
}

func anyRole(t *rapid.T, name string, number int, environments []string) graduate.Role {
	role := graduate.Role{Name: name, Apps: map[string]string{}, Start: graduate.StartAfterPost}
	if rapid.Bool().Draw(t, "before") {
		role.Start = graduate.StartBeforePost
	}
	for i, env := range environments {
		if rapid.IntRange(0, 3).Draw(t, "has app") > 0 {
			// The end of the name makes it the only one.
			role.Apps[env] = fmt.Sprintf("%s-%d-%d", anyName().Draw(t, "app"), number, i)
		}
	}
	return role
}

func anyHooks(t *rapid.T, g *graduate.Group) []graduate.Hook {
	var hooks []graduate.Hook
	for _, kind := range graduate.HookKinds() {
		for _, name := range rapid.SliceOfNDistinct(anyName(), 0, 3, rapid.ID[string]).Draw(t, "hooks") {
			h := graduate.Hook{Kind: kind, Name: name, Timeout: anyTimeout().Draw(t, "timeout"), When: anyWhen(t, g),
				Retries: rapid.IntRange(0, maxRetries).Draw(t, "retries"), Parallel: rapid.Bool().Draw(t, "parallel")}
			if decides(kind) {
				h.OnFailure = rapid.SampledFrom([]string{"", graduate.OnFailureAbort, graduate.OnFailureWarn}).Draw(t, "on failure")
			}
			checks := kind == graduate.HookPost || kind == graduate.HookLive || kind == graduate.HookRollback
			if len(g.Roles) > 0 && checks && rapid.IntRange(0, 3).Draw(t, "check") == 0 {
				h.Role, h.HTTP, h.Timeout = rapid.SampledFrom(RoleNames(g)).Draw(t, "role"), anyCheck(t), 0
			} else if len(g.Roles) > 0 && kind == graduate.HookLive && rapid.IntRange(0, 3).Draw(t, "metric") == 0 {
				h.Role, h.Timeout, h.Retries = rapid.SampledFrom(RoleNames(g)).Draw(t, "role"), 0, 0
				h.Metric = &graduate.Metric{For: anyTimeout().Draw(t, "for"), Max5xx: rapid.SampledFrom([]float64{0, 0.25, 1, 99.999}).Draw(t, "max 5xx")}
			} else if len(g.Roles) > 0 && rapid.Bool().Draw(t, "container") {
				h.Role = rapid.SampledFrom(RoleNames(g)).Draw(t, "role")
				if rapid.Bool().Draw(t, "of the Procfile") {
					h.Process = rapid.StringMatching(`[A-Za-z0-9_-]{1,9}`).Draw(t, "process")
				} else {
					h.Command = append([]string{"x" + anyWord().Draw(t, "word")}, rapid.SliceOfN(anyWord(), 0, 4).Draw(t, "words")...)
				}
			} else {
				h.Host = rapid.StringMatching(`[A-Za-z0-9_][A-Za-z0-9_+-]{0,8}`).Draw(t, "host")
			}
			migrations(t, &h, hooks)
			hooks = append(hooks, h)
		}
	}
	return hooks
}

// migrations makes some hooks migrations, or the reversal of one that there is.
func migrations(t *rapid.T, h *graduate.Hook, before []graduate.Hook) {
	if h.HTTP != nil || !rapid.Bool().Draw(t, "migrates") {
		return
	}
	switch h.Kind {
	case graduate.HookPre, graduate.HookPost, graduate.HookRollback:
		h.Migrate = true
	case graduate.HookAbort:
		for _, m := range before {
			if m.Migrate && m.Kind != graduate.HookRollback {
				h.Reverses = m.Name
			}
		}
	}
	if h.Migrates() {
		h.Retries, h.Parallel, h.OnFailure = 0, false, ""
	}
}

func anyCheck(t *rapid.T) *graduate.HTTPCheck {
	c := &graduate.HTTPCheck{
		Path:     "/" + rapid.StringMatching(`[a-z?=&%:{}\[\],'"-]{0,9}`).Draw(t, "path"),
		Status:   rapid.SampledFrom([]int{0, 200, 204, 599}).Draw(t, "status"),
		Contains: anyWord().Draw(t, "contains"), Within: anyTimeout().Draw(t, "within"),
	}
	if rapid.Bool().Draw(t, "every") {
		c.Every = rapid.SampledFrom([]time.Duration{minEvery, c.Deadline()}).Draw(t, "every")
	}
	return c
}

func anyWhen(t *rapid.T, g *graduate.Group) (w graduate.When) {
	if rapid.Bool().Draw(t, "in an environment") {
		w.Env = rapid.SampledFrom(EnvironmentNames(g)).Draw(t, "env")
	}
	if len(g.Roles) > 0 && rapid.Bool().Draw(t, "for a role") {
		w.Changed = rapid.SampledFrom(RoleNames(g)).Draw(t, "changed")
	}
	return w
}

// anyWord is a word of a command: any text without NUL.
func anyWord() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune(" \t\n\r:#,'\"[]{}&*!|>%@`-?~\u0085\u2028\ufeff\x01\x7fé"))),
		rapid.SampledFrom([]string{"", "~", "1", "true", "---", "...", "<<", "=", "- a", "a: b", "${X}", "bin/rails", "db:migrate"}),
	).Filter(func(s string) bool {
		for _, r := range s {
			if r == 0 {
				return false
			}
		}
		return true
	})
}

// anyConnections is a budget of some of the group's roles, or none.
func anyConnections(t *rapid.T, g *graduate.Group) *graduate.Connections {
	if rapid.Bool().Draw(t, "no budget") {
		return nil
	}
	budget := &graduate.Connections{Limit: rapid.IntRange(1, maxConnections).Draw(t, "limit")}
	for _, role := range RoleNames(g) {
		if role != limitKey && rapid.Bool().Draw(t, "budgeted") {
			if budget.Roles == nil {
				budget.Roles = map[string]int{}
			}
			budget.Roles[role] = rapid.IntRange(1, maxConnections).Draw(t, "connections")
		}
	}
	return budget
}

// anyIgnore is patterns that acknowledge differences; some of their names look like other YAML.
func anyIgnore(t *rapid.T, g *graduate.Group) []string {
	name := rapid.StringOf(rapid.SampledFrom([]rune("AZ_09*:# '\"{}&!|>%@`-?~=/.\u0085\u2028\ufeffé")))
	pattern := rapid.Custom(func(t *rapid.T) string {
		out := rapid.SampledFrom(graduate.DifferenceKinds()).Draw(t, "kind")
		if len(g.Roles) > 0 && rapid.Bool().Draw(t, "of a role") {
			out = rapid.SampledFrom(RoleNames(g)).Draw(t, "role") + "/" + out
		}
		if named := name.Draw(t, "name"); named != "" {
			out += ":" + named
		}
		return out
	})
	patterns := rapid.SliceOfNDistinct(pattern, 0, 4, rapid.ID[string]).Draw(t, "ignore")
	if len(patterns) == 0 {
		return nil // as a document without the key is read
	}
	return patterns
}

// anyQuiesce is a quiesce with some of its keys, or none.
func anyQuiesce(t *rapid.T) *graduate.Quiesce {
	if rapid.Bool().Draw(t, "no quiesce") {
		return nil
	}
	wait := rapid.SampledFrom([]time.Duration{0, time.Second, 90 * time.Second, maxRequestWait})
	return &graduate.Quiesce{
		During: graduate.QuiescePost, MaxWait: wait.Draw(t, "max_wait"), Drain: wait.Draw(t, "drain"),
		Workers:    rapid.SampledFrom(append(oldWorkers(), "")).Draw(t, "workers"),
		MaxWaiting: rapid.IntRange(0, maxWaiting).Draw(t, "max_waiting"),
		Page:       rapid.SampledFrom([]string{"", "soon.html", "1.5.htm"}).Draw(t, "page"),
		Optional:   rapid.Bool().Draw(t, "optional"),
	}
}
