package dokku

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// versionFile is a file of the new version that the run changes for its own duration: Dokku keeps it as NAME in
// data/PLUGIN/APP, and for a deploy under way as NAME.$DOKKU_PID, or NAME.$DOKKU_PID.missing where there is none.
type versionFile struct{ plugin, name string }

var (
	appJSON  = versionFile{"app-json", "app.json"}
	procfile = versionFile{"ps", "Procfile"}
)

func (h *Host) stored(f versionFile, app string) string {
	return filepath.Join(h.dataDir(f.plugin, app), f.name)
}

// takeOutTasks keeps the version's own files beside the run, and takes the tasks that are to run in the hold
// (or not at all) out of those that Dokku will read. The postdeploy task goes as well: each process type is a
// deploy of its own, and every one would run it.
func (h *Host) takeOutTasks(r *graduate.Run, a *graduate.App) error {
	for _, f := range []versionFile{appJSON, procfile} {
		data, err := os.ReadFile(h.stored(f, a.Target) + "." + pid(r))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := renameio.WriteFile(h.staged(r, a, f.name), data, 0o600); err != nil {
			return err
		}
	}
	before := r.Settings.ReleaseTaskMode() == graduate.ReleaseTasksBefore
	err := h.editAppJSON(r, a, func(doc map[string]any) {
		scripts, _ := doc["scripts"].(map[string]any)
		own, _ := scripts["dokku"].(map[string]any)
		delete(own, "postdeploy")
		if !before {
			delete(own, "predeploy")
			delete(scripts, "postdeploy") // Heroku's: once, at the first deploy
		}
	})
	if err != nil || before {
		return err
	}
	return h.editProcfile(r, a)
}

// startTogether lets Dokku start all containers of a process type at once (formation.TYPE.max_parallel of the
// app.json in effect; trigger app-json-process-deploy-parallelism). One by one, the first that is held would
// keep the second from being started.
func (h *Host) startTogether(r *graduate.Run, a *graduate.App, processes []graduate.Process) error {
	many := slices.ContainsFunc(processes, func(p graduate.Process) bool { return p.Count > 1 })
	if !many {
		return nil
	}
	return h.editAppJSON(r, a, func(doc map[string]any) {
		formation, _ := doc["formation"].(map[string]any)
		if formation == nil {
			formation = map[string]any{}
			doc["formation"] = formation
		}
		for _, p := range processes {
			entry, _ := formation[p.Type].(map[string]any)
			if entry == nil {
				entry = map[string]any{}
				formation[p.Type] = entry
			}
			entry["max_parallel"] = max(p.Count, 1)
		}
	})
}

// editAppJSON changes the app.json of the deploy under way; one that does not exist is made where the change
// adds something.
func (h *Host) editAppJSON(r *graduate.Run, a *graduate.App, change func(map[string]any)) error {
	path := h.stored(appJSON, a.Target) + "." + pid(r)
	doc := map[string]any{}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&doc); err != nil {
			return fmt.Errorf("app.json of %s: %w", a.Source, err)
		}
		if doc == nil { // the file says null
			doc = map[string]any{}
		}
	}
	change(doc)
	if len(doc) == 0 {
		return nil
	}
	data, err = json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path + ".missing"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return renameio.WriteFile(path, data, 0o644)
}

// editProcfile takes the release task out of the Procfile of the deploy under way.
func (h *Host) editProcfile(r *graduate.Run, a *graduate.App) error {
	path := h.stored(procfile, a.Target) + "." + pid(r)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		if name, _, ok := strings.Cut(line, ":"); !ok || strings.TrimSpace(name) != "release" {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(data) {
		return nil
	}
	return renameio.WriteFile(path, []byte(kept.String()), 0o644, renameio.WithExistingPermissions())
}

// putBack stores the version's own app.json and Procfile at the target, now that Dokku has taken over those
// that the run had changed.
func (h *Host) putBack(r *graduate.Run, a *graduate.App) error {
	if !exists(h.staged(r, a, "processes.json")) {
		return nil // done already
	}
	for _, f := range []versionFile{appJSON, procfile} {
		stored := h.stored(f, a.Target)
		leftovers, _ := filepath.Glob(stored + "." + pid(r) + "*")
		for _, path := range leftovers {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
		data, err := os.ReadFile(h.staged(r, a, f.name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = os.Remove(stored)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		case err == nil:
			err = renameio.WriteFile(stored, data, 0o644, renameio.WithExistingPermissions())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scripts is the part of app.json that has tasks (docs/advanced-usage/deployment-tasks.md).
type scripts struct {
	Scripts struct {
		Dokku struct {
			Predeploy  string `json:"predeploy"`
			Postdeploy string `json:"postdeploy"`
		} `json:"dokku"`
		Postdeploy string `json:"postdeploy"`
	} `json:"scripts"`
}

// ReleaseTasks lists the tasks that the version brings along for a moment, in the order in which Dokku runs them.
func (h *Host) ReleaseTasks(ctx context.Context, r *graduate.Run, a *graduate.App, moment string) ([]graduate.Task, error) {
	var doc scripts
	if data, err := os.ReadFile(h.staged(r, a, appJSON.name)); err == nil {
		if err := json.Unmarshal(data, &doc); err != nil {
			return nil, fmt.Errorf("app.json of %s: %w", a.Source, err)
		}
	}
	type line struct{ name, command string }
	lines := []line{{"postdeploy", doc.Scripts.Dokku.Postdeploy}}
	if moment == graduate.TaskRelease {
		lines = []line{{"predeploy", doc.Scripts.Dokku.Predeploy}, {"release", h.releaseLine(r, a)}}
		if a.First {
			lines = append(lines, line{"first-postdeploy", doc.Scripts.Postdeploy})
		}
	}
	var tasks []graduate.Task
	for _, l := range lines {
		if l.command == "" {
			continue
		}
		words, err := h.taskCommand(ctx, a.Target, a.Image, l.command)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, graduate.Task{Name: l.name, Command: words})
	}
	return tasks, nil
}

// releaseLine is the command of the Procfile's release.
func (h *Host) releaseLine(r *graduate.Run, a *graduate.App) string {
	data, err := os.ReadFile(h.staged(r, a, procfile.name))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, command, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "release" {
			return strings.TrimSpace(command)
		}
	}
	return ""
}

// taskCommand is a task's command as Dokku runs it: in the app's shell, but in words where the image has an
// entry point of its own.
func (h *Host) taskCommand(ctx context.Context, app, image, line string) ([]string, error) {
	entry, err := h.docker(ctx, "image", "inspect", "--format", "{{json .Config.Entrypoint}}", image)
	if err != nil {
		return nil, err
	}
	if entry != "null" && entry != "[]" && !strings.Contains(entry, "tini") {
		return strings.Fields(line), nil
	}
	shell := cmp.Or(h.computed("scheduler", app, "shell", ""), "/bin/bash")
	return []string{shell, "-c", "set -e; set -o pipefail || true; " + line + " || exit 1;"}, nil
}
