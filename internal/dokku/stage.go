package dokku

import (
	"context"
	"encoding/json"
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

// artifactLabel names the image that a target's image was carried over from.
const artifactLabel = "com.dokku.graduate.artifact"

// staged is a file of the run about an app's new version.
func (h *Host) staged(r *graduate.Run, a *graduate.App, name string) string {
	return filepath.Join(r.Dir, "staged", a.Target, name)
}

// Stage makes the source's image, commit, Procfile and app.json available to the target, in the way in which
// Dokku's own builders do, but under a tag and a DOKKU_PID of the run: what the target runs is not moved.
func (h *Host) Stage(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	if err := os.MkdirAll(h.staged(r, a, ""), 0o700); err != nil {
		return err
	}
	failpoint.Hit("stage/folder")
	builder, err := h.relabel(ctx, r, a, log)
	if err != nil {
		return fmt.Errorf("the image of %s cannot be carried over: %w", a.Source, err)
	}
	failpoint.Hit("stage/built")
	if err := h.fetchCommit(ctx, a); err != nil {
		return fmt.Errorf("the commit of %s cannot be carried over: %w", a.Source, err)
	}
	if err := h.extract(ctx, r, a, log); err != nil {
		return fmt.Errorf("the Procfile and app.json of %s cannot be carried over: %w", a.Source, err)
	}
	failpoint.Hit("stage/extracted")
	if err := h.detectedPorts(ctx, r, a, log); err != nil {
		return err
	}
	if err := h.takeOutTasks(r, a); err != nil {
		return err
	}
	// What builder-release does beside the labels: other plugins' triggers, and the formation's scale.
	image := "dokku/" + a.Target + ":" + r.Tag()
	for _, trigger := range []string{"pre-release-builder", "post-release-builder"} {
		if _, err := h.trigger(ctx, h.env(r, a), log, trigger, builder, a.Target, image); err != nil {
			return err
		}
	}
	if err := h.bringBackScale(ctx, r, a, log); err != nil {
		return err
	}
	processes, err := h.scale(ctx, r, a)
	if err != nil {
		return err
	}
	data, err := json.Marshal(processes)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(h.staged(r, a, "processes.json"), data, 0o600); err != nil {
		return err
	}
	failpoint.Hit("stage/listed")
	return h.startTogether(r, a, processes)
}

// relabel makes the target's image: the source's layers with the target's labels. Without them `dokku run`
// refuses the image, and a clean-up of the source app would count it as its own.
func (h *Host) relabel(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) (builder string, err error) {
	image := "dokku/" + a.Target + ":" + r.Tag()
	builder, err = h.docker(ctx, "image", "inspect", "--format",
		`{{with .Config.Labels}}{{index . "com.dokku.builder-type"}}{{end}}`, a.Image)
	if err != nil {
		return "", err
	}
	if builder == "" {
		builder = "dockerfile"
	}
	if _, artifact := h.image(ctx, image); artifact == a.Image {
		return builder, nil
	}
	if _, err := h.docker(ctx, "image", "tag", a.Image, image); err != nil {
		return "", err
	}
	failpoint.Hit("stage/tagged")
	// One instruction for all: the legacy builder makes a step, and an image, of each --label.
	labels := []string{
		"com.dokku.app-name=" + a.Target,
		"com.dokku.image-stage=release",
		"com.dokku.builder-type=" + builder,
		"dokku=",
		artifactLabel + "=" + a.Image,
		// Dokku removes the images named here when it retires a container; they are the source's.
		"com.dokku.docker-image-labeler/alternate-tags=[]",
	}
	recipe := "FROM " + image + "\nLABEL"
	for _, label := range labels {
		name, value, _ := strings.Cut(label, "=")
		recipe += fmt.Sprintf(" %q=%q", name, value)
	}
	_, err = command{
		name: h.Docker, args: []string{"image", "build", "--quiet", "--tag", image, "-"},
		stdin: strings.NewReader(recipe + "\n"), out: log,
	}.run(ctx)
	return builder, err
}

// fetchCommit brings the source's commit into the target's repository; no ref is moved.
func (h *Host) fetchCommit(ctx context.Context, a *graduate.App) error {
	if a.Revision == "" {
		return nil
	}
	repository, ref := h.appDir(a.Source), h.branchRef(a.Source)
	if a.Kept.Run != "" {
		repository, ref = h.keptRepository(a.Kept.App), keptRef(a.Kept)
	}
	if _, err := h.git(ctx, a.Target, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", repository, ref); err != nil {
		return err
	}
	_, err := h.git(ctx, a.Target, "cat-file", "-e", a.Revision+"^{commit}")
	return err
}

// detectedPorts gives the target the ports that the build of the source detected (its image's EXPOSE).
func (h *Host) detectedPorts(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	if a.Origin.Ports == "" || a.Origin.Ports == h.origin(a.Target).Ports {
		return nil
	}
	_, err := h.trigger(ctx, h.env(r, a), log, "ports-set-detected", a.Target, a.Origin.Ports)
	return err
}

// bringBackScale gives the target of a rollback the scale that it had (trigger ps-set-scale APP SKIP_DEPLOY
// CLEAR_EXISTING TYPE=COUNT...).
func (h *Host) bringBackScale(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	if len(a.Scale) == 0 {
		return nil
	}
	args := []string{a.Target, "true", "true"}
	for _, p := range a.Scale {
		args = append(args, fmt.Sprintf("%s=%d", p.Type, p.Count))
	}
	_, err := h.trigger(ctx, h.env(r, a), log, "ps-set-scale", args...)
	return err
}

// extract has Dokku load the Procfile, app.json and so on of the carried version into the target's files that
// end in .$DOKKU_PID (trigger core-post-extract APP DIR REV).
func (h *Host) extract(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) (err error) {
	dir := h.staged(r, a, "source")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if a.Revision == "" || a.Origin.SourceImage != "" {
		err = h.filesOfImage(ctx, r, a, dir)
	} else {
		err = h.filesOfCommit(ctx, a, dir, log)
	}
	if err != nil {
		return err
	}
	// Where the target was deployed from an image, core-post-extract would read that old image instead.
	property := h.propertyFile("git", a.Target, "source-image")
	old, err := os.ReadFile(property)
	if err == nil && len(old) > 0 {
		if err := renameio.WriteFile(property, nil, 0o600, renameio.WithExistingPermissions()); err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, renameio.WriteFile(property, old, 0o600, renameio.WithExistingPermissions()))
		}()
	}
	for _, trigger := range []string{"core-post-extract", "post-extract"} {
		failpoint.Hit("stage/extract")
		if _, err := h.trigger(ctx, h.env(r, a), log, trigger, a.Target, dir, a.Revision); err != nil {
			return err
		}
	}
	return nil
}

