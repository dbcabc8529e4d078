package journal

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// event is a record as the coordinator writes it.
func event(kind graduate.EventType, state graduate.State) graduate.Event {
	return graduate.Event{Version: graduate.EventVersion, Type: kind, State: string(state), Run: "01j"}
}

// write makes a journal of some events and returns its path.
func write(t *testing.T, events ...graduate.Event) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := Create(path)
	require.NoError(t, err)
	for _, e := range events {
		require.NoError(t, w.Append(e))
	}
	require.NoError(t, w.Close())
	return path
}

// add appends bytes to a file, as a machine does that stops in the middle of a write.
func add(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestReplayGivesWhatWasAppended(t *testing.T) {
	dir := t.TempDir()
	n := 0
	texts := rapid.OneOf(rapid.String(), rapid.Just("two\nlines"), rapid.Just(`{"version":9}`), rapid.Just("\u2028\x00<&>"))
	events := rapid.Custom(func(t *rapid.T) graduate.Event {
		e := graduate.Event{
			Version: graduate.EventVersion,
			Time:    time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
			Type:    rapid.SampledFrom([]graduate.EventType{graduate.EventState, graduate.EventHook, graduate.EventOutcome}).Draw(t, "type"),
			State:   texts.Draw(t, "state"),
			Message: texts.Draw(t, "message"),
			Code:    rapid.IntRange(0, 4).Draw(t, "code"),
		}
		if rapid.Bool().Draw(t, "candidate") {
			e.Candidate = &graduate.Candidate{App: "portal", Process: graduate.Web, Index: 1, IP: "172.17.0.2", Port: "5000"}
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		w, err := Create(path)
		require.NoError(t, err)
		want := rapid.SliceOfN(events, 1, 8).Draw(t, "events")
		for i, e := range want {
			require.NoError(t, w.Append(e))
			got, err := Replay(path) // each record is there before Append returns
			require.NoError(t, err)
			require.Equal(t, want[:i+1], got)
		}
		require.NoError(t, w.Close())
	})
}

func TestACutJournalGivesItsWholeRecords(t *testing.T) {
	path := write(t, event(graduate.EventRun, ""), event(graduate.EventState, graduate.Prepare), event(graduate.EventState, graduate.Stage))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := range len(data) + 1 {
		require.NoError(t, os.WriteFile(path, data[:size], 0o600))
		events, err := Replay(path)
		require.NoError(t, err, "cut at %d", size)
		require.Len(t, events, strings.Count(string(data[:size]), "\n"), "cut at %d", size)
	}
}

func TestDamagedLinesAreNamed(t *testing.T) {
	whole := `{"version":1,"type":"state","state":"prepare"}` + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"garbage", whole + "garbage\n" + whole, "line 2 is damaged"},
		{"half a record that was written on", whole + whole + `{"version":1,"ty` + whole, "line 3 is damaged"},
		{"an empty line", "\n" + whole, "line 1 is damaged"},
		{"zeros of a file system", whole + "\x00\x00\x00\n" + whole, "line 2 is damaged"},
		{"the last line, but whole", whole + "garbage\n", "line 2 is damaged"},
		{"another version", whole + `{"version":2,"type":"state"}` + "\n", "line 2 has version 2, this program knows 1"},
		{"no version", `{"type":"state"}` + "\n", "line 1 has version 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := Replay(path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
			require.Equal(t, graduate.Internal, graduate.CodeOf(err))
			_, err = Released(path)
			require.ErrorContains(t, err, c.want, "nobody goes on by a journal that cannot be read")
		})
	}
}

func TestOpenCutsATornTail(t *testing.T) {
	for _, tail := range []string{"", `{"version":1,"type":"state","state":"release"}`, `{"ver`, "\x00\x00"} {
		path := write(t, event(graduate.EventRun, ""))
		add(t, path, tail)
		released, err := Released(path)
		require.NoError(t, err)
		require.False(t, released, "a record without its end has not begun to have an effect")

		w, err := Open(path)
		require.NoError(t, err)
		require.NoError(t, w.Append(event(graduate.EventState, graduate.Aborting)))
		require.NoError(t, w.Close())
		events, err := Replay(path)
		require.NoError(t, err, "after the tail %q", tail)
		require.Len(t, events, 2)
		require.Equal(t, graduate.Aborting, State(events))
	}
}

func TestCreateAndOpenTakeTheirOwnFilesOnly(t *testing.T) {
	path := write(t, event(graduate.EventRun, ""))
	_, err := Create(path)
	require.ErrorIs(t, err, fs.ErrExist)
	missing := filepath.Join(t.TempDir(), "journal.jsonl")
	_, err = Open(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, missing)
	_, err = Replay(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Released(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestStateAndReleased(t *testing.T) {
	state := func(s graduate.State) graduate.Event { return event(graduate.EventState, s) }
	for _, c := range []struct {
		name     string
		events   []graduate.Event
		state    graduate.State
		released bool
	}{
		{"an empty journal", nil, "", false},
		{"only the run", []graduate.Event{event(graduate.EventRun, "")}, "", false},
		{"before", []graduate.Event{state(graduate.Prepare), state(graduate.Switch)}, graduate.Switch, false},
		{"the states of apps and hooks do not count", []graduate.Event{
			state(graduate.Post), event(graduate.EventApp, graduate.Release), event(graduate.EventHook, graduate.Release),
			event(graduate.EventFailure, graduate.Release), event(graduate.EventOutcome, graduate.Release),
		}, graduate.Post, false},
		{"at", []graduate.Event{state(graduate.Switch), state(graduate.Release)}, graduate.Release, true},
		{"after", []graduate.Event{state(graduate.Release), state(graduate.Settle), state(graduate.Live)}, graduate.Live, true},
		{"aborted", []graduate.Event{state(graduate.Hold), state(graduate.Aborting)}, graduate.Aborting, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.events...)
			events, err := Replay(path)
			require.NoError(t, err)
			require.Equal(t, c.state, State(events))
			released, err := Released(path)
			require.NoError(t, err)
			require.Equal(t, c.released, released)
		})
	}
}

func TestAppendsFromSeveralSidesAreWhole(t *testing.T) {
	const sides, each = 8, 10
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := Create(path)
	require.NoError(t, err)
	var group sync.WaitGroup
	for side := range sides {
		group.Go(func() {
			for n := range each {
				e := event(graduate.EventApp, "")
				e.App, e.Code, e.Message = fmt.Sprint(side), n, strings.Repeat("x", 5000)
				if err := w.Append(e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, w.Close())
	events, err := Replay(path)
	require.NoError(t, err)
	require.Len(t, events, sides*each)
	next := map[string]int{}
	for _, e := range events {
		require.Equal(t, next[e.App], e.Code, "the records of side %s are in its order", e.App)
		next[e.App]++
	}
}
