package dokku

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// What a rollback brings back has to outlive Dokku's clean-ups: ps:retire removes the image of a replaced container,
// and every push, like `dokku cleanup APP`, removes each image with the label com.dokku.app-name=APP that no container
// has, whatever its tags. So a version is kept as an image of its own, with the same layers and another label, and its
// commit in a repository of our own.

// keptImages begins the names of kept images; keptLabel names the run that keeps them.
const (
	keptImages = "dokku-graduate/"
	keptLabel  = "com.dokku.graduate.kept"
	scaleLabel = "com.dokku.graduate.scale"
)

func keptImage(k graduate.Kept) string { return keptImages + k.App + ":" + k.Name() }
func keptRef(k graduate.Kept) string   { return "refs/graduate/" + k.Name() }

func (h *Host) keptRepository(app string) string {
	return filepath.Join(h.DataDir(), "kept", app+".git")
}

// Keep keeps the version that the target has, and the one that it gets, under the run's id.
func (h *Host) Keep(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer) error {
	if a.Was != nil {
		before := graduate.Kept{App: a.Target, Run: r.ID, Before: true}
		if err := h.keep(ctx, before, a.Was.Image, a.Was.Revision, a.Was.Scale, log); err != nil {
			return fmt.Errorf("the present version cannot be kept for a rollback: %w", err)
		}
	}
	if a.Skip != "" {
		return nil
	}
	scale, err := h.Processes(ctx, r, a)
	if err != nil {
		return err
	}
	after := graduate.Kept{App: a.Target, Run: r.ID}
	if err := h.keep(ctx, after, "dokku/"+a.Target+":"+r.Tag(), a.Revision, scale, log); err != nil {
		return fmt.Errorf("the new version cannot be kept for a rollback: %w", err)
	}
	return nil
}

// keep keeps one version of an app.
func (h *Host) keep(ctx context.Context, k graduate.Kept, image, revision string, scale []graduate.Process, log io.Writer) error {
	recipe := fmt.Sprintf("FROM %s\nLABEL com.dokku.app-name=%q %s=%q %s=%q\n",
		image, "graduate-keep", keptLabel, k.Run, scaleLabel, formatScale(scale))
	_, err := command{
		name: h.Docker, args: []string{"image", "build", "--quiet", "--tag", keptImage(k), "-"},
		stdin: strings.NewReader(recipe), out: log,
	}.run(ctx)
	if err != nil || revision == "" {
		return err
	}
	repository := h.keptRepository(k.App)
	if !exists(filepath.Join(repository, "HEAD")) {
		if err := os.MkdirAll(filepath.Dir(repository), 0o700); err != nil {
			return err
		}
		if _, err := h.gitIn(ctx, repository, "init", "--quiet", "--bare"); err != nil {
			return err
		}
	}
	// Pushed, as no ref leads to the commit of a release that has not come yet.
	_, err = h.git(ctx, k.App, "push", "--quiet", "--no-verify", repository, "+"+revision+":"+keptRef(k))
	return err
}

// formatScale writes a scale as ps-current-scale prints it, in one line.
func formatScale(scale []graduate.Process) string {
	words := make([]string, len(scale))
	for i, p := range scale {
		words[i] = fmt.Sprintf("%s=%d", p.Type, p.Count)
	}
	return strings.Join(words, " ")
}

// KeptVersion is the image of a kept version and the scale that it had; the image is empty where somebody has
// removed it.
func (h *Host) KeptVersion(ctx context.Context, k graduate.Kept) (image string, scale []graduate.Process) {
	out, err := h.docker(ctx, "image", "inspect", "--format", "{{.Id}} {{index .Config.Labels \""+scaleLabel+"\"}}", keptImage(k))
	if err != nil {
		return "", nil
	}
	image, words, _ := strings.Cut(out, " ")
	return image, parseScale(strings.ReplaceAll(words, " ", "\n"))
}

// HasImage tells whether Docker has an image of that name.
func (h *Host) HasImage(ctx context.Context, name string) bool {
	id, _ := h.image(ctx, name)
	return id != ""
}

// KeptRuns lists the ids of the runs with which something is kept.
func (h *Host) KeptRuns(ctx context.Context) ([]string, error) {
	out, err := h.docker(ctx, "image", "ls", "--format", "{{.Repository}} {{.Tag}}", "--filter", "label="+keptLabel)
	if err != nil {
		return nil, err
	}
	var runs []string
	for line := range strings.Lines(out) {
		repository, tag, _ := strings.Cut(strings.TrimSpace(line), " ")
		if run := strings.TrimSuffix(tag, "-before"); strings.HasPrefix(repository, keptImages) && !slices.Contains(runs, run) {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// Forget removes what was kept with a run.
func (h *Host) Forget(ctx context.Context, r *graduate.Run) error {
	out, err := h.docker(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label="+keptLabel+"="+r.ID)
	if err != nil {
		return err
	}
	var images []string
	for _, name := range strings.Fields(out) {
		if strings.HasPrefix(name, keptImages) {
			images = append(images, name)
		}
	}
	if len(images) > 0 {
		if _, err := h.docker(ctx, append([]string{"image", "rm"}, images...)...); err != nil {
			return err
		}
	}
	for _, a := range r.Apps {
		repository := h.keptRepository(a.Target)
		if !exists(repository) {
			continue
		}
		for _, before := range []bool{false, true} {
			ref := keptRef(graduate.Kept{App: a.Target, Run: r.ID, Before: before})
			if _, err := h.gitIn(ctx, repository, "update-ref", "-d", ref); err != nil {
				return err
			}
		}
	}
	return nil
}
