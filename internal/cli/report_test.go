package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
)

// hostOf is the host that the environment describes.
func hostOf(t *testing.T) *dokku.Host {
	t.Helper()
	return dokku.FromEnv()
}

func TestReportLooksLikeDokkus(t *testing.T) {
	s := shopServer(t)
	s.ok("hooks:add", "shop", "post", "smoke", "--host", "smoke")
	require.Equal(t, `=====> shop graduate information
       Graduate apps dev:               portal=portal-dev ws=ws-dev
       Graduate apps prod:              portal=portal ws=ws
       Graduate computed history:       20
       Graduate computed keep:          5
       Graduate computed release tasks: hold
       Graduate computed run timeout:   2h
       Graduate computed start timeout: 10m
       Graduate connections:
       Graduate environments:           dev prod
       Graduate from dev:               any
       Graduate from prod:              any
       Graduate held dev:
       Graduate held prod:
       Graduate hooks abort:
       Graduate hooks finally:
       Graduate hooks live:
       Graduate hooks post:             smoke
       Graduate hooks pre:
       Graduate hooks rollback:
       Graduate ignore:
       Graduate keep:
       Graduate phase timeout:
       Graduate quiesce:
       Graduate release tasks:
       Graduate reversible:             false
       Graduate roles:                  portal ws
       Graduate run timeout:
       Graduate start before post:
       Graduate start timeout:
`, s.ok("report", "shop"))
	require.JSONEq(t, `{"group": "shop", "apps-dev": "portal=portal-dev ws=ws-dev", "apps-prod": "portal=portal ws=ws",
		"computed-history": "20", "connections": "", "ignore": "", "computed-run-timeout": "2h", "phase-timeout": "", "run-timeout": "", "computed-keep": "5", "held-dev": "", "held-prod": "", "keep": "", "reversible": "false", "hooks-rollback": "", "computed-release-tasks": "hold", "computed-start-timeout": "10m", "environments": "dev prod", "from-dev": "any", "from-prod": "any",
		"hooks-finally": "", "hooks-abort": "", "hooks-live": "", "hooks-post": "smoke", "hooks-pre": "", "quiesce": "", "release-tasks": "", "roles": "portal ws",
		"start-before-post": "", "start-timeout": ""}`, s.ok("report", "shop", "--format", "json"))
	require.Equal(t, "dev prod\n", s.ok("report", "shop", "--graduate-environments"))
}

func TestReportRefuses(t *testing.T) {
	s := shopServer(t)
	s.fails([]string{"graduate:report command allows only a single flag"}, "report", "shop", "--graduate-roles", "--graduate-environments")
	s.fails([]string{"--format flag cannot be specified when specifying an info flag"}, "report", "shop", "--graduate-roles", "--format", "json")
	code, _, err := s.run("report", "shop", "--graduate-color")
	require.Equal(t, 1, code)
	require.Contains(t, err, " !     Invalid flag passed, valid flags: --graduate-apps-dev, --graduate-apps-prod, --graduate-computed-")
	s.fails([]string{"group none does not exist; the groups are: shop"}, "report", "none")
}

func TestReportOfAllGroupsNamesTheDamagedOne(t *testing.T) {
	s := shopServer(t)
	require.NoError(t, os.WriteFile(filepath.Join(os.Getenv("DOKKU_LIB_ROOT"), "data/graduate/groups/bad.yml"), []byte("group: bad\n"), 0o600))
	s.ok("create", "wiki", "dev", "prod")
	s.quiet = true
	code, out, err := s.run("report", "--graduate-environments")
	require.Equal(t, 1, code)
	require.Equal(t, "dev prod\ndev prod\n", out)
	require.Contains(t, err, " !     group bad is damaged, in "+os.Getenv("DOKKU_LIB_ROOT")+"/data/graduate/groups/bad.yml: line 1: ")
	require.Equal(t, "=====> Groups\nbad\nshop\nwiki\n", func() string { s.quiet = false; return s.ok("list") }())
}
