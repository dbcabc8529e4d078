package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// tenth of November 2026, when the runs of these tests began.
var began = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

// made makes the folder of a run of group shop into prod: n orders them, and the journal has these events too.
// Its record is that of its end, or of its beginning where there is none.
func made(t *testing.T, n int, events ...graduate.Event) *graduate.Run {
	t.Helper()
	return madeWith(t, n, nil, events...)
}

// madeWith is made for a run with hooks.
func madeWith(t *testing.T, n int, hooks []graduate.Hook, events ...graduate.Event) *graduate.Run {
	t.Helper()
	id := ulid.ULID{}
	require.NoError(t, id.SetTime(ulid.Timestamp(began.Add(time.Duration(n)*time.Hour))))
	host := hostOf(t)
	name := strings.ToLower(id.String())
	r := &graduate.Run{
		ID: name, Group: "shop", From: "dev", To: "prod", User: "ann", Dir: host.RunDir(name), Started: began.Add(time.Duration(n) * time.Hour),
		Apps: []*graduate.App{{Role: "site", Source: "portal-dev", Target: "portal"}}, Hooks: hooks,
	}
	require.NoError(t, os.MkdirAll(filepath.Join(r.Dir, "logs"), 0o700))
	w, err := journal.Create(r.Journal())
	require.NoError(t, err)
	all := append([]graduate.Event{{Type: graduate.EventRun, Plan: r}}, events...)
	for i, e := range all {
		e.Version, e.Group, e.Run, e.Time = graduate.EventVersion, r.Group, r.ID, r.Started.Add(time.Duration(i)*time.Minute)
		require.NoError(t, w.Append(e))
		all[i] = e
	}
	require.NoError(t, w.Close())
	require.NoError(t, journal.WriteRecord(r.Record(), graduate.RecordOf(graduate.Tell(all), true)))
	return r
}

func state(s graduate.State) graduate.Event {
	return graduate.Event{Type: graduate.EventState, State: string(s)}
}

func outcome(name string, code int, message string) graduate.Event {
	return graduate.Event{Type: graduate.EventOutcome, State: name, Code: code, Message: message}
}

func TestHistoryListsTheNewestFirst(t *testing.T) {
	s := shopServer(t)
	live := made(t, 1, state(graduate.Release), outcome(graduate.OutcomeLive, 0, ""))
	aborted := made(t, 2, state(graduate.Post), outcome(graduate.OutcomeAborted, 2, "shop was not released"))
	dead := made(t, 3, state(graduate.Hold))
	running := made(t, 4, state(graduate.Hold))
	lock, err := hostOf(t).LockRun(running.ID)
	require.NoError(t, err)
	defer lock.Close()
	want := "=====> Graduations\n" +
		"ID                          Group  From  To    By   Started               Took  Status\n" +
		running.ID + "  shop   dev   prod  ann  2026-11-10T16:00:00Z  -     running\n" +
		dead.ID + "  shop   dev   prod  ann  2026-11-10T15:00:00Z  -     abandoned\n" +
		aborted.ID + "  shop   dev   prod  ann  2026-11-10T14:00:00Z  2m0s  aborted\n" +
		live.ID + "  shop   dev   prod  ann  2026-11-10T13:00:00Z  2m0s  live\n"
	require.Equal(t, want, s.ok("history", "shop"))
	require.Equal(t, want, s.ok("history", "--env", "prod"))
	require.NotContains(t, s.ok("history", "shop", "--env", "dev"), "ann")
	s.fails([]string{"group other does not exist; the groups are: shop"}, "history", "other")

	lines := strings.Split(strings.TrimSpace(s.ok("history", "shop", "--format", "json")), "\n")
	require.Len(t, lines, 4)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[2]), &got))
	require.Equal(t, map[string]any{
		"id": aborted.ID, "kind": "graduate", "group": "shop", "from": "dev", "to": "prod", "user": "ann", "pid": 0.0, "status": "aborted",
		"started_at": "2026-11-10T14:00:00Z", "finished_at": "2026-11-10T14:02:00Z", "seconds": 120.0, "exit_code": 2.0, "failure": "shop was not released",
	}, got)
	stored, err := journal.ReadRecord(dead.Record())
	require.NoError(t, err)
	require.Equal(t, graduate.StatusRunning, stored.Status, "abandoned is never stored")
}