// filesOfCommit lays out the source's commit.
func (h *Host) filesOfCommit(ctx context.Context, a *graduate.App, dir string, log io.Writer) error {
	archive := filepath.Join(filepath.Dir(dir), "source.tar")
	defer os.Remove(archive)
	if _, err := h.git(ctx, a.Target, "archive", "--format=tar", "--output="+archive, a.Revision); err != nil {
		return err
	}
	_, err := command{name: "tar", args: []string{"-x", "-f", archive, "-C", dir}, out: log}.run(ctx)
	return err
}

// filesOfImage takes the files that Dokku extracts from an image out of the image's working folder.
func (h *Host) filesOfImage(ctx context.Context, r *graduate.Run, a *graduate.App, dir string) error {
	folder, err := h.docker(ctx, "image", "inspect", "--format", "{{.Config.WorkingDir}}", a.Image)
	if err != nil {
		return err
	}
	// An image made FROM scratch may have no command; what is named here is never run.
	id, err := h.docker(ctx, "container", "create", "--label", RunLabel+"="+r.ID, a.Image, "/graduate")
	if err != nil {
		return err
	}
	failpoint.Hit("stage/container")
	defer func() { _, _ = h.docker(context.WithoutCancel(ctx), "container", "rm", "--force", id) }()
	for _, name := range []string{
		h.computed("ps", a.Target, "procfile-path", "Procfile"),
		h.computed("app-json", a.Target, "appjson-path", "app.json"),
		h.computed("nginx", a.Target, "nginx-conf-sigil-path", "nginx.conf.sigil"),
		"CHECKS",
	} {
		to := filepath.Join(dir, filepath.Clean("/"+name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		_, err := h.docker(ctx, "container", "cp", id+":"+filepath.Join("/", folder, name), to)
		// A file that is not in the image is not in the version either. One that is there by now was copied: for
		// others than root docker fails when it sets the owner.
		if err != nil && !exists(to) && !isNoSuchFile(err) {
			return err
		}
	}
	return nil
}

// isNoSuchFile tells whether a container has no file of that name. Docker's client says so in words only: from version
// 23 on those of the daemon, before in its own.
func isNoSuchFile(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "could not find the file") || strings.Contains(text, "no such container:path")
}

// exists tells whether there is a file.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
