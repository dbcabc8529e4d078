package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestAGroupFromCreateToDestroy(t *testing.T) {
	s := newServer(t, "portal-dev", "portal", "ws-dev", "ws")
	require.Equal(t, "=====> Groups\n", s.ok("list"))
	require.Equal(t, "[]\n", s.ok("list", "--format", "json"))
	require.Equal(t, "-----> Group shop created with the environments dev, prod\n", s.ok("create", "shop", "dev", "prod"))
	require.Equal(t, "=====> Group shop\n       role portal added\n", s.ok("add", "shop", "portal", "dev=portal-dev", "prod=portal"))
	require.Equal(t, "=====> Group shop\n       unchanged\n", s.ok("add", "shop", "portal", "dev=portal-dev"))
	require.Equal(t, "=====> Group shop\n       role ws added\n", s.ok("add", "shop", "ws", "prod=ws", "--start", "before-post"))
	require.Equal(t, "=====> Group shop\n       role ws changed: dev=ws-dev added\n", s.ok("add", "shop", "ws", "dev=ws-dev"))
	require.Equal(t, "=====> Group shop\n       role ws changed: start after-post (was before-post)\n", s.ok("add", "shop", "ws", "dev=ws-dev", "--start", "after-post"))
	require.Equal(t, "=====> Groups\nshop\n", s.ok("list"))
	require.Equal(t, "[\"shop\"]\n", s.ok("list", "--format", "json"))
	require.Equal(t, "=====> Group shop\n       role ws removed\n", s.ok("remove", "shop", "ws"))

	s.quiet = true
	require.Equal(t, "shop\n", s.ok("list"))
	require.Empty(t, s.ok("create", "blog", "dev", "prod"))
	require.Empty(t, s.ok("destroy", "blog", "--force"))
	require.Equal(t, "       role ws added\n", s.ok("add", "shop", "ws", "dev=ws-dev"))
}

func TestCreateAddAndRemoveRefuse(t *testing.T) {
	s := shopServer(t)
	s.ok("create", "blog", "dev", "prod")
	s.ok("hooks:add", "shop", "post", "migrate", "--app", "portal", "--", "true")
	before := s.ok("export", "shop")
	for _, c := range []struct {
		name  string
		words []string
		want  []string
	}{
		{"a second group of the name", []string{"create", "shop", "a", "b"}, []string{"group shop exists already; dokku graduate:report shop shows it"}},
		{"all that is wrong at once", []string{"create", "shop2", "start", "dev", "dev"}, []string{
			`an environment may not be called "start": in a role the word says when its workers start`,
			"environment dev appears twice",
		}},
		{"an unknown group", []string{"add", "none", "a", "dev=mailer"}, []string{"group none does not exist; the groups are: blog, shop"}},
		{"missing apps", []string{"add", "shop", "new", "dev=no-one", "prod=nobody"}, []string{
			"app no-one does not exist; make it with: dokku apps:create no-one",
			"app nobody does not exist; make it with: dokku apps:create nobody",
		}},
		{"an app's name that is a path", []string{"add", "shop", "new", "dev=../x"}, []string{`app name "../x" is not valid: use lower-case letters, digits, '-' and '.', beginning with a letter or a digit, at most 63 characters`}},
		{"no pair", []string{"add", "shop", "new", "portal"}, []string{`"portal" is not <env>=<app>, such as prod=portal`}},
		{"twice the same environment", []string{"add", "shop", "new", "dev=mailer", "dev=ws"}, []string{"environment dev is given twice"}},
		{"an unknown environment", []string{"add", "shop", "new", "qa=mailer"}, []string{`role new: environment "qa" does not exist; the group has dev, prod`}},
		{"another start", []string{"add", "shop", "new", "dev=mailer", "--start", "never"}, []string{"role new: start must be after-post or before-post"}},
		{"a place that is taken", []string{"add", "shop", "portal", "dev=mailer"}, []string{
			"portal in dev of shop is portal-dev already; change it with graduate:apply, or remove the role first: dokku graduate:remove shop portal"}},
		{"an app of the same group", []string{"add", "shop", "new", "dev=portal"}, []string{"app portal is already portal in prod; an app has one place"}},
		{"an app of another group", []string{"add", "blog", "new", "dev=portal"}, []string{"app portal is already portal in prod of shop; an app has one place"}},
		{"an unknown role", []string{"remove", "shop", "none"}, []string{"group shop has no role none; it has: portal, ws"}},
		{"a role with hooks", []string{"remove", "shop", "portal"}, []string{
			"role portal is what hook post/migrate runs in; remove the hook first: dokku graduate:hooks:remove shop post migrate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.fails(c.want, c.words[0], c.words[1:]...)
			require.Equal(t, before, s.ok("export", "shop"))
		})
	}
}

