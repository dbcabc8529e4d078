package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestARecordIsReplacedInOneStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.json")
	r := graduate.Record{ID: "01j", Group: "shop", Started: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Status: graduate.StatusRunning}
	require.NoError(t, WriteRecord(path, r))
	r.End(graduate.Event{Time: r.Started.Add(time.Minute), State: graduate.OutcomeAborted, Code: 2, Message: "why"})

	unlimit := limitFiles(t, 20) // a full disk
	err := WriteRecord(path, r)
	unlimit()
	require.ErrorContains(t, err, path)
	old, err := ReadRecord(path)
	require.NoError(t, err)
	require.Equal(t, graduate.StatusRunning, old.Status, "the old one is whole")

	require.NoError(t, WriteRecord(path, r))
	now, err := ReadRecord(path)
	require.NoError(t, err)
	require.Equal(t, r, now)
	require.InDelta(t, 60, now.Seconds, 0.001)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no half-written file is left")

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = ReadRecord(path)
	require.ErrorContains(t, err, path)
}
