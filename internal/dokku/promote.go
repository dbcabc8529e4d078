package dokku

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Promote moves everything that a later restart, rebuild or report of the target goes by to the new version:
// the image tag `latest`, the deploy branch, GIT_REV, the source image and the deploy source.
func (h *Host) Promote(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	image := "dokku/" + a.Target
	if _, err := h.docker(ctx, "image", "tag", image+":"+r.Tag(), image+":latest"); err != nil {
		return err
	}
	if a.Revision != "" {
		if _, err := h.git(ctx, a.Target, "update-ref", h.branchRef(a.Target), a.Revision); err != nil {
			return err
		}
		if name := h.revisionVariable(a.Target); name != "" {
			if _, err := h.trigger(ctx, h.env(r, a), nil, "config-set", "--no-restart", a.Target, name+"="+a.Revision); err != nil {
				return err
			}
		}
	}
	return h.promoteSource(ctx, r, a)
}

// promoteSource carries over where the version came from (trigger deploy-source-set APP TYPE METADATA). For
// types other than docker-image Dokku clears the source image there, so it is written after.
func (h *Host) promoteSource(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	if kind := h.property("apps", a.Source, "deploy-source"); kind != "" {
		metadata := h.property("apps", a.Source, "deploy-source-metadata")
		if _, err := h.trigger(ctx, h.env(r, a), nil, "deploy-source-set", a.Target, kind, metadata); err != nil {
			return err
		}
	}
	image := h.property("git", a.Source, "source-image")
	if image == h.property("git", a.Target, "source-image") {
		return nil
	}
	path := h.propertyFile("git", a.Target, "source-image")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(image), 0o600, renameio.WithExistingPermissions())
}

// Retire ends the process types that the new version has no containers of. Dokku does it in a deploy of the
// type, which starts nothing and retires what is left.
func (h *Host) Retire(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	processes, err := h.Processes(ctx, r, a)
	if err != nil {
		return err
	}
	running := map[string]bool{}
	for _, p := range processes {
		running[p.Type] = p.Count > 0
	}
	files, _ := filepath.Glob(filepath.Join(h.appDir(a.Target), "CONTAINER.*"))
	done := map[string]bool{}
	for _, file := range files {
		process, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(file), "CONTAINER."), ".")
		if running[process] || done[process] {
			continue
		}
		done[process] = true
		if _, err := h.trigger(ctx, h.env(r, a), log, "scheduler-deploy", "docker-local", a.Target, r.Tag(), process); err != nil {
			return fmt.Errorf("the old containers of %s: %w", process, err)
		}
	}
	return nil
}

// Finish leaves the target as a deploy of Dokku's would: its own app.json and Procfile, one tag.
func (h *Host) Finish(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	if err := h.putBack(r, a); err != nil {
		return err
	}
	tags, err := h.tags(ctx, a.Target)
	if err != nil {
		return err
	}
	if _, ok := tags[r.Tag()]; ok {
		if _, err := h.docker(ctx, "image", "rm", "dokku/"+a.Target+":"+r.Tag()); err != nil {
			return err
		}
	}
	return nil
}

// clean removes the files that a run needs only while it is under way; the journal and the logs stay.
func (h *Host) clean(r *graduate.Run) error {
	var errs []error
	for _, name := range []string{"before", "staged", deploys, watches, "removed"} {
		// Out of sight in one step: half of a folder must not be taken for the whole by who comes after a crash.
		path := filepath.Join(r.Dir, name)
		if err := os.Rename(path, path+".gone"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, os.RemoveAll(path+".gone"))
	}
	if dir := filepath.Dir(r.Socket); strings.HasSuffix(dir, r.ID) {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(append(errs, h.removeTemporary(r))...)
}
