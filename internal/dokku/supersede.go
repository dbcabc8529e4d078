package dokku

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Halt ends the deploys of a release that failed after its release point. Its containers stay: they are live.
func (h *Host) Halt(ctx context.Context, r *graduate.Run) error {
	return killProcesses(ctx, r)
}

// Supersede removes what a release has left that did not come to its end, and that a later run has replaced: the
// containers that Dokku did not take over, its image tags and its files.
func (h *Host) Supersede(ctx context.Context, r *graduate.Run) error {
	if err := h.Halt(ctx, r); err != nil {
		return err
	}
	out, err := h.docker(ctx, "container", "ls", "--all", "--quiet", "--no-trunc", "--filter", "label="+RunLabel+"="+r.ID)
	if err != nil {
		return err
	}
	retired, _ := os.ReadFile(filepath.Join(h.Lib, "data", "scheduler-docker-local", "dead-containers"))
	var known []string
	for _, a := range r.Apps {
		known = append(known, h.containerIDs(a.Target)...)
	}
	for _, id := range strings.Fields(out) {
		if slices.Contains(known, id) || strings.Contains(string(retired), id) {
			continue // Dokku knows it
		}
		if _, err := h.docker(ctx, "container", "rm", "--force", id); err != nil {
			return err
		}
	}
	for _, a := range r.Active() {
		tags, err := h.tags(ctx, a.Target)
		if err != nil {
			return err
		}
		if _, ok := tags[r.Tag()]; !ok {
			continue
		}
		// By force, as the tag may be the last of an image whose containers have ended and wait for their retirement.
		if _, err := h.docker(ctx, "image", "rm", "--force", "dokku/"+a.Target+":"+r.Tag()); err != nil {
			return err
		}
	}
	return errors.Join(h.removeStagedFiles(r), h.clean(r), h.openTargets(r))
}
