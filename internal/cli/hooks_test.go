package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHooksFromAddToRemove(t *testing.T) {
	s := shopServer(t)
	require.Equal(t, "=====> Hooks of shop\n", s.ok("hooks:list", "shop"))
	require.Equal(t, "[]\n", s.ok("hooks:list", "shop", "--format", "json"))
	require.Equal(t, "=====> Group shop\n       hook post/smoke added\n", s.ok("hooks:add", "shop", "post", "smoke", "--host", "smoke"))
	s.ok("hooks:add", "shop", "post", "migrate", "--app", "portal", "--timeout", "90s", "--", "sh", "-c", "echo 'it''s' $X", "")
	s.ok("hooks:add", "shop", "pre", "smoke", "--host", "smoke")
	require.Equal(t, "=====> Group shop\n       unchanged\n", s.ok("hooks:add", "shop", "pre", "smoke", "--host", "smoke"))

	require.Equal(t, `=====> Hooks of shop
Kind  Name     Timeout  Runs
pre   smoke    10m      host script smoke
post  smoke    10m      host script smoke
post  migrate  1m30s    in portal: sh -c 'echo '\''it'\'''\''s'\'' $X' ''
`, s.ok("hooks:list", "shop"))
	require.JSONEq(t, `[{"kind":"pre","name":"smoke","host":"smoke","timeout":"10m"},
		{"kind":"post","name":"smoke","host":"smoke","timeout":"10m"},
		{"kind":"post","name":"migrate","app":"portal","run":["sh","-c","echo 'it''s' $X",""],"timeout":"1m30s"}]`,
		s.ok("hooks:list", "shop", "--format", "json"))
	s.quiet = true
	require.Equal(t, "       hook post/smoke removed\n", s.ok("hooks:remove", "shop", "post", "smoke"))
	require.Equal(t, "pre   smoke    10m    host script smoke\npost  migrate  1m30s  in portal: sh -c 'echo '\\''it'\\'''\\''s'\\'' $X' ''\n", s.ok("hooks:list", "shop"))
}

func TestAHooksConditionFromAddToRemove(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "smoke", "--host", "smoke", "--when-env", "prod", "--when-changed", "ws")
	require.Equal(t, "=====> Hooks of shop\nKind  Name   Timeout  Runs\npost  smoke  10m      host script smoke (only in prod, only where ws changes)\n", s.ok("hooks:list", "shop"))
	require.JSONEq(t, `[{"kind":"post","name":"smoke","host":"smoke","timeout":"10m","when":{"env":"prod","changed":"ws"}}]`, s.ok("hooks:list", "shop", "--format", "json"))
	require.Contains(t, s.ok("export", "shop"), "when: {changed: ws, env: prod}")
	s.fails([]string{"role ws decides whether hook post/smoke runs; remove the hook first: dokku graduate:hooks:remove shop post smoke"}, "remove", "shop", "ws")
	s.fails([]string{"hook post/smoke exists already; remove it first: dokku graduate:hooks:remove shop post smoke"}, "hooks:add", "shop", "post", "smoke", "--host", "smoke", "--when-env", "prod")
	s.fails([]string{`hook post/a: when names environment "qa", which does not exist; the group has dev, prod`}, "hooks:add", "shop", "post", "a", "--host", "smoke", "--when-env", "qa")
}

func TestAHooksFailureFromAddToRemove(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "smoke", "--host", "smoke", "--retries", "3", "--on-failure", "warn")
	require.Equal(t, "=====> Hooks of shop\nKind  Name   Timeout  Runs\npost  smoke  10m      host script smoke (retries: 3, a failure only warns)\n", s.ok("hooks:list", "shop"))
	require.JSONEq(t, `[{"kind":"post","name":"smoke","host":"smoke","timeout":"10m","retries":3,"on_failure":"warn"}]`, s.ok("hooks:list", "shop", "--format", "json"))
	require.Contains(t, s.ok("export", "shop"), "retries: 3, on_failure: warn")
	s.fails([]string{"hook post/a: retries must be between 1 and 20, not -1"}, "hooks:add", "shop", "post", "a", "--host", "smoke", "--retries", "-1")
	s.fails([]string{`--retries must be a whole number, not "often"`}, "hooks:add", "shop", "post", "a", "--host", "smoke", "--retries", "often")
	s.fails([]string{`hook post/a: on_failure must be abort or warn, not "shrug"`}, "hooks:add", "shop", "post", "a", "--host", "smoke", "--on-failure", "shrug")
}

func TestAHooksProcess(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "migrate", "--app", "portal", "--process", "migrate")
	require.Equal(t, "=====> Hooks of shop\nKind  Name     Timeout  Runs\npost  migrate  10m      in portal: the process migrate of the Procfile\n", s.ok("hooks:list", "shop"))
	require.Contains(t, s.ok("export", "shop"), "{name: migrate, app: portal, process: migrate}")
	for _, words := range [][]string{{"--process", "x"}, {"--process", "x", "--host", "smoke"}, {"--app", "portal", "--process", "x", "--", "y"}} {
		s.fails([]string{"--process needs --app <role>, and has no command beside it"}, "hooks:add", append([]string{"shop", "post", "a"}, words...)...)
	}
}

