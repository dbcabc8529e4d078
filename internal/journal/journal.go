// Package journal keeps the events of one graduation in an append-only file of JSON lines.
//
// Each record is synced to the disk before Append returns, so that an effect never happens without its record.
// A torn last line (the machine stopped while it was written) is ignored by Replay, as its effect cannot have
// begun; a damaged earlier line is an error, and nothing is guessed.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Writer appends events to a journal.
type Writer struct {
	mu   sync.Mutex
	file *os.File
}

var _ graduate.Journal = (*Writer)(nil)

// Create opens the journal of a new run; its folder exists. An existing file is an error.
func Create(path string) (*Writer, error) {
	return open(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND)
}

// Open opens an existing journal to append to it, after it was cut behind its last whole line.
func Open(path string) (*Writer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return nil, err
		}
	}
	return open(path, os.O_WRONLY|os.O_APPEND)
}

func open(path string, flags int) (*Writer, error) {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Writer{file: file}, nil
}

// Append writes one event and syncs it.
func (w *Writer) Append(e graduate.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info, err := w.file.Stat()
	if err != nil {
		return fmt.Errorf("journal %s: %w", w.file.Name(), err)
	}
	if failpoint.Reached("torn:" + string(e.Type) + ":" + e.State) {
		_, _ = w.file.Write(line[:len(line)/2])
		failpoint.Act()
	}
	_, err = w.file.Write(append(line, '\n'))
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		// Who is told that a record failed acts as if it were not there: then it must not be there.
		return fmt.Errorf("journal %s: %w", w.file.Name(), errors.Join(err, w.file.Truncate(info.Size())))
	}
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

// Replay reads the events of a journal. The first one is of type EventRun and carries the run.
func Replay(path string) ([]graduate.Event, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var events []graduate.Event
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break // torn: its effect has not begun
		}
		var e graduate.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return events, graduate.Errorf(graduate.Internal, "journal %s: line %d is damaged (%w); nothing was guessed from it, see docs/failure.md", path, n, err)
		}
		if e.Version != graduate.EventVersion {
			return events, graduate.Errorf(graduate.Internal, "journal %s: line %d has version %d, this program knows %d; use the version of the plugin that wrote it", path, n, e.Version, graduate.EventVersion)
		}
		events = append(events, e)
		data = rest
	}
	return events, nil
}

// State is the last state that the events say was entered; empty where there is none.
func State(events []graduate.Event) graduate.State {
	var s graduate.State
	for _, e := range events {
		if e.Type == graduate.EventState {
			s = graduate.State(e.State)
		}
	}
	return s
}

// Released tells whether the journal at path has the release record. Held deploys ask it when their
// coordinator is gone.
func Released(path string) (bool, error) {
	events, err := Replay(path)
	if err != nil {
		return false, err
	}
	for _, e := range events {
		if e.Type == graduate.EventState && graduate.State(e.State) == graduate.Release {
			return true, nil
		}
	}
	return false, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
