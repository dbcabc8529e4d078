package dokku

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Dokku keeps the files of a version whose deploy is under way beside those that count (NAME.$DOKKU_PID, or
// NAME.$DOKKU_PID.missing where the version has no such file): CHECKS, nginx.conf.sigil, Procfile, app.json. Its
// core-post-deploy makes them the ones that count.
const missing = ".missing"

// stagedFiles lists the files that Dokku keeps for the run's version of an app.
func (h *Host) stagedFiles(r *graduate.Run, app string) []string {
	var found []string
	for _, place := range h.places(app) {
		files, _ := filepath.Glob(filepath.Join(place, "*."+pid(r)+"*"))
		found = append(found, files...)
	}
	return found
}

// takeOverStagedFiles makes those files count that are left: the deploy that should have done it was cut off there.
func (h *Host) takeOverStagedFiles(r *graduate.Run, a *graduate.App) error {
	var errs []error
	for _, staged := range h.stagedFiles(r, a.Target) {
		path, ending, _ := strings.Cut(staged, "."+pid(r))
		switch ending {
		case "":
			errs = append(errs, os.Rename(staged, path))
		case missing:
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, os.Remove(staged))
		}
	}
	return errors.Join(errs...)
}

// removeStagedFiles removes the files that Dokku keeps for the run's version.
func (h *Host) removeStagedFiles(r *graduate.Run) error {
	var errs []error
	for _, a := range r.Active() {
		for _, file := range h.stagedFiles(r, a.Target) {
			errs = append(errs, os.Remove(file))
		}
	}
	return errors.Join(errs...)
}
