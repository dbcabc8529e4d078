package dokku

import (
	"archive/tar"
	"bytes"
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
	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Restore puts back what differs from the copies of the targets, then opens them again.
func (h *Host) Restore(ctx context.Context, r *graduate.Run) error {
	var errs []error
	for _, a := range r.Active() {
		if err := h.restore(ctx, r, a); err != nil {
			errs = append(errs, fmt.Errorf("%s could not be restored: %w", a.Target, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err // the copies stay for the next try
	}
	// Docker may have been at work for a deploy that was killed meanwhile; without its image none can follow.
	if err := h.removeContainers(ctx, r); err != nil {
		return err
	}
	if err := h.cleanQueues(r); err != nil {
		return err
	}
	return h.Open(ctx, r)
}

func (h *Host) restore(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	path := filepath.Join(h.snapshotDir(r), a.Target+".tar")
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the run ended before it touched this app
	}
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := restoreFiles(file)
	if err != nil {
		return err
	}
	if err := h.removeOthers(a.Target, before); err != nil {
		return err
	}
	return h.restoreTags(ctx, r, a)
}

// restoreFiles puts back each file of an archive that differs, and returns all its paths.
func restoreFiles(r io.Reader) (map[string]bool, error) {
	before := map[string]bool{}
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return before, nil
		}
		if err != nil {
			return nil, err
		}
		path := strings.TrimSuffix(header.Name, "/")
		before[path] = true
		switch header.Typeflag {
		case tar.TypeDir:
			err = restoreDir(path, header.FileInfo().Mode())
		case tar.TypeSymlink:
			err = restoreLink(path, header.Linkname)
		default:
			err = restoreFile(path, header.FileInfo().Mode().Perm(), archive)
		}
		if err != nil {
			return nil, err
		}
	}
}

func restoreDir(path string, mode fs.FileMode) error {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil
	}
	return os.MkdirAll(path, mode.Perm())
}

func restoreLink(path, target string) error {
	if now, err := os.Readlink(path); err == nil && now == target {
		return nil
	}
	return renameio.Symlink(target, path)
}

func restoreFile(path string, mode fs.FileMode, r io.Reader) error {
	want, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm() == mode {
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, want) {
			return nil
		}
	}
	return renameio.WriteFile(path, want, mode, renameio.IgnoreUmask())
}

// removeOthers removes the files of an app's places that were not there before.
func (h *Host) removeOthers(app string, before map[string]bool) error {
	for _, place := range h.places(app) {
		var dirs []string
		err := walk(place, func(path string, info fs.FileInfo) error {
			switch {
			case before[path]:
				return nil
			case info.IsDir():
				dirs = append(dirs, path)
				return nil
			default:
				return os.Remove(path)
			}
		})
		if err != nil {
			return err
		}
		for i := len(dirs) - 1; i >= 0; i-- { // the innermost first
			if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// restoreTags gives the app the image tags that it had, and no others.
func (h *Host) restoreTags(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	data, err := os.ReadFile(filepath.Join(h.snapshotDir(r), a.Target+".images.json"))
	if err != nil {
		return err
	}
	var before images
	if err := json.Unmarshal(data, &before); err != nil {
		return err
	}
	now, err := h.tags(ctx, a.Target)
	if err != nil {
		return err
	}
	for tag, id := range before {
		if now[tag] != id {
			if _, err := h.docker(ctx, "image", "tag", id, "dokku/"+a.Target+":"+tag); err != nil {
				return err
			}
		}
	}
	for tag := range now {
		if _, ok := before[tag]; !ok {
			if _, err := h.docker(ctx, "image", "rm", "dokku/"+a.Target+":"+tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// cleanQueues removes from Dokku's retirement queues what a failing deploy of the run put there
// (scheduler-register-retired): a line is "APP ID TIME", of a failed deploy with an empty APP.
func (h *Host) cleanQueues(r *graduate.Run) error {
	ours, err := os.ReadFile(filepath.Join(r.Dir, "removed"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ids := strings.Fields(string(ours))
	for _, queue := range []string{"dead-containers", "dead-images"} {
		if err := dropLines(filepath.Join(h.Lib, "data", "scheduler-docker-local", queue), ids); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(r.Dir, "removed"))
}

// dropLines removes the lines of a file that have one of the words.
func dropLines(path string, words []string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		drop := false
		for _, word := range words {
			drop = drop || strings.Contains(line, word)
		}
		if !drop {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(data) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(kept.String()), info.Mode().Perm(), renameio.IgnoreUmask())
}

// removeTemporary removes the temporary files of deploys that were cut off (mktemp /tmp/dokku-$DOKKU_PID-*).
func (h *Host) removeTemporary(r *graduate.Run) error {
	files, _ := filepath.Glob(filepath.Join(os.TempDir(), "dokku-"+pid(r)+"-*"))
	var errs []error
	for _, file := range files {
		errs = append(errs, os.RemoveAll(file))
	}
	return errors.Join(errs...)
}