// The machine stopped between the journal's last record and record.json, or its disk was full.
func TestTheJournalIsRightWhereTheRecordIsOld(t *testing.T) {
	s := shopServer(t)
	r := made(t, 1, state(graduate.Release), outcome(graduate.OutcomeLive, 0, ""))
	require.NoError(t, journal.WriteRecord(r.Record(), graduate.RecordOf(graduate.History{Run: r}, true)))
	require.Contains(t, s.ok("history"), " live\n")
	require.NoError(t, os.WriteFile(r.Record(), []byte("{"), 0o600))
	require.Contains(t, s.ok("history"), " live\n")
	require.NoError(t, os.Remove(r.Record()))
	require.Contains(t, s.ok("history"), " live\n")
}

func TestOutputIsWhatTheRunSaid(t *testing.T) {
	s := shopServer(t)
	log := filepath.Join(t.TempDir(), "migrate.log")
	require.NoError(t, os.WriteFile(log, []byte("== AddOrders\nPG::LockNotAvailable\n"), 0o600))
	made(t, 1, outcome(graduate.OutcomeAborted, 2, "another one"))
	r := made(t, 2, state(graduate.Post),
		graduate.Event{Type: graduate.EventHook, State: graduate.HookStarted, Hook: "post/migrate", Log: log},
		graduate.Event{Type: graduate.EventHook, State: graduate.HookFailed, Hook: "post/migrate", Log: log, Message: "it ended with exit code 7"},
		state(graduate.Aborting), outcome(graduate.OutcomeAborted, 2, "shop was not released to prod"))
	want := "=====> Graduating shop from dev to prod (" + r.ID + ")\n" +
		"-----> All are held: nothing is live, nothing is unchecked\n" +
		"-----> Hook post/migrate\n" +
		"       post/migrate | == AddOrders\n" +
		"       post/migrate | PG::LockNotAvailable\n" +
		"       post/migrate failed: it ended with exit code 7\n" +
		"=====> Aborting: putting prod back as it was\n" +
		" !     shop was not released to prod\n"
	require.Equal(t, want, s.ok("output", r.ID))
	require.Equal(t, want, s.ok("output"), "the last one")
	s.fails([]string{"there is no graduation ../etc; dokku graduate:history lists those that are kept"}, "output", "../etc")
}

func TestTheOldestEndedRunsAreRemoved(t *testing.T) {
	server := shopServer(t)
	host := hostOf(t)
	live := func(n int) *graduate.Run { return made(t, n, outcome(graduate.OutcomeLive, 0, "")) }
	left := func(n int) *graduate.Run {
		return made(t, n, state(graduate.Release), state(graduate.Finish),
			graduate.Event{Type: graduate.EventFailure, State: string(graduate.Finish), Message: "busy"}, outcome(graduate.OutcomeLive, 0, ""))
	}
	old := []*graduate.Run{live(1), live(2)}
	stays := []*graduate.Run{
		made(t, 3, state(graduate.Hold)),                               // abandoned
		made(t, 4, outcome(graduate.OutcomeNeedsPerson, 4, "mend it")), // for a person
		made(t, 5, outcome(graduate.OutcomeLive, 0, "")),               // taken up again
		live(6), made(t, 7, outcome(graduate.OutcomeAborted, 2, "why")), // the newest two that have ended
	}
	retried := left(0) // its clean-up is tried again
	stays = append([]*graduate.Run{retried}, stays...)
	lock, err := host.LockRun(stays[3].ID)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, os.Mkdir(host.RunDir("cut-off")+gone, 0o700)) // by a process that was killed in its midst

	require.NoError(t, prune(host, "another", "", 1, nil))
	require.Len(t, host.RunIDs(), 8)
	own, err := host.LockRun(stays[5].ID) // the process that removes the others still has its own lock
	require.NoError(t, err)
	defer own.Close()
	require.NoError(t, prune(host, "shop", stays[5].ID, 2, nil))
	var want []string
	for _, r := range stays {
		want = append(want, r.ID)
	}
	require.Equal(t, want, host.RunIDs())
	for _, r := range old {
		require.NoDirExists(t, r.Dir)
	}
	entries, err := os.ReadDir(filepath.Dir(old[0].Dir))
	require.NoError(t, err)
	require.Len(t, entries, len(stays), "nothing else is left")

	require.NoError(t, os.Remove(filepath.Join(server.root, "portal"))) // destroyed: there is nothing to clean up
	require.NoError(t, prune(host, "shop", stays[5].ID, 2, nil))
	require.NoDirExists(t, retried.Dir)
}

