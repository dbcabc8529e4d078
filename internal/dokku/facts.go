package dokku

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// origin is where the app's version came from.
func (h *Host) origin(app string) graduate.Origin {
	return graduate.Origin{
		SourceImage:    h.property("git", app, "source-image"),
		DeploySource:   h.property("apps", app, "deploy-source"),
		DeployMetadata: h.property("apps", app, "deploy-source-metadata"),
		Ports:          strings.Join(strings.Fields(h.property("ports", app, "map-detected")), " "),
	}
}

// image is the ID of an image and the artifact that it was made from; both are empty where there is none.
func (h *Host) image(ctx context.Context, name string) (id, artifact string) {
	out, err := h.docker(ctx, "image", "inspect", "--format", "{{.Id}} {{with .Config.Labels}}{{index . \""+artifactLabel+"\"}}{{end}}", name)
	if err != nil {
		return "", ""
	}
	id, artifact, _ = strings.Cut(out, " ")
	return id, strings.TrimSpace(artifact)
}

// drifted tells whether a configuration differs from what a container was made with. The variable of the
// revision does not count: it names the commit, not the configuration.
func drifted(config map[string]string, env []string, revision string) bool {
	have := map[string]string{}
	for _, pair := range env {
		key, value, _ := strings.Cut(pair, "=")
		have[key] = value
	}
	for key, value := range config {
		if got, ok := have[key]; key != revision && (!ok || got != value) {
			return true
		}
	}
	return false
}

// containerIDs lists the app's containers.
func (h *Host) containerIDs(app string) []string {
	var ids []string
	for _, c := range h.containerFiles(app) {
		ids = append(ids, c.id)
	}
	return ids
}

// containerFile is one CONTAINER.TYPE.N file of an app.
type containerFile struct{ process, id string }

func (h *Host) containerFiles(app string) []containerFile {
	paths, _ := filepath.Glob(filepath.Join(h.appDir(app), "CONTAINER.*"))
	var files []containerFile
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if id := strings.TrimSpace(string(data)); err == nil && id != "" {
			process, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), "CONTAINER."), ".")
			files = append(files, containerFile{process, id})
		}
	}
	return files
}

// branchRef is the ref that a push to the app deploys.
func (h *Host) branchRef(app string) string {
	return "refs/heads/" + h.computed("git", app, "deploy-branch", "master")
}

// revisionVariable is the config key that names the deployed commit; empty where the app has it switched off
// (git:set APP rev-env-var).
func (h *Host) revisionVariable(app string) string {
	if _, err := os.Stat(h.propertyFile("git", app, "rev-env-var")); err == nil {
		return h.property("git", app, "rev-env-var")
	}
	return "GIT_REV"
}
