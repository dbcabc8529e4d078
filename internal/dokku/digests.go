package dokku

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// digestsFile keeps the digests of a run's config values, for Dokku's user alone: the journal is shown to callers.
func digestsFile(r *graduate.Run) string { return filepath.Join(r.Dir, "config.json") }

// SaveDigests writes the digests of the targets' config values; the run's folder exists.
func (h *Host) SaveDigests(r *graduate.Run) error {
	all := map[string]map[string]string{}
	for _, a := range r.Apps {
		if a.Was != nil {
			all[a.Target] = a.Was.Config
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return renameio.WriteFile(digestsFile(r), data, 0o600)
}

// LoadDigests reads them back into a run that was read from its journal.
func (h *Host) LoadDigests(r *graduate.Run) error {
	data, err := os.ReadFile(digestsFile(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, a := range r.Apps {
		if a.Was != nil {
			a.Was.Config = all[a.Target]
		}
	}
	return nil
}
