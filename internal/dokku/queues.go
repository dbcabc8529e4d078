package dokku

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// retirementQueues are Dokku's files of what is to be removed later: a line is "APP ID TIME".
func (h *Host) retirementQueues() []string {
	dir := filepath.Join(h.Lib, "data", "scheduler-docker-local")
	return []string{filepath.Join(dir, "dead-containers"), filepath.Join(dir, "dead-images")}
}

// copyQueues keeps the queues as they are before the run. A copy that is there already stays.
func (h *Host) copyQueues(r *graduate.Run) error {
	for _, queue := range h.retirementQueues() {
		to := filepath.Join(h.snapshotDir(r), filepath.Base(queue))
		data, err := os.ReadFile(queue)
		if errors.Is(err, fs.ErrNotExist) || exists(to) {
			continue
		}
		if err == nil {
			err = renameio.WriteFile(to, data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cleanQueues removes from Dokku's retirement queues what a failing deploy of the run put there
// (scheduler-register-retired), of a failed deploy with an empty APP. Lines of before the run stay: an image that is
// built again from the same layers has the same ID.
func (h *Host) cleanQueues(r *graduate.Run) error {
	ours, err := os.ReadFile(filepath.Join(r.Dir, "removed"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h.mu.Lock()
	ids := append(strings.Fields(string(ours)), h.removed...)
	h.removed = nil
	h.mu.Unlock()
	for _, queue := range h.retirementQueues() {
		before, err := os.ReadFile(filepath.Join(h.snapshotDir(r), filepath.Base(queue)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := dropLines(queue, ids, string(before)); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(r.Dir, "removed")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// dropLines removes the lines of a file that have one of the words and were not there before.
func dropLines(path string, words []string, before string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		drop := false
		for _, word := range words {
			drop = drop || strings.Contains(line, word)
		}
		drop = drop && !slices.Contains(slices.Collect(strings.Lines(before)), line)
		if !drop {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(data) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return replaceFile(path, []byte(kept.String()), info.Mode().Perm())
}
