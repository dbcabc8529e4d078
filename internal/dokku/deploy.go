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
	return slices.DeleteFunc(parseScale(out), func(p graduate.Process) bool { return !procfile(p.Type) }), nil
}

// parseScale reads what ps-current-scale prints, a line TYPE=COUNT for each process type; web comes first.
func parseScale(out string) []graduate.Process {
	var web, others []graduate.Process
	for line := range strings.Lines(out) {
		name, count, ok := strings.Cut(strings.TrimSpace(line), "=")
		n, err := strconv.Atoi(count)
		switch {
		case !ok || err != nil:
		case name == graduate.Web:
			web = append(web, graduate.Process{Type: name, Count: n})
		default:
			others = append(others, graduate.Process{Type: name, Count: n})
		}
	}
	return append(web, others...)
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
	h.begins(r)
	return h.deploy(ctx, r, a, process, []string{EnvSocket + "=" + r.Socket, EnvJournal + "=" + r.Journal(), EnvProcess + "=" + process}, log)
}

// deploy runs Dokku's scheduler-deploy in a process group that is noted: it outlives its coordinator.
func (h *Host) deploy(ctx context.Context, r *graduate.Run, a *graduate.App, process string, env []string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, "plugn", "trigger", "scheduler-deploy", "docker-local", a.Target, r.Tag(), process)
	name := &deployName{r, a.Target, process}
	cmd.Env = command{env: slices.Concat(h.env(r, a), env), deployOf: name}.environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	failpoint.Hit("deploy/started")
	if err := name.record(cmd.Process.Pid); err != nil {
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
		h.noteRemoved(ctx, r, ids)
		failpoint.Hit("stop/noted")
		for _, id := range ids {
			h.saveLog(ctx, r, id)
		}
		if _, err := h.docker(ctx, append([]string{"container", "rm", "--force"}, ids...)...); err != nil && ctx.Err() != nil {
			return err
		}
	}
}

// noteRemoved keeps the IDs of containers and their images, for the lines that a failing deploy queued of them. A full
// disk must not keep an abort from its end: what cannot be written is kept in memory.
func (h *Host) noteRemoved(ctx context.Context, r *graduate.Run, ids []string) {
	out, _ := h.docker(ctx, append([]string{"container", "inspect", "--format", "{{.Id}} {{.Image}}"}, ids...)...)
	out = strings.ReplaceAll(out, "sha256:", "") + "\n"
	h.mu.Lock()
	h.removed = append(h.removed, strings.Fields(out)...)
	h.mu.Unlock()
	file, err := os.OpenFile(filepath.Join(r.Dir, "removed"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	_, _ = file.WriteString(out)
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

// Lost finds a held candidate whose container does not run: it has ended, or waits for its next restart.
func (h *Host) Lost(ctx context.Context, held []graduate.Candidate) (*graduate.Candidate, error) {
	if len(held) == 0 {
		return nil, nil
	}
	args := []string{"container", "inspect", "--format", "{{.Id}} {{.State.Running}} {{.State.Restarting}}"}
	for _, c := range held {
		args = append(args, c.Container)
	}
	out, err := h.docker(ctx, args...)
	if err != nil && out == "" {
		return nil, err
	}
	for i, c := range held {
		running := func(line string) bool {
			fields := strings.Fields(line)
			return len(fields) == 3 && strings.HasPrefix(fields[0], c.Container) && fields[1] == "true" && fields[2] == "false"
		}
		if !slices.ContainsFunc(strings.Split(out, "\n"), running) {
			return &held[i], nil
		}
	}
	return nil, nil
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
