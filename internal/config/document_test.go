package config

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// shop is the group of testdata/shop.yml.
func shop() *graduate.Group {
	return &graduate.Group{
		Name: "shop",
		Environments: []graduate.Environment{
			{Name: "dev"},
			{Name: "staging", From: []string{"dev"}},
			{Name: "prod", From: []string{"staging", "dev"}},
		},
		Roles: []graduate.Role{
			{Name: "portal", Start: graduate.StartAfterPost, Apps: map[string]string{"dev": "portal-dev", "staging": "portal-staging", "prod": "portal"}},
			{Name: "mailer", Start: graduate.StartBeforePost, Apps: map[string]string{"dev": "mailer-dev", "prod": "mailer"}},
		},
		Hooks: []graduate.Hook{
			{Kind: graduate.HookPre, Name: "backup", Host: "backup-shop"},
			{Kind: graduate.HookPost, Name: "migrate", Role: "portal", Command: []string{"bin/rails", "db:migrate"}, Timeout: 10 * time.Minute},
			{Kind: graduate.HookPost, Name: "smoke", Host: "smoke-test"},
			{Kind: graduate.HookAbort, Name: "undo", Role: "portal", Command: []string{"bin/rails", "db:rollback"}},
		},
		Settings: graduate.Settings{
			ReleaseTasks: "before", StartTimeout: 5 * time.Minute, PhaseTimeout: 4 * time.Minute, RunTimeout: time.Hour, History: 30,
			Connections: &graduate.Connections{Limit: 25, Roles: map[string]int{"portal": 10, "mailer": 2}},
			Ignore:      []string{"config:DEBUG", "portal/domains"},
		},
	}
}

func TestParseReadsEveryField(t *testing.T) {
	data, err := os.ReadFile("testdata/shop.yml")
	require.NoError(t, err)
	g, err := Parse(data)
	require.NoError(t, err)
	require.Equal(t, shop(), g)
}

func TestFormatIsTheDocumentThatPeopleRead(t *testing.T) {
	want, err := os.ReadFile("testdata/shop.formatted.yml")
	require.NoError(t, err)
	require.Equal(t, string(want), string(Format(shop())))
}

func TestParseGivesBackWhatFormatWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGroup().Draw(t, "group")
		data := Format(g)
		back, err := Parse(data)
		require.NoError(t, err, "%s", data)
		require.Equal(t, g, back, "%s", data)
		require.Equal(t, string(data), string(Format(back)))
	})
}

