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

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Promote moves everything that a later restart, rebuild or report of the target goes by to the new version:
// the image tag `latest`, the deploy branch, GIT_REV, the source image and the deploy source.
func (h *Host) Promote(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	image := "dokku/" + a.Target
	if _, err := h.docker(ctx, "image", "tag", image+":"+r.Tag(), image+":latest"); err != nil {
		return err
	}
	failpoint.Hit("promote/tag")
	if a.Revision != "" {
		if _, err := h.git(ctx, a.Target, "update-ref", h.branchRef(a.Target), a.Revision); err != nil {
			return err
		}
		failpoint.Hit("promote/ref")
		if name := h.revisionVariable(a.Target); name != "" {
			if _, err := h.trigger(ctx, h.env(r, a), nil, "config-set", "--no-restart", a.Target, name+"="+a.Revision); err != nil {
				return err
			}
		}
	}
	failpoint.Hit("promote/config")
	return h.promoteSource(ctx, r, a)
}

// promoteSource carries over where the version came from (trigger deploy-source-set APP TYPE METADATA). For
// types other than docker-image Dokku clears the source image there, so it is written after.
func (h *Host) promoteSource(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	if o := a.Origin; o.DeploySource != "" {
		if _, err := h.trigger(ctx, h.env(r, a), nil, "deploy-source-set", a.Target, o.DeploySource, o.DeployMetadata); err != nil {
			return err
		}
	}
	failpoint.Hit("promote/source")
	image := a.Origin.SourceImage
	if image == h.property("git", a.Target, "source-image") {
		return nil
	}
	path := h.propertyFile("git", a.Target, "source-image")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(image), 0o600, renameio.WithExistingPermissions())
}

// Retire ends the process types that the new version has no containers of. A type that was scaled to nothing gets
// Dokku's own deploy, which starts nothing and retires what is left. One that the version does not know any more is
// forgotten by Dokku in the deploy of another type; its containers are ended here, in the way of scheduler-deploy.
func (h *Host) Retire(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	processes, err := h.Processes(ctx, r, a)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, p := range processes {
		known[p.Type] = true
		files, _ := filepath.Glob(filepath.Join(h.appDir(a.Target), "CONTAINER."+p.Type+".*"))
		if p.Count > 0 || len(files) == 0 {
			continue
		}
		if err := h.redeploy(ctx, r, a, log, p.Type); err != nil {
			return fmt.Errorf("the old containers of %s: %w", p.Type, err)
		}
	}
	before, err := h.containersBefore(r, a)
	if err != nil {
		return err
	}
	for _, c := range before {
		if known[c.Process] {
			continue
		}
		if err := h.retire(ctx, r, a, c.ID, log); err != nil {
			return fmt.Errorf("the old container of %s: %w", c.Process, err)
		}
	}
	return nil
}

// retire queues an old container for its retirement and tells it to end (as Dokku's scheduler-deploy does).
func (h *Host) retire(ctx context.Context, r *graduate.Run, a *graduate.App, id string, log io.Writer) error {
	if _, err := h.docker(ctx, "container", "inspect", id); err != nil {
		return nil // it is gone
	}
	failpoint.Hit("retire/found")
	wait := h.computed("checks", a.Target, "wait-to-retire", "60")
	if _, err := h.trigger(ctx, h.env(r, a), log, "scheduler-register-retired", a.Target, id, wait); err != nil {
		return err
	}
	_, _ = h.docker(ctx, "container", "kill", "--signal=SIGTERM", id) // one that does not run has ended
	return nil
}

// Finish leaves the target as a deploy of Dokku's would: its own app.json and Procfile, one tag.
func (h *Host) Finish(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	tags, err := h.tags(ctx, a.Target)
	if err != nil {
		return err
	}
	// A clean-up that is tried again late finds the target with another version, whose files are not ours.
	if tag, ok := tags[r.Tag()]; !ok || tags["latest"] == tag {
		if err := errors.Join(h.takeOverStagedFiles(r, a), h.putBack(r, a)); err != nil {
			return err
		}
		failpoint.Hit("finish/put-back")
	}
	if err := os.Remove(h.staged(r, a, "processes.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // it says that there is something to put back
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
	for _, name := range []string{"before", "staged", deploys, "removed"} {
		failpoint.Hit("clean/" + name)
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
	return errors.Join(append(errs, h.removeRooms(r), h.removeTemporary(r))...)
}
