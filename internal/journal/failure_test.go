package journal

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// limitFiles makes every file that this process writes full at a size; the test must not run beside others.
func limitFiles(t *testing.T, size int64) (unlimit func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(size), Max: before.Max}))
	unlimit = func() {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		signal.Reset(syscall.SIGXFSZ)
	}
	return unlimit
}

// A full disk takes a part of a record. Who is told that the record failed must not find half of it later.
func TestAFullDiskLeavesNoPartOfARecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := Create(path)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.Append(event(graduate.EventState, graduate.Switch)))
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	unlimit := limitFiles(t, int64(len(before))+20)
	err = w.Append(event(graduate.EventState, graduate.Release))
	unlimit()
	require.ErrorIs(t, err, syscall.EFBIG)
	require.ErrorContains(t, err, path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))

	require.NoError(t, w.Append(event(graduate.EventState, graduate.Aborting)))
	events, err := Replay(path)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, graduate.Aborting, State(events))
}

func TestAppendFailsWhereTheFileCannotBeWritten(t *testing.T) {
	path := write(t, event(graduate.EventState, graduate.Switch))
	file, err := os.Open(path) // for reading only
	require.NoError(t, err)
	w := &Writer{file: file}
	require.ErrorIs(t, w.Append(event(graduate.EventState, graduate.Release)), syscall.EBADF)
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Append(event(graduate.EventState, graduate.Release)), os.ErrClosed)
	released, err := Released(path)
	require.NoError(t, err)
	require.False(t, released)

	full, err := os.OpenFile("/dev/full", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	w = &Writer{file: full}
	defer w.Close()
	require.ErrorIs(t, w.Append(event(graduate.EventState, graduate.Release)), syscall.ENOSPC)
}

func TestAppendRefusesWhatIsNoJSON(t *testing.T) {
	path := write(t)
	w, err := Open(path)
	require.NoError(t, err)
	defer w.Close()
	bad := event(graduate.EventState, graduate.Prepare)
	bad.Time = bad.Time.AddDate(12000, 0, 0) // the year has five digits
	require.Error(t, w.Append(bad))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, data)
}

// FuzzReplay: whatever stands in a journal, Replay answers, and what it gives was written as whole lines.
func FuzzReplay(f *testing.F) {
	f.Add(`{"version":1,"type":"run"}` + "\n" + `{"version":1,"type":"state","state":"release"}` + "\n")
	f.Add(`{"version":1,"type":"state","state":"release"}`)
	f.Add("garbage\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		events, err := Replay(path)
		require.LessOrEqual(t, len(events), strings.Count(text, "\n"))
		if err == nil {
			require.Len(t, events, strings.Count(text, "\n"))
		}
		released, err := Released(path)
		require.False(t, released && err != nil)
	})
}
