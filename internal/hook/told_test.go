package hook

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// live gives every app one live container.
func live(app string) []string { return []string{app + ":80"} }

func TestWhichAddressesAHookIsTold(t *testing.T) {
	r := &graduate.Run{Apps: []*graduate.App{{Role: "site", Target: "portal"}, {Role: "api", Target: "ws", Skip: "unchanged"}}}
	candidate := graduate.Candidate{App: "portal", Process: "web", IP: "172.17.0.2", Port: "5000"}
	for _, c := range []struct {
		kind                    graduate.HookKind
		held                    []graduate.Candidate
		released                bool
		site, siteOld, api, old string
	}{
		{graduate.HookPre, nil, false, "", "http://portal:80", "http://ws:80", "http://ws:80"},
		{graduate.HookPost, []graduate.Candidate{candidate}, false, "http://172.17.0.2:5000", "http://portal:80", "http://ws:80", "http://ws:80"},
		// postdeploy tasks: of other apps it is not known how far they are, and of this one what was live is gone
		{graduate.HookPost, []graduate.Candidate{candidate}, true, "http://172.17.0.2:5000", "", "http://ws:80", ""},
		{graduate.HookPost, nil, true, "http://portal:80", "", "http://ws:80", ""},
		{graduate.HookAbort, nil, false, "", "http://portal:80", "http://ws:80", "http://ws:80"},
		{graduate.HookLive, nil, false, "http://portal:80", "", "http://ws:80", ""},
		{graduate.HookFinally, nil, false, "http://portal:80", "", "http://ws:80", ""},
	} {
		told := tell(r, graduate.Hook{Kind: c.kind}, graduate.Situation{Held: c.held, Released: c.released}, live)
		require.Equal(t, c.site, strings.Join(told.Apps[0].URLs, " "), c.kind)
		require.Equal(t, c.siteOld, strings.Join(told.Apps[0].OldURLs, " "), c.kind)
		require.Equal(t, c.api, strings.Join(told.Apps[1].URLs, " "), "it stays: %s", c.kind)
		require.Equal(t, c.old, strings.Join(told.Apps[1].OldURLs, " "), c.kind)
		env := strings.Join(told.environment("x"), "\n")
		require.Equal(t, c.siteOld != "", strings.Contains(env, "GRADUATE_SITE_OLD_URL="+c.siteOld), c.kind)
	}
}

func TestTheContextFileSaysTheSame(t *testing.T) {
	f := newFixture(t)
	f.Live = live
	f.run.Kind, f.run.User = graduate.KindRollback, "alice"
	h := graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal", Command: []string{"true"}}
	require.NoError(t, f.start(h))
	info, err := os.Stat(f.run.HookContext("post/smoke"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "the user of a container is not known")
	data, err := os.ReadFile(f.run.HookContext("post/smoke"))
	require.NoError(t, err)
	require.JSONEq(t, `{"version": 1, "id": "01j", "kind": "rollback", "group": "shop", "from": "dev", "to": "prod", "user": "alice",
		"started_at": "0001-01-01T00:00:00Z", "phase": "post", "hook": "smoke", "apps": [
			{"role": "portal", "app": "portal-prod", "source": "portal-dev", "from_rev": "def", "to_rev": "abc", "image": "sha256:new",
				"urls": ["http://172.17.0.2:5000", "http://172.17.0.3:5000"], "old_urls": ["http://portal-prod:80"]},
			{"role": "web.api-2", "app": "ws", "source": "", "skipped": "unchanged", "from_rev": "", "to_rev": "", "image": "",
				"urls": ["http://ws:80"], "old_urls": ["http://ws:80"]}]}`, string(data))
	var told told
	require.NoError(t, json.Unmarshal(data, &told))

	require.NoError(t, f.start(f.script(`cat "$GRADUATE_CONTEXT"`)))
	require.Equal(t, string(data), f.log())
	require.NoError(t, f.Task(t.Context(), f.run, f.run.Apps[0], graduate.Task{Name: "release", Command: []string{"true"}}, graduate.Situation{Held: candidates()}))
	require.FileExists(t, f.run.HookContext("portal/release"))
	require.Contains(t, f.containers.ran[1], " GRADUATE_PORTAL_URL=http://172.17.0.2:5000 ")
}
