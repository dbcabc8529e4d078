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

// closeTargets marks the targets of a run as closed.
func (h *Host) closeTargets(r *graduate.Run) error {
	return h.markClosed(func() error {
		for _, a := range r.Apps {
			if err := renameio.WriteFile(filepath.Join(h.closedDir(), a.Target), []byte(r.ID), 0o600); err != nil {
				return err
			}
			failpoint.Hit("close/mark")
		}
		err := os.Symlink("bin/graduate", h.authLink())
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
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
		entries, err := os.ReadDir(h.closedDir())
		if err != nil || len(entries) > 0 {
			return err
		}
		if err := os.Remove(h.authLink()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
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
