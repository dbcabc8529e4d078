package dokku

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// keptTags lists the kept versions of an app.
func (h *Host) keptTags(ctx context.Context, app string) ([]string, error) {
	out, err := h.docker(ctx, "image", "ls", "--format", "{{.Tag}}", keptImages+app)
	return strings.Fields(out), err
}

// RenameKept gives what is kept of an app to the one that it became.
func (h *Host) RenameKept(ctx context.Context, from, to string) error {
	tags, err := h.keptTags(ctx, from)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if _, err := h.docker(ctx, "image", "tag", keptImages+from+":"+tag, keptImages+to+":"+tag); err != nil {
			return err
		}
	}
	err = os.Rename(h.keptRepository(from), h.keptRepository(to))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, h.ForgetApp(ctx, from))
}

// ForgetApp removes what is kept of an app.
func (h *Host) ForgetApp(ctx context.Context, app string) error {
	tags, err := h.keptTags(ctx, app)
	if err != nil {
		return err
	}
	if len(tags) > 0 {
		args := []string{"image", "rm"}
		for _, tag := range tags {
			args = append(args, keptImages+app+":"+tag)
		}
		if _, err := h.docker(ctx, args...); err != nil {
			return err
		}
	}
	return os.RemoveAll(h.keptRepository(app))
}