func TestAnHTTPCheckFromAddToExport(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "live", "up", "--app", "portal", "--http", "/health", "--contains", "ok", "--within", "1m", "--every", "2s")
	require.Equal(t, "=====> Hooks of shop\nKind  Name  Timeout  Runs\nlive  up    1m       asks portal: GET /health: 200 with \"ok\"\n", s.ok("hooks:list", "shop"))
	require.JSONEq(t, `[{"kind":"live","name":"up","app":"portal","timeout":"1m","http":{"path":"/health","status":200,"contains":"ok","every":"2s"}}]`, s.ok("hooks:list", "shop", "--format", "json"))
	require.Contains(t, s.ok("export", "shop"), "{name: up, http: {app: portal, path: /health, contains: ok, within: 1m, every: 2s}}")
	for _, words := range [][]string{{"--http", "/"}, {"--http", "/", "--host", "smoke"}, {"--http", "/", "--app", "portal", "--", "x"}} {
		s.fails([]string{"--http or --max-5xx needs --app <role>, and has neither a command nor --process nor --host beside it"}, "hooks:add", append([]string{"shop", "post", "a"}, words...)...)
	}
	s.fails([]string{"--status needs --http"}, "hooks:add", "shop", "post", "a", "--host", "smoke", "--status", "200")
	s.fails([]string{"hook post/a: an HTTP check has within, and no timeout"}, "hooks:add", "shop", "post", "a", "--app", "portal", "--http", "/", "--timeout", "5s")
}

func TestAMigrationFromAddToExport(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "migrate", "--app", "portal", "--migrate", "--", "migrate")
	s.ok("hooks:add", "shop", "abort", "undo", "--app", "portal", "--reverses", "migrate", "--", "rollback")
	require.Contains(t, s.ok("hooks:list", "shop"), "in portal: migrate (migration)\nabort  undo     10m      in portal: rollback (reverses migrate)\n")
	require.Contains(t, s.ok("export", "shop"), "run: [rollback], reverses: migrate}")
	s.fails([]string{`hook abort/undo: reverses names "migrate", and there is no pre or post hook of that name with migrate: true`}, "hooks:remove", "shop", "post", "migrate")
	s.fails([]string{`--migration must be undo or keep, not "drop"`}, "recover", "shop", "--migration", "drop")
	s.fails([]string{"--migration needs the group whose migration it is: dokku graduate:recover <group> --migration keep"}, "recover", "--migration", "keep")
}

func TestAMetricFromAddToExport(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "live", "errors", "--app", "portal", "--max-5xx", "0.5%", "--for", "1m")
	require.Contains(t, s.ok("hooks:list", "shop"), "live  errors  1m       watches portal: at most 0.5% 5xx\n")
	require.JSONEq(t, `[{"kind":"live","name":"errors","app":"portal","timeout":"1m","metric":{"max_5xx":"0.5%"}}]`, s.ok("hooks:list", "shop", "--format", "json"))
	require.Contains(t, s.ok("export", "shop"), "{name: errors, metric: {app: portal, for: 1m, max_5xx: 0.5%}}")
	s.fails([]string{`--max-5xx must be a share such as 1% or 0.5%, not "few"`}, "hooks:add", "shop", "live", "a", "--app", "portal", "--max-5xx", "few")
	s.fails([]string{"--for needs --max-5xx"}, "hooks:add", "shop", "live", "a", "--app", "portal", "--for", "5s", "--", "x")
	s.fails([]string{"a hook has --http or --max-5xx, not both"}, "hooks:add", "shop", "live", "a", "--app", "portal", "--max-5xx", "1%", "--http", "/")
}

func TestHooksRefuse(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "migrate", "--app", "portal", "--", "true")
	for _, c := range []struct {
		name  string
		words []string
		want  []string
	}{
		{"nothing to run", []string{"post", "a"}, []string{"a hook needs --app <role> and a command after --, or --host <file>"}},
		{"both", []string{"post", "a", "--app", "portal", "--host", "smoke", "--", "x"}, []string{"a hook has --app or --host, not both"}},
		{"no command", []string{"post", "a", "--app", "portal"}, []string{"a hook with --app needs a command after --, such as: -- bin/rails db:migrate"}},
		{"an empty command", []string{"post", "a", "--app", "portal", "--"}, []string{"a hook with --app needs a command after --, such as: -- bin/rails db:migrate"}},
		{"a command for a script", []string{"post", "a", "--host", "smoke", "--", "x"}, []string{"a host script takes no command after --; it finds what it needs in its environment"}},
		{"an unknown kind", []string{"during", "a", "--app", "portal", "--", "x"}, []string{`hook a: kind "during" does not exist; it may be pre, post, live, abort, rollback, finally`}},
		{"an unknown role", []string{"post", "a", "--app", "none", "--", "x"}, []string{`hook post/a: role "none" does not exist; the group has portal, ws`}},
		{"a time-out that is none", []string{"post", "a", "--host", "smoke", "--timeout", "soon"}, []string{`--timeout must be a duration such as 90s or 10m, not "soon"`}},
		{"a time-out of nothing", []string{"post", "a", "--host", "smoke", "--timeout", "0s"}, []string{`--timeout must be a duration such as 90s or 10m, not "0s"`}},
		{"a missing script", []string{"post", "a", "--host", "other"}, []string{"host script other does not exist: the server's administrator puts it into " + s.hooks}},
		{"a path", []string{"post", "a", "--host", "/bin/sh"}, []string{`host script "/bin/sh" must be the plain name of a file in the hooks folder`}},
		{"the name of another", []string{"post", "migrate", "--app", "portal", "--", "false"}, []string{"hook post/migrate exists already; remove it first: dokku graduate:hooks:remove shop post migrate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.fails(c.want, "hooks:add", append([]string{"shop"}, c.words...)...)
		})
	}
	s.fails([]string{"group shop has no hook pre/migrate; it has: post/migrate"}, "hooks:remove", "shop", "pre", "migrate")
	s.fails([]string{"group none does not exist; the groups are: shop"}, "hooks:list", "none")
}
