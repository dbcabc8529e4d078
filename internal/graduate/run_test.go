package graduate

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunKnowsItsApps(t *testing.T) {
	portal, mailer := &App{Role: "portal", Target: "portal"}, &App{Role: "mailer", Target: "mailer", Skip: "unchanged"}
	r := &Run{ID: "01j", Apps: []*App{mailer, portal}, Dir: "/data/runs/01j"}
	require.Equal(t, []*App{portal}, r.Active())
	require.Same(t, mailer, r.AppOf("mailer"))
	require.Nil(t, r.AppOf("webservices"))
	require.Equal(t, "graduate-01j", r.Tag())
	require.Equal(t, "/data/runs/01j/journal.jsonl", r.Journal())
}

func TestLogsHaveAFolder(t *testing.T) {
	r := &Run{Dir: "/data/runs/01j"}
	require.Equal(t, "/data/runs/01j/logs/portal.log", r.Log("portal"))
	require.Equal(t, "/data/runs/01j/logs/post/migrate.log", r.Log("post/migrate"))
	require.NotEqual(t, r.Log("post/migrate"), r.Log("post-migrate"), "the log of an app with that name")
}

func TestCandidatesHaveNamesAndAddresses(t *testing.T) {
	web := Candidate{Process: Web, Index: 2, IP: "172.17.0.3", Port: "5000"}
	require.Equal(t, "web.2", web.Name())
	require.Equal(t, "172.17.0.3:5000", web.Address())
	require.Equal(t, "172.17.0.4", Candidate{Process: "worker", IP: "172.17.0.4"}.Address())
}

func TestARunIsTheSameAfterItsJournal(t *testing.T) {
	r := &Run{
		ID: "01j", Group: "shop", From: "dev", To: "prod", User: "ann", Started: time.Unix(1760000000, 5).UTC(),
		Dir: "/d", Socket: "/s",
		Apps: []*App{{
			Role: "portal", Source: "portal-dev", Target: "portal", Image: "sha256:1", Revision: "abc", Before: "def",
			First: true, Start: StartBeforePost, Skip: "unchanged",
		}},
		Hooks: []Hook{
			{Kind: HookPost, Name: "migrate", Role: "portal", Command: []string{"a", `b "c"`}, Timeout: time.Minute},
			{Kind: HookPre, Name: "backup", Host: "backup-shop"},
		},
		Settings: Settings{ReleaseTasks: ReleaseTasksBefore, StartTimeout: time.Second},
	}
	data, err := json.Marshal(Event{Type: EventRun, Plan: r})
	require.NoError(t, err)
	var e Event
	require.NoError(t, json.Unmarshal(data, &e))
	require.Equal(t, r, e.Plan)
}
