package dokku

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Facts gathers what a plan has to know of an app. Only a Docker that does not answer is an error.
func (h *Host) Facts(ctx context.Context, app string) (graduate.Facts, error) {
	f := graduate.Facts{App: app, Exists: h.Exists(app)}
	if !f.Exists {
		return f, nil
	}
	f.Scheduler = h.computed("scheduler", app, "selected", "docker-local")
	f.Proxy = h.computed("proxy", app, "type", "nginx")
	f.ProxyEnabled = h.property("proxy", app, "disabled") != "true"
	f.ChecksDisabled = h.property("checks", app, "disabled")
	f.Published = h.publishes(app)
	f.Stopped = h.property("ps", app, "restore") == "false"
	f.Revision, _ = h.git(ctx, app, "rev-parse", "--quiet", "--verify", h.branchRef(app)+"^{commit}")
	f.Deploying, f.Locked = h.lockState(app)
	if _, err := h.docker(ctx, "version", "--format", "{{.Server.Version}}"); err != nil {
		return f, graduate.Errorf(graduate.Internal, "Docker does not answer (%w); start it and try again", err)
	}
	f.Image, f.Artifact = h.image(ctx, "dokku/"+app+":latest")
	f.Deployed = f.Image != "" && h.property("common", app, "deployed") == "true"
	f.Origin, f.RevisionKey = h.origin(app), h.revisionVariable(app)
	if !f.Deployed {
		return f, h.containers(ctx, &f)
	}
	out, err := h.trigger(ctx, nil, nil, "ps-current-scale", app)
	if err != nil {
		return f, err
	}
	f.Scale = parseScale(out)
	if f.Config, err = h.config(ctx, app); err != nil {
		return f, err
	}
	return f, h.containers(ctx, &f)
}

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

// containers reads the images and the configuration of the app's containers.
func (h *Host) containers(ctx context.Context, f *graduate.Facts) error {
	ids := h.containerIDs(f.App)
	if len(ids) == 0 {
		return nil
	}
	out, err := h.docker(ctx, append([]string{"container", "inspect"}, ids...)...)
	var found []struct {
		Image  string
		State  struct{ Running bool }
		Config struct{ Env []string }
	}
	if jsonErr := json.Unmarshal([]byte(out), &found); jsonErr != nil {
		if err != nil {
			f.Missing = true
			return nil
		}
		return jsonErr
	}
	f.Missing = len(found) < len(ids)
	for _, c := range found {
		f.Missing = f.Missing || !c.State.Running
		if !slices.Contains(f.Running, c.Image) {
			f.Running = append(f.Running, c.Image)
		}
		f.Drift = f.Drift || drifted(f.Config, c.Config.Env, f.RevisionKey)
	}
	return nil
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

// config reads the app's configuration, the server's own included (trigger config-export APP GLOBAL MERGED FORMAT).
func (h *Host) config(ctx context.Context, app string) (map[string]string, error) {
	out, err := h.trigger(ctx, nil, nil, "config-export", app, "false", "true", "json")
	if err != nil {
		return nil, err
	}
	config := map[string]string{}
	if strings.TrimSpace(out) == "" {
		return config, nil
	}
	return config, json.Unmarshal([]byte(out), &config)
}

// containerIDs reads the app's CONTAINER.TYPE.N files.
func (h *Host) containerIDs(app string) []string {
	files, _ := filepath.Glob(filepath.Join(h.appDir(app), "CONTAINER.*"))
	var ids []string
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && len(strings.TrimSpace(string(data))) > 0 {
			ids = append(ids, strings.TrimSpace(string(data)))
		}
	}
	return ids
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

// publishing matches a word that publishes a port; what follows -p in the same word does not begin with a letter.
var publishing = regexp.MustCompile(`^(-p([^[:alpha:]]|$)|-P$|--publish)`)

// publishes tells whether a docker option of the app's deploy phase publishes a port.
func (h *Host) publishes(app string) bool {
	for _, file := range []string{
		filepath.Join(h.appDir(app), "DOCKER_OPTIONS_DEPLOY"),
		h.propertyFile("docker-options", app, "_default_.deploy"),
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if slices.ContainsFunc(optionWords(line), publishing.MatchString) {
				return true
			}
		}
	}
	return false
}

// optionWords splits a docker option as Dokku does, by a shell's rules: what is quoted belongs to the option before it.
func optionWords(line string) []string {
	words, err := shellquote.Split(line)
	if err != nil { // Dokku would not start such an app either
		return strings.Fields(line)
	}
	return words
}
