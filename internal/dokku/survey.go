package dokku

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/joho/godotenv"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Survey gathers what a plan has to know of several apps. What Dokku keeps in files is read there, as a trigger takes
// longer than all else; Docker is asked side by side. An error is a Docker that does not answer, or a configuration
// that Dokku itself could not read.
func (h *Host) Survey(ctx context.Context, apps []string) (map[string]graduate.Facts, error) {
	apps = slices.Compact(slices.Sorted(slices.Values(apps)))
	if err := h.answers(ctx); err != nil {
		return nil, err
	}
	links := h.serviceLinks()
	facts := map[string]graduate.Facts{}
	var mu sync.Mutex
	err := each(ctx, apps, func(ctx context.Context, app string) error {
		f, err := h.fromFiles(ctx, app)
		if f.Exists {
			h.surround(&f, links[app])
		}
		mu.Lock()
		defer mu.Unlock()
		facts[app] = f
		return err
	})
	if err != nil {
		return nil, err
	}
	return facts, h.fromDocker(ctx, facts)
}

// fromFiles reads what Dokku keeps of an app in its files.
func (h *Host) fromFiles(ctx context.Context, app string) (graduate.Facts, error) {
	f := graduate.Facts{App: app, Exists: h.Exists(app)}
	if !f.Exists {
		return f, nil
	}
	f.Scheduler = h.computed("scheduler", app, "selected", "docker-local")
	f.Proxy = h.computed("proxy", app, "type", "nginx")
	f.ProxyEnabled = h.property("proxy", app, "disabled") != "true"
	f.ChecksDisabled = h.property("checks", app, "disabled")
	f.Stopped = h.property("ps", app, "restore") == "false"
	f.Deploying, f.Locked = h.lockState(app)
	f.Deployed = h.property("common", app, "deployed") == "true" // and has an image: fromDocker
	f.Origin, f.RevisionKey = h.origin(app), h.revisionVariable(app)
	f.Revision = h.revision(ctx, app)
	f.Scale = parseScale(h.storedScale(app))
	var err error
	f.Config, f.Around.Own, err = h.config(app)
	return f, err
}

