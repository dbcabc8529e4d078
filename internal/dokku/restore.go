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

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
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
	failpoint.Hit("restore/apps")
	// Docker may have been at work for a deploy that was killed meanwhile; without its image none can follow.
	if err := h.removeContainers(ctx, r); err != nil {
		return err
	}
	if err := h.cleanQueues(r); err != nil {
		return err
	}
	failpoint.Hit("restore/queues")
	if err := h.Forget(ctx, r); err != nil {
		return err
	}
	return h.Open(ctx, r)
}

func (h *Host) restore(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	path := filepath.Join(h.snapshotDir(r), a.Target+".tar")
	if !exists(path) {
		return nil // the run ended before it touched this app
	}
	before, err := archived(path)
	if err != nil {
		return err
	}
	// What was not there goes first: it may stand where something has to be put back.
	if err := h.removeOthers(a.Target, before); err != nil {
		return err
	}
	failpoint.Hit("restore/removed")
	if err := restoreFiles(path); err != nil {
		return err
	}
	failpoint.Hit("restore/files")
	return h.restoreTags(ctx, r, a)
}

// archived lists the paths of an archive with the types of what stood there.
func archived(path string) (map[string]fs.FileMode, error) {
	before := map[string]fs.FileMode{}
	return before, eachEntry(path, func(path string, header *tar.Header, _ io.Reader) error {
		before[path] = header.FileInfo().Mode().Type()
		return nil
	})
}

// restoreFiles puts back each entry of an archive that differs.
func restoreFiles(path string) error {
	return eachEntry(path, func(path string, header *tar.Header, r io.Reader) error {
		switch header.Typeflag {
		case tar.TypeDir:
			return restoreDir(path, header.FileInfo().Mode().Perm())
		case tar.TypeSymlink:
			return restoreLink(path, header.Linkname)
		default:
			return restoreFile(path, header.FileInfo().Mode().Perm(), r)
		}
	})
}

// eachEntry reads an archive.
func eachEntry(path string, visit func(path string, header *tar.Header, r io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(strings.TrimSuffix(header.Name, "/"), header, archive); err != nil {
			return err
		}
	}
}

func restoreDir(path string, mode fs.FileMode) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(path, mode)
	}
	if err != nil || info != nil && info.Mode().Perm() == mode {
		return err
	}
	return os.Chmod(path, mode)
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
	failpoint.Hit("restore/file")
	return replaceFile(path, want, mode)
}

// replaceFile puts a file with exactly this mode in place, in one step.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(mode), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// removeOthers removes what was not there before in an app's places, or was something else.
func (h *Host) removeOthers(app string, before map[string]fs.FileMode) error {
	for _, place := range h.places(app) {
		var dirs []string
		err := walk(place, func(path string, info fs.FileInfo) error {
			was, there := before[path]
			switch {
			case there && was == info.Mode().Type():
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

// Overtaken tells whether a target has another version by now than the run's or the one before it.
func (h *Host) Overtaken(ctx context.Context, r *graduate.Run, a *graduate.App) bool {
	before, err := h.imagesBefore(r, a)
	if err != nil {
		return true // what is not known is left to a person
	}
	now, err := h.tags(ctx, a.Target)
	return err != nil || now["latest"] != before["latest"] && now["latest"] != now[r.Tag()]
}

// imagesBefore are the image tags that an app had before the run.
func (h *Host) imagesBefore(r *graduate.Run, a *graduate.App) (images, error) {
	data, err := os.ReadFile(filepath.Join(h.snapshotDir(r), a.Target+".images.json"))
	if err != nil {
		return nil, err
	}
	var before images
	return before, json.Unmarshal(data, &before)
}

// restoreTags gives the app the image tags that it had, and no others.
func (h *Host) restoreTags(ctx context.Context, r *graduate.Run, a *graduate.App) error {
	before, err := h.imagesBefore(r, a)
	if err != nil {
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
			// By force: an old container that is being retired may have the very image, and only this tag of it. It keeps it.
			if _, err := h.docker(ctx, "image", "rm", "--force", "dokku/"+a.Target+":"+tag); err != nil {
				return err
			}
			failpoint.Hit("restore/tag")
		}
	}
	return nil
}

// removeTemporary removes the temporary files of deploys (mktemp /tmp/dokku-$DOKKU_PID-*) and the folders of host
// hooks that were cut off.
func (h *Host) removeTemporary(r *graduate.Run) error {
	var errs []error
	for _, pattern := range []string{"dokku-" + pid(r) + "-*", "graduate-hook-" + r.ID + "-*"} {
		files, _ := filepath.Glob(filepath.Join(os.TempDir(), pattern))
		for _, file := range files {
			errs = append(errs, os.RemoveAll(file))
		}
	}
	return errors.Join(errs...)
}
