package dokku

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// A target is closed to other changes while it is being graduated. Dokku's deploy lock covers git pushes and
// builds; the other ways in are refused by our user-auth, which sees every command with its words. Dokku looks for
// user-auth by file and runs one more round of triggers for every command where there is one (55 to 65 ms), so the
// file is there only while something is closed.

// closedDir has one file per closed app, which names its run.
func (h *Host) closedDir() string { return filepath.Join(h.DataDir(), "closed") }

// authLink is the user-auth trigger of this plugin.
func (h *Host) authLink() string { return filepath.Join(h.Plugins, "graduate", "user-auth") }

// closeTargets marks the targets of a run as closed. The trigger comes first and goes last: a mark without it would
// keep nobody out, and the recovery of a run that was cut off in between would not be asked for.
func (h *Host) closeTargets(r *graduate.Run) error {
	return h.markClosed(func() error {
		if err := os.Symlink("bin/graduate", h.authLink()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		failpoint.Hit("close/link")
		for _, a := range r.Apps {
			if err := renameio.WriteFile(filepath.Join(h.closedDir(), a.Target), []byte(r.ID), 0o600); err != nil {
				return err
			}
			failpoint.Hit("close/mark")
		}
		return nil
	})
}

// openTargets takes the marks of a run away, and with the last one the trigger.
func (h *Host) openTargets(r *graduate.Run) error {
	return h.markClosed(func() error {
		for _, a := range r.Apps {
			if h.ClosedBy(a.Target) != r.ID {
				continue
			}
			if err := os.Remove(filepath.Join(h.closedDir(), a.Target)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			failpoint.Hit("open/mark")
		}
		if left, err := h.sweepMarks(); left || err != nil {
			return err
		}
		if err := os.Remove(h.authLink()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// sweepMarks tells whether an app is still marked. What a process left that died while it wrote a mark goes: no app's
// name begins with a dot, and nobody else writes one under the lock.
func (h *Host) sweepMarks() (left bool, err error) {
	entries, err := os.ReadDir(h.closedDir())
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			left = true
		} else if err := os.Remove(filepath.Join(h.closedDir(), entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return left, nil
}

// markClosed changes the marks under a lock: the last run that ends must not take the trigger from one that begins.
func (h *Host) markClosed(change func() error) error {
	if err := os.MkdirAll(h.closedDir(), 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(h.DataDir(), "closed.lock"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Close()
	return change()
}

// ClosedApps lists the apps that are closed.
func (h *Host) ClosedApps() []string {
	entries, _ := os.ReadDir(h.closedDir())
	var apps []string
	for _, entry := range entries {
		if h.ClosedBy(entry.Name()) != "" {
			apps = append(apps, entry.Name())
		}
	}
	return apps
}

// ClosedBy is the run that an app is closed for; empty where it is open.
func (h *Host) ClosedBy(app string) string {
	if graduate.ValidName(app) != nil {
		return ""
	}
	data, err := os.ReadFile(filepath.Join(h.closedDir(), app))
	id := strings.TrimSpace(string(data))
	if err != nil || !runID.MatchString(id) {
		return ""
	}
	return id
}