func TestALeftCleanUpOfAGroupThatIsGoneIsNotWaitedFor(t *testing.T) {
	s := shopServer(t)
	host := hostOf(t)
	r := made(t, 1, state(graduate.Finish), graduate.Event{Type: graduate.EventFailure, State: string(graduate.Finish), Message: "busy"}, outcome(graduate.OutcomeLive, 0, ""))
	require.NoError(t, prune(host, "shop", "", 0, nil))
	require.DirExists(t, r.Dir)
	s.ok("destroy", "shop", "--force")
	require.NoError(t, prune(host, "shop", "", 0, nil))
	require.NoDirExists(t, r.Dir)
}

// A clock that goes backwards must not make a new run older than the last one: recovery and rollback go by the order.
func TestAnIDSortsAfterAllOthersWhateverTheClockSays(t *testing.T) {
	last := newID(nil)
	for range 100 {
		id := newID([]string{last})
		require.Greater(t, id, last)
		last = id
	}
	ahead := ulid.ULID{}
	require.NoError(t, ahead.SetTime(ulid.Timestamp(time.Now().AddDate(3, 0, 0))))
	require.NoError(t, ahead.SetEntropy([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")))
	after := strings.ToLower(ahead.String())
	for range 3 {
		id := newID([]string{last, after})
		require.Greater(t, id, after)
		after = id
	}
}

func TestADurationGoesByAClockThatNobodySets(t *testing.T) {
	r := graduate.Record{Started: time.Now()}
	r.End(graduate.Event{Time: r.Started.Add(90 * time.Second)})
	require.InDelta(t, 90, r.Seconds, 0.001)
	// Both times have what the monotonic clock said; without it the wall clock's jump would show.
	back := graduate.Record{Started: r.Started.Round(0)}
	back.End(graduate.Event{Time: r.Started.Add(-time.Hour)})
	require.Zero(t, back.Seconds, "never less than nothing")
}

func TestRecoverTriesACleanUpAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []graduate.Event
		left   bool
	}{
		{"left", []graduate.Event{state(graduate.Release), state(graduate.Finish),
			{Type: graduate.EventFailure, State: string(graduate.Finish), Message: "busy"}, outcome(graduate.OutcomeLive, 0, "")}, true},
		{"done since", []graduate.Event{state(graduate.Release), state(graduate.Finish),
			{Type: graduate.EventFailure, State: string(graduate.Finish), Message: "busy"}, outcome(graduate.OutcomeLive, 0, ""),
			state(graduate.Finish), outcome(graduate.OutcomeLive, 0, "")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := graduate.Tell(c.events)
			require.Empty(t, h.Failure, "the release did not fail")
			require.Equal(t, c.left, h.Left != "")
			h.Run = &graduate.Run{ID: "01j"}
			state, ok := h.Resume(false)
			require.Equal(t, c.left, ok, fmt.Sprint(state))
			if ok {
				require.Equal(t, graduate.Finish, state)
			}
		})
	}
}

// An abort must have time for the rest when each of its hooks has used up its own.
func TestAnAbortHasTheTimeOfItsHooksOnTop(t *testing.T) {
	shopServer(t)
	c := &coordinator{host: hostOf(t), run: &graduate.Run{Hooks: []graduate.Hook{
		{Kind: graduate.HookAbort, Name: "undo"}, {Kind: graduate.HookAbort, Name: "mourn", Timeout: time.Minute}, {Kind: graduate.HookPost, Name: "migrate"},
	}}, screen: ui.NewRenderer(ui.Streams{Out: io.Discard}, "")}
	require.Equal(t, abortBudget+graduate.DefaultHookTimeout+time.Minute, c.engine(c.environment()).AbortBudget)
}
