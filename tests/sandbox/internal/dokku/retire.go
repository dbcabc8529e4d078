package dokku

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The two queues of what is to be removed once its time has come.
const (
	deadContainers = "dead-containers"
	deadImages     = "dead-images"
)

func (p *Proc) queue(name string) string { return p.Layout.Data("scheduler-docker-local", name) }

// register puts a container or an image into its queue, once.
func (p *Proc) register(queue, app, id, wait string) error {
	seconds, err := strconv.Atoi(wait)
	if err != nil {
		seconds = 60
	}
	file := p.queue(queue)
	data, _ := os.ReadFile(file)
	if strings.Contains(string(data), id) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	writeLine(file, fmt.Sprintf("%s %s %d", app, id, time.Now().Unix()+int64(seconds)))
	return nil
}

// registerRetired queues a container that has been replaced, and its images: the
// app's own and the one that it was made from, unless the app still needs them.
func registerRetired(p *Proc, args []string) error {
	app, id, wait := arg(args, 0), arg(args, 1), arg(args, 2)
	if id == "" {
		return nil
	}
	state, err := p.inspect(id)
	if queueErr := p.register(deadContainers, app, id, wait); queueErr != nil {
		return queueErr
	}
	if errors.Is(err, errNoContainer) || p.Env["DOKKU_SKIP_IMAGE_RETIRE"] == "true" {
		return nil
	}
	if err != nil {
		return err
	}
	used, err := p.usedImages(app, state.ID)
	if err != nil {
		return err
	}
	own := strings.TrimPrefix(state.Image, "sha256:")
	if !contains(used, own) {
		if err := p.register(deadImages, app, own, wait); err != nil {
			return err
		}
	}
	source := sourceImage(state)
	if source == "" || p.prop("git", app, "source-image") == source {
		return nil
	}
	if there, err := p.imageExists(source); err != nil || !there {
		return err
	}
	found, err := p.inspectImage(source)
	if err != nil {
		return err
	}
	if id := strings.TrimPrefix(found.ID, "sha256:"); !contains(used, id) {
		return p.register(deadImages, app, id, wait)
	}
	return nil
}

// sourceImage is the image that git:from-image was given for a container.
func sourceImage(state container) string {
	var tags []string
	_ = json.Unmarshal([]byte(state.Config.Labels["com.dokku.docker-image-labeler/alternate-tags"]), &tags)
	return arg(tags, 0)
}

// usedImages are those of an app's running containers, without the given one
// and without those that are to go anyway.
func (p *Proc) usedImages(app, except string) ([]string, error) {
	out, err := p.docker("container", "ls", "--quiet", "--no-trunc", "--filter", "label=com.dokku.app-name="+app)
	if err != nil {
		return nil, err
	}
	found, err := p.inspectAll(without(lines(out), except)...)
	if err != nil {
		return nil, err
	}
	queued, _ := os.ReadFile(p.queue(deadContainers))
	var images []string
	for _, state := range found {
		if !strings.Contains(string(queued), short(state.ID)) {
			images = append(images, strings.TrimPrefix(state.Image, "sha256:"))
		}
	}
	return images, nil
}

// schedulerRetire works the queues off.
func schedulerRetire(p *Proc, args []string) error {
	app := arg(args, 1)
	if err := p.workOff(deadContainers, app, p.retireContainer); err != nil {
		return err
	}
	return p.workOff(deadImages, app, p.retireImage)
}

// workOff removes the entries of a queue whose time has come. An entry stays for
// as long as its removal fails.
func (p *Proc) workOff(queue, app string, remove func(app, id string) bool) error {
	file := p.queue(queue)
	done := map[string]bool{}
	for _, line := range readLines(file) {
		fields := strings.Split(line, " ")
		due, _ := strconv.ParseInt(arg(fields, 2), 10, 64)
		owner, id := fields[0], arg(fields, 1)
		if app != "" && owner != app || time.Now().Unix() <= due {
			continue
		}
		done[line] = remove(owner, id)
	}
	if len(done) == 0 {
		return nil
	}
	var kept []string
	for _, line := range readLines(file) { // again: a deploy may have added some
		if !done[line] {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "\n")
	if text != "" {
		text += "\n"
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func (p *Proc) retireContainer(app, id string) bool {
	p.verboseQuiet("Attempting to retire %s container %s", app, id)
	state, err := p.inspect(id)
	if err != nil {
		return p.isGone(id, err)
	}
	if state.State.Running || state.State.Status == "restarting" || state.State.Status == "paused" {
		p.stopContainer(app, id)
	}
	_, _ = p.docker("container", "rm", "--force", id)
	if _, err = p.inspect(id); err == nil {
		p.warn("Container %s still running", id)
		return false
	}
	return p.isGone(id, err)
}

// isGone tells whether docker says that a container does not exist, or cannot say.
func (p *Proc) isGone(id string, err error) bool {
	if !errors.Is(err, errNoContainer) {
		p.warn("Container %s: %v", id, err)
		return false
	}
	return true
}

func (p *Proc) retireImage(app, id string) bool {
	if there, err := p.imageExists(id); err != nil {
		p.warn("Image %s: %v", id, err)
		return false
	} else if !there {
		return true
	}
	p.verboseQuiet("Attempting to retire %s image %s", app, id)
	_, err := p.docker("image", "remove", id)
	switch {
	case err == nil:
		return true
	case strings.Contains(err.Error(), "is being used by running container"):
		if used, err := p.usedImages(app, ""); err == nil && contains(used, id) {
			p.warn("Image %s is still in use by %s, removing from retire list", id, app)
			return true
		}
		p.warn("Image %s has running containers, skipping rm", id)
	default:
		p.warn("Image %s still running", id)
	}
	return false
}

// background starts the sandbox's binary again, apart from this process and all
// its streams, and notes it down so that stopping the sandbox ends it.
func (p *Proc) background(args ...string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	cmd := exec.Command(p.Layout.Binary(), args...)
	cmd.Env = p.environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	writeLine(filepath.Join(p.Layout.Run(), "pids"), strconv.Itoa(cmd.Process.Pid))
	return cmd.Process.Release()
}

// RetireLater is the process that a deploy leaves behind: it waits and then
// stops the old containers that are still there.
func RetireLater(p *Proc, args []string) error {
	seconds, err := strconv.Atoi(arg(args, 0))
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	for _, id := range from(args, 3) {
		if _, err := p.inspect(id); errors.Is(err, errNoContainer) {
			continue
		}
		_, _ = p.docker("container", "update", "--restart=no", id)
		if _, err := p.docker("container", "stop", "--time="+arg(args, 1), id); err == nil {
			continue
		}
		if _, err := p.docker("container", "kill", id); err != nil {
			_ = p.trigger("retire-container-failed", arg(args, 2), id)
		}
	}
	return nil
}
