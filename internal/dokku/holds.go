package dokku

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// After a rollback nothing may bring the release back by itself that was just taken back: trains and automatic
// graduations of the environment are held until a person releases them.

func (h *Host) holdFile(group, environment string) string {
	return filepath.Join(h.DataDir(), "holds", group, environment)
}

// Hold holds an environment for the sake of a rollback.
func (h *Host) Hold(r *graduate.Run) error {
	path := h.holdFile(r.Group, r.To)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(r.ID), 0o600)
}

// HeldBy is the rollback for whose sake an environment is held; empty where it is not.
func (h *Host) HeldBy(group, environment string) string {
	data, err := os.ReadFile(h.holdFile(group, environment))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// ReleaseHold lets trains and automatic graduations go on.
func (h *Host) ReleaseHold(group, environment string) error {
	err := os.Remove(h.holdFile(group, environment))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReleaseHolds drops the holds of a group that is gone.
func (h *Host) ReleaseHolds(group string) error {
	return os.RemoveAll(filepath.Join(h.DataDir(), "holds", group))
}