func TestDestroyAsksAsDokkuDoes(t *testing.T) {
	const question = " !     WARNING: Potentially Destructive Action\n !     This command will destroy group shop.\n !     To proceed, type \"shop\"\n"
	s := shopServer(t)
	for _, answer := range []string{"", "no\n", "shopping\n"} {
		s.stdin = answer
		code, out, err := s.run("destroy", "shop")
		require.Equal(t, 1, code)
		require.Equal(t, "> ", out)
		require.Equal(t, question+" !     Confirmation did not match test. Aborted.\n", err)
	}
	s.ok("export", "shop")
	s.stdin = "shop\n"
	code, out, err := s.run("destroy", "shop")
	require.Equal(t, 0, code)
	require.Equal(t, "> -----> Group shop destroyed\n", out)
	require.Equal(t, question, err)
	s.fails([]string{"group shop does not exist; the groups are: none"}, "destroy", "shop")
}

func TestDestroyByForce(t *testing.T) {
	s := shopServer(t)
	s.stdin = "no\n"
	s.ok("destroy", "-f", "shop")
	s.ok("create", "shop", "dev", "prod")
	t.Setenv("DOKKU_APPS_FORCE_DELETE", "1") // dokku --force graduate:destroy shop
	s.ok("destroy", "shop")
	require.NoError(t, os.WriteFile(filepath.Join(os.Getenv("DOKKU_LIB_ROOT"), "data/graduate/groups/bad.yml"), []byte("{"), 0o600))
	s.ok("destroy", "bad")
	require.Equal(t, "=====> Groups\n", s.ok("list"))
}

func TestDestroyWaitsForNoGraduation(t *testing.T) {
	s := shopServer(t)
	lock, err := lockGroup(t.Context(), (&Call{Host: hostOf(t)}).Host, "shop", &patience{})
	require.NoError(t, err)
	defer lock.Close()
	s.fails([]string{"group shop is being graduated already: await it with dokku graduate:status shop, or dokku graduate:abort --group shop"}, "destroy", "shop", "--force")
	s.ok("export", "shop")
}

func TestSetConnectionsAndIgnore(t *testing.T) {
	s := shopServer(t)
	require.Equal(t, "=====> Setting connections to ws=2,limit=25 portal=10\n", s.ok("set", "shop", "connections", "ws=2,limit=25 portal=10"))
	require.Equal(t, "limit=25 portal=10 ws=2\n", s.ok("report", "shop", "--graduate-connections"))
	s.ok("set", "shop", "ignore", "config:DEBUG, ws/mounts,")
	require.Equal(t, "config:DEBUG,ws/mounts\n", s.ok("report", "shop", "--graduate-ignore"))
	require.Contains(t, s.ok("export", "shop"), "connections: {limit: 25, portal: 10, ws: 2}\nignore:\n  - config:DEBUG\n  - ws/mounts\n")

	for value, want := range map[string]string{
		"portal=10":              "connections need a limit: how many there may be in all",
		"limit=25 nobody=3":      `connections: role "nobody" does not exist; the group has portal, ws`,
		"limit=25 portal=-1":     `connections: portal must be a whole number of at least 1, not "-1"`,
		"limit=many":             `connections: limit must be a whole number of at least 1, not "many"`,
		"limit=25 portal":        `connections: "portal" is not limit=NUMBER or ROLE=NUMBER, such as portal=10`,
		"limit=25 limit=26":      "connections: limit is given twice",
		"limit=25 ws=2000000000": "connections: ws must be between 1 and 1000000, not 2000000000",
		",":                      "connections need a limit: how many there may be in all",
	} {
		s.fails([]string{want}, "set", "shop", "connections", value)
	}
	s.fails([]string{`ignore "nobody/config": role "nobody" does not exist; the group has portal, ws`}, "set", "shop", "ignore", "config,nobody/config")
	s.fails([]string{`ignore "config" appears twice`}, "set", "shop", "ignore", "config,config")
	require.Equal(t, "config:DEBUG,ws/mounts\n", s.ok("report", "shop", "--graduate-ignore"), "nothing is stored of what is refused")

	s.ok("remove", "shop", "ws")
	require.Contains(t, s.ok("export", "shop"), "connections: {limit: 25, portal: 10}\nignore:\n  - config:DEBUG\n")
	s.ok("set", "shop", "ignore", "")
	s.ok("set", "shop", "connections")
	require.NotRegexp(t, "connections|ignore", s.ok("export", "shop"))
}

