package dokku

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
)

// LookLabel marks the containers that are made to look into an image; they are never started.
const LookLabel = "com.dokku.graduate.look"

// lookLeft is how old such a container is when it was surely left by a process that died, lookEnd how long its
// removal may take.
const (
	lookLeft = 10 * time.Minute
	lookEnd  = 10 * time.Second
)

// procfileLimit is how much of a Procfile is read.
const procfileLimit = 1 << 16

// defaultPath is what Docker gives to images that set no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// HasCommand tells whether an image has the program that a command begins with, as scheduler-run would run it:
// neither found by a shell, nor run. known is false where the image's entry point decides what the command is, where
// a buildpack's /exec sets another PATH, where the word is a process type of its Procfile, and where the image cannot
// be looked into.
func (h *Host) HasCommand(ctx context.Context, name string, command []string) (has, known bool) {
	if len(command) == 0 || command[0] == "" {
		return false, false
	}
	images, err := inspect[dockerImage](ctx, h, "image", []string{name})
	i, ok := images[name]
	if err != nil || !ok {
		return false, false
	}
	entry := i.Config.Entrypoint
	if len(entry) > 0 && !strings.Contains(strings.Join(entry, " "), "tini") {
		return false, false
	}
	look, err := h.lookInto(ctx, i.ID)
	if err != nil {
		return false, false
	}
	defer look.close(ctx)
	if look.processes(ctx, i.Config.WorkingDir)[command[0]] != "" {
		return false, false // scheduler-run puts the process type's command in its place
	}
	for _, candidate := range i.candidates(command[0]) {
		switch mode, err := look.stat(ctx, candidate); {
		case err == nil && mode.IsRegular() && mode&0o111 != 0:
			return true, true
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return false, false
		}
	}
	// What is not there may be in a folder that only a buildpack's own shell knows.
	if _, err := look.stat(ctx, "/exec"); !errors.Is(err, fs.ErrNotExist) {
		return false, false
	}
	return false, true
}

// candidates are the places where the kernel would be told to look for a program.
func (i dockerImage) candidates(program string) []string {
	dir := path.Join("/", i.Config.WorkingDir)
	if strings.Contains(program, "/") {
		if path.IsAbs(program) {
			return []string{path.Clean(program)}
		}
		return []string{path.Join(dir, program)}
	}
	search := defaultPath
	for _, pair := range i.Config.Env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			search = value
		}
	}
	var found []string
	for folder := range strings.SplitSeq(search, ":") {
		if !path.IsAbs(folder) {
			folder = path.Join(dir, folder)
		}
		if candidate := path.Join(folder, program); !slices.Contains(found, candidate) {
			found = append(found, candidate)
		}
	}
	return found
}

// look is a container that was made to look into its image.
type look struct {
	h  *Host
	id string
}

// lookInto makes one. The labels of the image are covered: the container belongs to no app.
func (h *Host) lookInto(ctx context.Context, image string) (*look, error) {
	h.removeLeftLooks(ctx)
	if !h.engine.usable(ctx) {
		id, err := h.docker(ctx, "container", "create", "--label", LookLabel+"=1", "--label", "com.dokku.app-name=", "--network", "none", "--entrypoint", "", image, "true")
		return &look{h, id}, err
	}
	response, err := h.engine.call(ctx, http.MethodPost, "/containers/create", nil, map[string]any{
		"Image": image, "Entrypoint": []string{}, "Cmd": []string{"true"}, "NetworkDisabled": true,
		"Labels": map[string]string{LookLabel: "1", "com.dokku.app-name": ""},
	})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var made struct{ ID string }
	err = json.NewDecoder(response.Body).Decode(&made)
	return &look{h, made.ID}, err
}

