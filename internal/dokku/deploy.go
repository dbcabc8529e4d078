package dokku

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Processes lists the process types of the staged version with their counts, web first
// (trigger ps-current-scale; a type that the Procfile does not have is passed over by Dokku's own deploy).
func (h *Host) Processes(ctx context.Context, r *graduate.Run, a *graduate.App) ([]graduate.Process, error) {
	data, err := os.ReadFile(h.staged(r, a, "processes.json"))
	if err != nil {
		return nil, err
	}
	var processes []graduate.Process
	return processes, json.Unmarshal(data, &processes)
}

// scale asks Dokku for the scale of the staged version.
func (h *Host) scale(ctx context.Context, r *graduate.Run, a *graduate.App) ([]graduate.Process, error) {
	out, err := h.trigger(ctx, h.env(r, a), nil, "ps-current-scale", a.Target)
	if err != nil {
		return nil, err
	}
	procfile := h.hasProcess(ctx, r, a)
	var web, others []graduate.Process
	for line := range strings.Lines(out) {
		name, count, ok := strings.Cut(strings.TrimSpace(line), "=")
		n, err := strconv.Atoi(count)
		if !ok || err != nil {
			continue
		}
		switch {
		case name == graduate.Web && procfile(name):
			web = append(web, graduate.Process{Type: name, Count: n})
		case procfile(name):
			others = append(others, graduate.Process{Type: name, Count: n})
		}
	}
	return append(web, others...), nil
}

// hasProcess returns a test whether the staged version has a process type: one without a Procfile has them all.
func (h *Host) hasProcess(ctx context.Context, r *graduate.Run, a *graduate.App) func(string) bool {
	if _, err := h.trigger(ctx, h.env(r, a), nil, "procfile-exists", a.Target); err != nil {
		return func(string) bool { return true }
	}
	return func(process string) bool {
		out, err := h.trigger(ctx, h.env(r, a), nil, "procfile-get-command", a.Target, process, "5000")
		return err == nil && strings.TrimSpace(out) != ""
	}
}

// Deploy starts one process type through Dokku's scheduler (trigger scheduler-deploy SCHEDULER APP TAG TYPE).
// Each container is held by our check-deploy, after Dokku's own check.
func (h *Host) Deploy(ctx context.Context, r *graduate.Run, a *graduate.App, process string, log io.Writer) error {
	return h.deploy(ctx, r, a, process, []string{EnvSocket + "=" + r.Socket, EnvJournal + "=" + r.Journal()}, log)
}

// deploy runs Dokku's scheduler-deploy in a process group that is noted: it outlives its coordinator.
func (h *Host) deploy(ctx context.Context, r *graduate.Run, a *graduate.App, process string, env []string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, "plugn", "trigger", "scheduler-deploy", "docker-local", a.Target, r.Tag(), process)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, EnvID+"=") })
	cmd.Env = slices.Concat(cmd.Env, h.env(r, a), env)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	failpoint.Hit("deploy/started")
	if err := recordDeploy(r, cmd.Process.Pid); err != nil {
		return errors.Join(err, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL), cmd.Wait())
	}
	err := cmd.Wait()
	if err == nil {
		return nil
	}
	return &CommandError{"dokku's deploy", lastExclaim(r.Log(a.Target)), err}
}

// lastExclaim is the last line that Dokku marked as an error in a log.
func lastExclaim(path string) string {
	data, _ := os.ReadFile(path)
	var found string
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, " !     "); ok {
			found = strings.TrimSpace(text)
		}
	}
	return found
}

// Stop ends every deploy of the run at once and removes every container that it made. Deploys are killed, as
// one that is only asked to end would first queue its container for retirement.
func (h *Host) Stop(ctx context.Context, r *graduate.Run) error {
	if err := killProcesses(ctx, r); err != nil {
		return err
	}
	failpoint.Hit("stop/killed")
	return h.removeContainers(ctx, r)
}

// removeContainers removes the run's containers; the logs of those that failed are saved before.
func (h *Host) removeContainers(ctx context.Context, r *graduate.Run) error {
	// A killed deploy may have asked Docker for a container that is made only now: look until none is left.
	for {
		out, err := h.docker(ctx, "container", "ls", "--all", "--quiet", "--no-trunc", "--filter", "label="+RunLabel+"="+r.ID)
		if err != nil {
			return err
		}
		ids := strings.Fields(out)
		if len(ids) == 0 {
			return nil
		}
		if err := h.noteRemoved(ctx, r, ids); err != nil {
			return err
		}
		failpoint.Hit("stop/noted")
		for _, id := range ids {
			h.saveLog(ctx, r, id)
		}
		if _, err := h.docker(ctx, append([]string{"container", "rm", "--force"}, ids...)...); err != nil && ctx.Err() != nil {
			return err
		}
	}
}

// noteRemoved keeps the IDs of containers and their images, for the lines that a failing deploy queued of them.
func (h *Host) noteRemoved(ctx context.Context, r *graduate.Run, ids []string) error {
	file, err := os.OpenFile(filepath.Join(r.Dir, "removed"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out, _ := h.docker(ctx, append([]string{"container", "inspect", "--format", "{{.Id}} {{.Image}}"}, ids...)...)
	_, err = file.WriteString(strings.ReplaceAll(out, "sha256:", "") + "\n")
	return errors.Join(err, file.Close())
}

// saveLog saves what a candidate printed, as it is gone with the container.
func (h *Host) saveLog(ctx context.Context, r *graduate.Run, id string) {
	name, err := h.docker(ctx, "container", "inspect", "--format", "{{.Name}}", id)
	if err != nil {
		return
	}
	if err := os.MkdirAll(filepath.Dir(r.Log("container"+name)), 0o700); err != nil {
		return
	}
	file, err := os.OpenFile(r.Log("container"+name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = command{name: h.Docker, args: []string{"container", "logs", "--tail", "1000", id}, out: file}.run(ctx)
}

// Watch calls lost for each container of the run that ends, until the context ends.
func (h *Host) Watch(ctx context.Context, r *graduate.Run, lost func(container string)) {
	cmd := exec.CommandContext(ctx, h.Docker, "events", "--format", "{{.ID}}",
		"--filter", "type=container", "--filter", "event=die", "--filter", "label="+RunLabel+"="+r.ID)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), mayBeKilled)
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return // the barrier still notices a deploy that goes away
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		lost(lines.Text())
	}
	_ = cmd.Wait()
}