// storedScale is what the trigger ps-current-scale prints: the property list scale, then what scale.old has besides.
func (h *Host) storedScale(app string) string {
	var lines []string
	var seen []string
	for _, key := range []string{"scale", "scale.old"} {
		for line := range strings.Lines(h.property("ps", app, key)) {
			process, _, _ := strings.Cut(line, "=")
			if process = strings.TrimSpace(process); process != "" && !slices.Contains(seen, process) {
				seen = append(seen, process)
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// revision is the commit of the deploy branch; empty where there is none. The file of the ref is read where there is
// one: a git for each app takes longer.
func (h *Host) revision(ctx context.Context, app string) string {
	ref := h.branchRef(app)
	data, err := os.ReadFile(filepath.Join(h.appDir(app), ref))
	if commit := strings.TrimSpace(string(data)); err == nil && commitID.MatchString(commit) {
		return commit
	}
	if !exists(filepath.Join(h.appDir(app), "packed-refs")) && !exists(filepath.Join(h.appDir(app), "reftable")) {
		return ""
	}
	commit, _ := h.git(ctx, app, "rev-parse", "--quiet", "--verify", ref+"^{commit}")
	return commit
}

// config is the app's configuration on top of the server's, and which keys are its own (config plugin:
// config/APP/ENV and config/--global/ENV, environment.go).
func (h *Host) config(app string) (merged map[string]string, own map[string]bool, err error) {
	merged, own = map[string]string{}, map[string]bool{}
	for _, owner := range []string{"--global", app} {
		env, err := h.environment(owner)
		if err != nil {
			return nil, nil, err
		}
		for key, value := range env {
			merged[key] = value
			if owner == app {
				own[key] = true
			}
		}
	}
	return merged, own, nil
}

// environment reads an ENV file as Dokku does, with the same library; keys that Dokku would drop are left out.
func (h *Host) environment(owner string) (map[string]string, error) {
	data, err := os.ReadFile(h.propertyFile(owner, "ENV", ""))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, graduate.Errorf(graduate.Internal, "the config of %s cannot be read: %w", owner, err)
	}
	env, err := godotenv.UnmarshalBytes(data)
	if err != nil { // its text would show a part of the file
		return nil, graduate.Errorf(graduate.Internal, "the config of %s cannot be read: its file is damaged; see dokku config:show %s", owner, owner)
	}
	for key := range env {
		if !configKey.MatchString(key) {
			delete(env, key)
		}
	}
	return env, nil
}

// fromDocker reads what Docker knows of the apps' images and containers.
func (h *Host) fromDocker(ctx context.Context, facts map[string]graduate.Facts) error {
	files := map[string][]containerFile{}
	var names, ids []string
	for app, f := range facts {
		if !f.Exists {
			continue
		}
		names = append(names, latest(app))
		files[app] = h.containerFiles(app)
		for _, c := range files[app] {
			ids = append(ids, c.id)
		}
	}
	var images map[string]dockerImage
	var containers map[string]dockerContainer
	var imagesErr, containersErr error
	var both sync.WaitGroup
	both.Go(func() { images, imagesErr = inspect[dockerImage](ctx, h, "image", names) })
	both.Go(func() { containers, containersErr = inspect[dockerContainer](ctx, h, "container", ids) })
	both.Wait()
	for _, err := range []error{imagesErr, containersErr} {
		if err != nil {
			return graduate.Errorf(graduate.Internal, "Docker does not answer (%w); start it and try again", err)
		}
	}
	layers, err := h.allLayers(ctx, images)
	if err != nil {
		return err
	}
	for app, f := range facts {
		if !f.Exists {
			continue
		}
		if i, ok := images[latest(app)]; ok {
			f.Image, f.Artifact = i.ID, i.Config.Labels[artifactLabel]
			f.Around.Version = graduate.ImageFacts{ID: i.ID, Created: i.Created, Size: i.Size, Layers: layers[i.ID]}
		}
		f.Deployed = f.Deployed && f.Image != ""
		h.compare(&f, files[app], containers)
		facts[app] = f
	}
	return nil
}

// latest is the image that an app's next start would use.
func latest(app string) string { return "dokku/" + app + ":latest" }

// allLayers reads the layers of some images by their IDs, of each once.
func (h *Host) allLayers(ctx context.Context, images map[string]dockerImage) (map[string][]graduate.Layer, error) {
	byID := map[string]dockerImage{}
	var ids []string
	for _, i := range images {
		if _, known := byID[i.ID]; !known {
			ids = append(ids, i.ID)
		}
		byID[i.ID] = i
	}
	var mu sync.Mutex
	layers := map[string][]graduate.Layer{}
	return layers, each(ctx, ids, func(ctx context.Context, id string) error {
		found := h.layers(ctx, byID[id])
		mu.Lock()
		defer mu.Unlock()
		layers[id] = found
		return ctx.Err()
	})
}

// compare tells how an app's containers stand to its files and its configuration.
func (h *Host) compare(f *graduate.Facts, files []containerFile, containers map[string]dockerContainer) {
	for _, file := range files {
		c, ok := containers[file.id]
		if !ok {
			f.Missing = true
			continue
		}
		f.Missing = f.Missing || !c.State.Running
		if !slices.Contains(f.Running, c.Image) {
			f.Running = append(f.Running, c.Image)
		}
		if !f.Deployed {
			continue
		}
		f.Drift = f.Drift || drifted(f.Config, c.Config.Env, f.RevisionKey)
		if used, ok := h.machine.memory(c); ok && c.State.Running {
			if f.Around.Memory == nil {
				f.Around.Memory = map[string]int64{}
			}
			f.Around.Memory[file.process] = max(f.Around.Memory[file.process], used)
		}
	}
}