func TestHookKindsComeInTheOrderOfARun(t *testing.T) {
	g, err := Parse([]byte("version: 1\ngroup: a\nenvironments: {dev: {}}\nhooks:\n  abort: [{name: x, host: x}]\n  pre: [{name: z, host: z}, {name: b, host: b}]\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"pre/z", "pre/b", "abort/x"}, hookNames(g.Hooks))
}

// head is the least valid document, of three lines, for cases that add to it.
const head = "version: 1\ngroup: shop\nenvironments: {dev: {}, prod: {}}\n"

func TestParseReportsAllErrorsWithTheirLines(t *testing.T) {
	for _, c := range []struct {
		name, document string
		want           []string
	}{
		{"empty", "", []string{"line 1: the document is empty"}},
		{"comment only", "# x\n", []string{"line 1: the document is empty"}},
		{"no mapping", "- a\n", []string{"line 1: the document must be a mapping (key: value), not a list"}},
		{"everything missing", "{}\n", []string{"line 1: version is missing; write version: 1", "line 1: the group needs a name (group: NAME)", "line 1: the group needs environments (environments: {dev: {}, prod: {}})"}},
		{"version", strings.Replace(head, "1", "2", 1), []string{"line 1: version must be 1"}},
		{"version as a string", strings.Replace(head, "1", `"1"`, 1), []string{"line 1: version must be 1"}},
		{"tab", "version: 1\ngroup: shop\n\tenvironments: {}\n", []string{"line 3: found a tab character that violates indentation"}},
		{"unclosed", head + "apps: {a: {dev: x}\nhooks: {}\n", []string{"line 5: did not find expected ',' or '}'"}},
		{"unknown anchor", head + "apps: *x\n", []string{"line 4: unknown anchor 'x' referenced"}},
		{"alias", "version: 1\ngroup: &g shop\nenvironments: {dev: {}}\nrelease_tasks: *g\n", []string{"line 4: release_tasks must be a string, not an alias"}},
		{"merge key", head + "apps:\n  a: {dev: x}\n  <<: {b: {}}\n", []string{`line 6: a key of apps must be a string; write "<<"`}},
		{"control character", head + "# \x01\n", []string{"line 4: control characters are not allowed (value: 1)"}},
		{"second document", head + "---\n" + head, []string{"line 4: a second document begins here; a group is one document"}},
		{"custom tag", head + "apps: !x {}\n", []string{"line 4: apps must be a mapping (key: value), not a mapping"}},
		{"unknown fields", head + "trains: {}\nhooks:\n  later: []\n  pre:\n    - {name: a, host: a, colour: now}\n", []string{
			`line 4: unknown field "trains" in the document; it may have version, group, environments, apps, hooks, release_tasks, keep, reversible, start_timeout, phase_timeout, run_timeout, history, connections, quiesce, ignore`,
			`line 6: unknown field "later" in hooks; it may have pre, post, live, abort, rollback, finally`,
			`line 8: unknown field "colour" in a hook; it may have name, app, run, process, host, http, metric, timeout, retries, parallel, migrate, reverses, on_failure, when`,
		}},
		{"duplicate keys", head + "apps:\n  a: {dev: x}\n  b: {dev: y,\n      dev: z}\n  a: {}\ngroup: two\n", []string{
			"line 7: dev appears twice in apps.b (first on line 6)",
			"line 8: a appears twice in apps (first on line 5)",
			"line 9: group appears twice in the document (first on line 2)",
		}},
		{"wrong types", "version: 1\ngroup: [shop]\nenvironments: [dev]\napps: ~\nhooks: {pre: {}, post: [x]}\nstart_timeout: 600\nrelease_tasks: true\n", []string{
			"line 2: group must be a string, not a list",
			"line 3: environments must be a mapping (key: value), not a list",
			"line 4: apps must be a mapping (key: value), not empty",
			"line 5: hooks.pre must be a list, not a mapping",
			`line 5: hooks.post[0] must be a mapping (key: value), not "x"`,
			"line 6: start_timeout must be a duration such as 90s or 10m",
			`line 7: release_tasks must be a string; write "true"`,
		}},
		{"a number that is none", head + "history: many\n", []string{"line 4: history must be a whole number of at least 1"}},
		{"names that look like numbers", "version: 1\ngroup: shop\nenvironments:\n  2024: {}\n  dev: {}\napps:\n  a: {dev: 7}\n", []string{
			`line 4: a key of environments must be a string; write "2024"`,
			`line 7: apps.a.dev must be a string; write "7"`,
		}},
		{"environments", "version: 1\ngroup: shop\nenvironments:\n  dev: {from: []}\n  start:\n  prod: {from: [qa, dev, dev, prod]}\n  Prod: {}\n", []string{
			"line 4: from must name an environment; leave it out to allow any",
			"line 5: environments.start must be a mapping (key: value), not empty",
			`line 5: an environment may not be called "start": in a role the word says when its workers start`,
			`line 6: environment prod: from names "qa", which does not exist; the group has dev, start, prod, Prod`,
			"line 6: environment prod: from names dev twice",
			"line 6: environment prod cannot graduate from itself",
			`line 7: environment name "Prod" is not valid: use lower-case letters, digits, '-' and '.', beginning with a letter or a digit, at most 63 characters`,
		}},
		{"roles", head + "apps:\n  a: {dev: x, qa: y, start: later}\n  b:\n    prod: x\n", []string{
			"line 5: role a: start must be after-post or before-post",
			`line 5: role a: environment "qa" does not exist; the group has dev, prod`,
			"line 7: app x is already a in dev; an app has one place",
		}},
		{"no errors that follow from others", "version: 1\ngroup: shop\nenvironments: nothing\napps: {a: {dev: x}}\nhooks:\n  pre: [{name: y, app: a, run: [x]}]\n", []string{
			`line 3: environments must be a mapping (key: value), not "nothing"`,
		}},
		{"settings", head + "release_tasks: never\nstart_timeout: 10ms\nphase_timeout: 25h\nrun_timeout: 0.5s\nhistory: 1001\n", []string{
			`line 4: release tasks may be hold, before, skip, not "never"`,
			"line 5: start timeout must be between 1s and 24h, not 10ms",
			"line 6: phase timeout must be between 1s and 24h, not 25h",
			"line 7: run timeout must be between 1s and 24h, not 500ms",
			"line 8: history must be between 1 and 1000, not 1001",
		}},
	} {
		t.Run(c.name, func(t *testing.T) { requireLines(t, c.document, c.want) })
	}
}

func TestParseReportsErrorsOfHooksWithTheirLines(t *testing.T) {
	for _, c := range []struct {
		name, document string
		want           []string
	}{
		{"hooks", head + "hooks:\n  post:\n    - {name: a, app: nobody, run: []}\n    - {name: a, host: ../x, timeout: 0s}\n    - {name: b, host: x, run: [x]}\n    - {app: b}\n    - {name: c, host: x,\n       timeout: 48h}\n", []string{
			`line 6: hook post/a: role "nobody" does not exist; the group has none`,
			"line 6: hook post/a needs a command to run",
			"line 7: hooks.post[1].timeout must be a duration such as 90s or 10m",
			"line 7: hook post/a appears twice",
			`line 7: hook post/a: host script "../x" must be the plain name of a file in the hooks folder`,
			"line 8: hook post/b has both app or run and host; it is one or the other",
			"line 9: a post hook has no name",
			`line 9: a post hook: role "b" does not exist; the group has none`,
			"line 9: a post hook needs a command to run",
			"line 11: hook post/c: timeout must be between 1s and 24h, not 48h",
		}},
		{"a hook's condition", head + "hooks:\n  post:\n    - {name: a, host: a, when: {env: qa, changed: none}}\n    - {name: b, host: b, when: prod}\n", []string{
			`line 6: hook post/a: when names role "none", which does not exist; the group has none`,
			`line 6: hook post/a: when names environment "qa", which does not exist; the group has dev, prod`,
			`line 7: hooks.post[1].when must be a mapping (key: value), not "prod"`,
		}},
		{"a hook's process", head + "hooks:\n  post:\n    - {name: a, app: x, process: web, run: [x]}\n    - {name: b, host: b, process: web}\n    - {name: c, app: x, process: a b}\napps: {x: {dev: y}}\n", []string{
			"line 6: hook post/a has both run and process; it is one or the other",
			"line 7: hook post/b has both app or run and host; it is one or the other",
			`line 8: hook post/c: "a b" is no name of a process in a Procfile`,
		}},
		{"a metric", head + "apps: {x: {dev: y}}\nhooks:\n  live:\n    - {name: a, metric: {app: z, for: 25h, max_5xx: 1}}\n    - {name: b, metric: {app: x}}\n    - {name: c, metric: {app: x, max_5xx: 1%}, retries: 2}\n" +
			"  post:\n    - {name: d, metric: {app: x, max_5xx: 0.5%}}\n", []string{
			"line 7: hooks.live[0].metric.max_5xx must be a share such as 1% or 0.5%",
			`line 7: hook live/a: role "z" does not exist; the group has x`,
			"line 7: hook live/a: for must be between 1s and 24h, not 25h",
			"line 8: hooks.live[1].metric needs max_5xx, such as 1%",
			"line 9: hook live/c: a metric watches once, for its time; it has neither timeout nor retries",
			"line 11: hook post/d: only what is live answers; a metric is a live hook",
		}},
		{"a migration", head + "hooks:\n  post:\n    - {name: a, host: a, migrate: true, retries: 1, parallel: true, on_failure: warn}\n    - {name: b, host: b, reverses: a}\n" +
			"  live:\n    - {name: c, host: c, migrate: true}\n  abort:\n    - {name: d, host: d, reverses: b}\n    - {name: e, host: e, reverses: a}\n", []string{
			"line 6: hook post/a: a migration runs once; it has no retries",
			"line 6: hook post/a: a migration runs alone; it is not parallel",
			"line 6: hook post/a: a release does not go on without its migration; on_failure cannot be warn",
			"line 7: hook post/b: only an abort hook reverses a migration",
			"line 9: hook live/c: a migration may be a pre, post or rollback hook; an abort hook reverses one",
			`line 11: hook abort/d: reverses names "b", and there is no pre or post hook of that name with migrate: true`,
		}},
		{"an HTTP check", head + "apps: {x: {dev: y}}\nhooks:\n  post:\n    - {name: a, http: {app: z, path: health, status: 600, within: 25h, every: 10ms}}\n    - {name: b, http: {app: x, path: /}, host: b}\n    - {name: c, http: {app: x, path: /}, timeout: 5s}\n" +
			"  pre:\n    - {name: d, http: {app: x, path: /, colour: red}}\n", []string{
			`line 7: hook post/a: role "z" does not exist; the group has x`,
			`line 7: hook post/a: path must begin with / and have visible ASCII characters only, not "health"`,
			"line 7: hook post/a: status must be between 200 and 599, not 600",
			"line 7: hook post/a: within must be between 1s and 24h, not 25h",
			"line 7: hook post/a: every must be between 100ms and within, not 10ms",
			"line 8: hook post/b has http, and something else to run; it is one or the other",
			"line 9: hook post/c: an HTTP check has within, and no timeout",
			`line 11: unknown field "colour" in a hook's http; it may have app, path, status, contains, within, every`,
			"line 11: hook pre/d: there is nothing new to be asked then; an HTTP check may be a post, live or rollback hook",
		}},
		{"a hook with two apps", head + "apps: {x: {dev: y}, z: {dev: w}}\nhooks:\n  live:\n    - {name: a, app: x, http: {app: z, path: /}}\n    - {name: b, metric: {app: z, max_5xx: 1%}, app: x}\n    - {name: c, http: {app: z, path: /, status: 101}}\n", []string{
			"line 7: hooks.live[0] has app, and http or metric with an app of its own; it is one or the other",
			"line 8: hooks.live[1] has app, and http or metric with an app of its own; it is one or the other",
			"line 9: hook live/c: status must be between 200 and 599, not 101",
		}},
		{"a hook that is called as a task", head + "apps: {post: {dev: y}, web: {dev: w}}\nhooks:\n  post:\n    - {name: release, host: a}\n    - {name: smoke, host: a}\n  live:\n    - {name: release, host: a}\n", []string{
			"line 7: hook post/release would be taken for the release task of role post, as tasks are called ROLE/TASK; call it otherwise",
		}},
		{"a hook's failure", head + "hooks:\n  post:\n    - {name: a, host: a, retries: 21, on_failure: shrug}\n    - {name: b, host: b, retries: 0}\n  abort:\n    - {name: c, host: c, on_failure: warn}\n", []string{
			"line 6: hook post/a: retries must be between 1 and 20, not 21",
			`line 6: hook post/a: on_failure must be abort or warn, not "shrug"`,
			"line 7: hooks.post[1].retries must be a whole number of at least 1",
			"line 9: hook abort/c: the failure of such a hook never changes how the graduation goes on; on_failure means nothing there",
		}},
	} {
		t.Run(c.name, func(t *testing.T) { requireLines(t, c.document, c.want) })
	}
}

func TestParseReportsErrorsOfConnectionsAndIgnore(t *testing.T) {
	for _, c := range []struct {
		name, document string
		want           []string
	}{
		{"connections", head + "apps: {a: {dev: x}}\nconnections:\n  a: -3\n  b: 2\n", []string{
			"line 5: connections need a limit: how many there may be in all",
			"line 6: connections.a must be a whole number of at least 1",
			`line 7: connections: role "b" does not exist; the group has a`,
		}},
		{"a limit that is none", head + "connections: {limit: many}\n", []string{"line 4: connections.limit must be a whole number of at least 1"}},
		{"too many connections", head + "connections: {limit: 1000001}\n", []string{"line 4: connections: limit must be between 1 and 1000000, not 1000001"}},
		{"ignore", head + "apps: {a: {dev: x}}\nignore:\n  - a/config\n  - colours\n  - b/config:X\n  - a/config\n  - 'ports:'\n  - 'config:[a'\n  - 'config:a,b'\n", []string{
			`line 7: ignore "colours": kind "colours" does not exist; it may be config, domains, tls, ports, resources, docker-options, mounts, services, networks, proxy, checks, scheduler`,
			`line 8: ignore "b/config:X": role "b" does not exist; the group has a`,
			`line 9: ignore "a/config" appears twice`,
			`line 10: ignore "ports:" is not [ROLE/]KIND[:NAME], such as portal/config:DEBUG or domains`,
			`line 11: ignore "config:[a": the name may have * for any text, and no open [ or \ at its end`,
			`line 12: ignore "config:a,b" may have no comma and no control character; * stands for any text`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) { requireLines(t, c.document, c.want) })
	}
}

// requireLines makes sure that a document is refused with just these lines.
func requireLines(t *testing.T, document string, want []string) {
	t.Helper()
	g, err := Parse([]byte(document))
	require.Nil(t, g)
	require.Equal(t, want, lines(err))
	require.Equal(t, 1, graduate.ExitCode(err))
	require.Equal(t, graduate.Invalid, graduate.CodeOf(err))
}

// lines is an error as the lines that a person sees.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	var several *multierror.Error
	if !errors.As(err, &several) {
		return []string{err.Error()}
	}
	var out []string
	for _, each := range several.Errors {
		out = append(out, each.Error())
	}
	return out
}

// FuzzParse looks for a document that stops the parser, or that Format does not write back as it was understood.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/shop.yml", "testdata/shop.formatted.yml"} {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(head + "apps: &a {x: *a}\n"))
	f.Add([]byte(head + "hooks: {pre: [{name: a, app: b, run: [\"\\u0085\", '''']}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := Parse(data)
		if err != nil {
			for _, line := range lines(err) {
				require.Regexp(t, `^line [1-9]\d*: .`, line)
			}
			return
		}
		written := Format(g)
		back, err := Parse(written)
		require.NoError(t, err, "%s", written)
		require.Equal(t, g, back)
		require.True(t, bytes.Equal(written, Format(back)))
	})
}