func TestSet(t *testing.T) {
	s := shopServer(t)
	require.Equal(t, "=====> Setting release-tasks to before\n", s.ok("set", "shop", "release-tasks", "before"))
	require.Equal(t, "=====> Setting start-timeout to 15m\n", s.ok("set", "shop", "start-timeout", "15m"))
	require.Equal(t, "before\n", s.ok("report", "shop", "--graduate-release-tasks"))
	require.Equal(t, "15m\n", s.ok("report", "shop", "--graduate-computed-start-timeout"))
	require.Equal(t, "=====> Unsetting start-timeout\n", s.ok("set", "shop", "start-timeout"))
	require.Equal(t, "=====> Unsetting release-tasks\n", s.ok("set", "shop", "release-tasks", ""))
	require.Equal(t, "\n", s.ok("report", "shop", "--graduate-start-timeout"))
	require.Equal(t, "10m\n", s.ok("report", "shop", "--graduate-computed-start-timeout"))

	s.fails([]string{`Invalid property "color" specified, valid properties include: connections, history, ignore, keep, phase-timeout, quiesce, release-tasks, reversible, run-timeout, start-timeout`}, "set", "shop", "color", "red")
	s.ok("set", "shop", "history", "3")
	s.ok("set", "shop", "phase-timeout", "4m")
	s.ok("set", "shop", "run-timeout", "1h")
	require.Equal(t, "3\n", s.ok("report", "shop", "--graduate-computed-history"))
	require.Equal(t, "4m\n", s.ok("report", "shop", "--graduate-phase-timeout"))
	require.Equal(t, "1h\n", s.ok("report", "shop", "--graduate-computed-run-timeout"))
	require.Contains(t, s.ok("export", "shop"), "phase_timeout: 4m\nrun_timeout: 1h\nhistory: 3\n")
	s.fails([]string{`history must be a whole number of at least 1, not "none"`}, "set", "shop", "history", "none")
	s.fails([]string{`history must be a whole number of at least 1, not "0"`}, "set", "shop", "history", "0")
	s.fails([]string{"history must be between 1 and 1000, not 1001"}, "set", "shop", "history", "1001")
	s.fails([]string{`phase-timeout must be a duration such as 90s or 10m, not "soon"`}, "set", "shop", "phase-timeout", "soon")
	s.fails([]string{"run timeout must be between 1s and 24h, not 100h"}, "set", "shop", "run-timeout", "100h")

	s.fails([]string{`release-tasks may be hold, before, skip, not "never"`}, "set", "shop", "release-tasks", "never")
	s.fails([]string{`start-timeout must be a duration such as 90s or 10m, not "600"`}, "set", "shop", "start-timeout", "600")
	s.fails([]string{"start timeout must be between 1s and 24h, not 25h"}, "set", "shop", "start-timeout", "25h")
	s.fails([]string{"group none does not exist; the groups are: shop"}, "set", "none", "release-tasks", "hold")
}

func TestSetQuiesce(t *testing.T) {
	s := shopServer(t)
	s.ok("set", "shop", "quiesce", "max_wait=20s,workers=leave")
	require.Equal(t, "during=post max_wait=20s workers=leave\n", s.ok("report", "shop", "--graduate-quiesce"))
	require.Contains(t, s.ok("export", "shop"), "quiesce: {during: post, max_wait: 20s, workers: leave}\n")
	s.fails([]string{"quiesce: max_wait must be between 1s and 1h, not 3h"}, "set", "shop", "quiesce", "max_wait=3h")
	s.ok("set", "shop", "quiesce")
	require.NotContains(t, s.ok("export", "shop"), "quiesce")
	s.fails([]string{"--quiesce and --no-quiesce are given both"}, "run", "dev", "prod", "--quiesce", "--no-quiesce")
}

func TestARunIsQuiescedAsItIsAskedFor(t *testing.T) {
	yes, no := true, false
	set := &graduate.Quiesce{During: graduate.QuiescePost, Workers: graduate.WorkersLeave}
	for _, c := range []struct {
		ask       *bool
		set, want *graduate.Quiesce
	}{
		{nil, nil, nil}, {nil, set, set}, {&yes, set, set}, {&no, set, nil}, {&no, nil, nil},
		{&yes, nil, &graduate.Quiesce{During: graduate.QuiescePost}},
	} {
		g := &graduate.Group{Settings: graduate.Settings{Quiesce: c.set}}
		RunOptions{Quiesce: c.ask}.quiesced(g)
		require.Equal(t, c.want, g.Settings.Quiesce)
	}
}
