package dokku

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// notState are the folders of DOKKU_LIB_ROOT/data that are no state of a deploy: our own, Dokku's records of
// builds, and the users' data.
var notState = []string{"graduate", "builds", "storage"}

// notCopied are the parts of an app's repository that a deploy only adds to.
var notCopied = []string{"objects", "logs", "cache", "FETCH_HEAD"}

// places lists the folders that belong to an app: its repository, and its data and properties of every plugin.
func (h *Host) places(app string) []string {
	places := []string{h.appDir(app)}
	for _, pattern := range []string{"data/*/" + app, "data/*-vhosts/app-" + app, "config/*/" + app} {
		found, _ := filepath.Glob(filepath.Join(h.Lib, pattern))
		for _, place := range found {
			rel, _ := filepath.Rel(filepath.Join(h.Lib, "data"), place)
			if !slices.Contains(notState, strings.SplitN(rel, "/", 2)[0]) {
				places = append(places, place)
			}
		}
	}
	return places
}

// images is the image tags of an app before the run: tag to image ID.
type images map[string]string

func (h *Host) snapshotDir(r *graduate.Run) string { return filepath.Join(r.Dir, "before") }

// snapshot copies the files and image tags of a target. A copy that is whole already is kept.
func (h *Host) snapshot(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	dir := h.snapshotDir(r)
	if exists(filepath.Join(dir, a.Target+".tar")) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tags, err := h.tags(ctx, a.Target)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(tags, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, a.Target+".images.json"), data, 0o600); err != nil {
		return err
	}
	if err := h.noteContainers(r, a); err != nil {
		return err
	}
	failpoint.Hit("close/copying")
	// The archive comes last and under its own name only when whole: its existence says that both are there.
	file, err := renameio.NewPendingFile(filepath.Join(dir, a.Target+".tar"), renameio.WithPermissions(0o600))
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if err := h.archive(file, a.Target); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// container is one of a target's containers before the run.
type container struct {
	Process string `json:"process"`
	ID      string `json:"id"`
}

// noteContainers keeps which containers the target has (its files CONTAINER.TYPE.N).
func (h *Host) noteContainers(r *graduate.Run, a *graduate.App) error {
	var before []container
	files, _ := filepath.Glob(filepath.Join(h.appDir(a.Target), "CONTAINER.*"))
	for _, file := range files {
		process, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(file), "CONTAINER."), ".")
		if id, err := os.ReadFile(file); err == nil {
			before = append(before, container{process, strings.TrimSpace(string(id))})
		}
	}
	data, err := json.Marshal(before)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(h.snapshotDir(r), a.Target+".containers.json"), data, 0o600)
}

// containersBefore lists the containers that the target had before the run.
func (h *Host) containersBefore(r *graduate.Run, a *graduate.App) ([]container, error) {
	data, err := os.ReadFile(filepath.Join(h.snapshotDir(r), a.Target+".containers.json"))
	if err != nil {
		return nil, err
	}
	var before []container
	return before, json.Unmarshal(data, &before)
}

// archive writes the files of an app's places, by their full paths.
func (h *Host) archive(w io.Writer, app string) error {
	archive := tar.NewWriter(w)
	for _, place := range h.places(app) {
		err := walk(place, func(path string, info fs.FileInfo) error {
			var link string
			if info.Mode()&fs.ModeSymlink != 0 {
				var err error
				if link, err = os.Readlink(path); err != nil {
					return err
				}
			}
			header, err := tar.FileInfoHeader(info, link)
			if err != nil {
				return err
			}
			header.Name = path
			if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			_, err = io.Copy(archive, file)
			return errors.Join(err, file.Close())
		})
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

// walk calls f for the files, links and folders of a place that are part of a target's state.
func walk(place string, f func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if filepath.Dir(path) == place && slices.Contains(notCopied, entry.Name()) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() && !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
			return nil // a socket or a pipe is no state
		}
		return f(path, info)
	})
}

// tags lists the image tags of an app.
func (h *Host) tags(ctx context.Context, app string) (images, error) {
	out, err := h.docker(ctx, "image", "ls", "--no-trunc", "--format", "{{.Tag}} {{.ID}}", "dokku/"+app)
	if err != nil {
		return nil, err
	}
	tags := images{}
	for line := range strings.Lines(out) {
		if tag, id, ok := strings.Cut(strings.TrimSpace(line), " "); ok && tag != "<none>" {
			tags[tag] = id
		}
	}
	return tags, nil
}