// removeLeftLooks removes what processes that died in the midst of a look have left.
func (h *Host) removeLeftLooks(ctx context.Context) {
	if !h.engine.usable(ctx) {
		return // the client tells ages in words only; the next look over the socket does it
	}
	var left []struct {
		ID      string `json:"Id"`
		Created int64
	}
	filters, _ := json.Marshal(map[string][]string{"label": {LookLabel}})
	if err := h.engine.get(ctx, "/containers/json", url.Values{"all": {"1"}, "filters": {string(filters)}}, &left); err != nil {
		return
	}
	for _, c := range left {
		if time.Since(time.Unix(c.Created, 0)) > lookLeft {
			(&look{h, c.ID}).close(ctx)
		}
	}
}

// close removes the container, also where the caller was told to stop.
func (l *look) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookEnd)
	defer cancel()
	if !l.h.engine.usable(ctx) {
		_, _ = l.h.docker(ctx, "container", "rm", "--force", "--volumes", l.id)
		return
	}
	if response, err := l.h.engine.call(ctx, http.MethodDelete, "/containers/"+l.id, url.Values{"force": {"1"}, "v": {"1"}}, nil); err == nil {
		_ = response.Body.Close()
	}
}

// stat is the mode of a file in the image, a link followed.
func (l *look) stat(ctx context.Context, file string) (fs.FileMode, error) {
	if !l.h.engine.usable(ctx) {
		return l.statByClient(ctx, file)
	}
	for range 8 {
		response, err := l.h.engine.call(ctx, http.MethodHead, "/containers/"+l.id+"/archive", url.Values{"path": {file}}, nil)
		if errors.Is(err, errAbsent) {
			return 0, fs.ErrNotExist
		}
		if err != nil {
			return 0, err
		}
		_ = response.Body.Close()
		var stat struct {
			Mode       fs.FileMode `json:"mode"`
			LinkTarget string      `json:"linkTarget"`
		}
		data, err := base64.StdEncoding.DecodeString(response.Header.Get("X-Docker-Container-Path-Stat"))
		if err == nil {
			err = json.Unmarshal(data, &stat)
		}
		if err != nil {
			return 0, err
		}
		if stat.Mode&fs.ModeSymlink == 0 {
			return stat.Mode, nil
		}
		if stat.LinkTarget == "" || stat.LinkTarget == file {
			break
		}
		file = path.Join(path.Dir(file), stat.LinkTarget)
		if path.IsAbs(stat.LinkTarget) {
			file = stat.LinkTarget
		}
	}
	return 0, fs.ErrNotExist
}

// statByClient reads the head of the archive that docker cp makes of the file.
func (l *look) statByClient(ctx context.Context, file string) (fs.FileMode, error) {
	var mode fs.FileMode
	err := l.copied(ctx, file, func(head *tar.Header, _ io.Reader) { mode = head.FileInfo().Mode() })
	return mode, err
}

// copied has the client copy a file, which need not be read to its end.
func (l *look) copied(ctx context.Context, file string, read func(*tar.Header, io.Reader)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.h.Docker, "container", "cp", "--follow-link", l.id+":"+file, "-")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	content := tar.NewReader(out)
	head, err := content.Next()
	if err == nil {
		read(head, content)
	}
	cancel()
	_ = cmd.Wait()
	if err != nil { // nothing was printed: the client says only in words why
		return fs.ErrNotExist
	}
	return nil
}

// processes are the commands of the Procfile in the image, by process type.
func (l *look) processes(ctx context.Context, dir string) map[string]string {
	file := path.Join("/", dir, "Procfile")
	var text []byte
	keep := func(_ *tar.Header, content io.Reader) { text, _ = io.ReadAll(io.LimitReader(content, procfileLimit)) }
	if !l.h.engine.usable(ctx) {
		_ = l.copied(ctx, file, keep)
		return parseProcfile(text)
	}
	response, err := l.h.engine.call(ctx, http.MethodGet, "/containers/"+l.id+"/archive", url.Values{"path": {file}}, nil)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	content := tar.NewReader(response.Body)
	if head, err := content.Next(); err == nil {
		keep(head, content)
	}
	return parseProcfile(text)
}
