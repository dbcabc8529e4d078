package dokku

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// OneOff runs a command in a one-off container of an image of an app, as `dokku run` would: with the target's
// config, links, networks and docker options (trigger scheduler-run SCHEDULER APP COUNT K=V... -- COMMAND). Our
// deployed-app-image-tag answers the tag, and our docker-args-run labels the container.
func (h *Host) OneOff(ctx context.Context, r *graduate.Run, a *graduate.App, o graduate.OneOff, out io.Writer) error {
	words := o.Command
	if o.Process != "" {
		var err error
		if words, err = h.processCommand(ctx, r, a, o); err != nil {
			return err
		}
	}
	args := []string{"docker-local", a.Target, strconv.Itoa(len(o.Variables))}
	for _, pair := range o.Variables {
		args = append(args, quote(pair))
	}
	args = slices.Concat(args, []string{"--"}, words)
	env := append(h.env(r, a), EnvTag+"="+o.Tag, EnvHook+"="+o.Hook)
	_, err := h.trigger(ctx, env, out, "scheduler-run", args...)
	if ctx.Err() != nil { // who cuts it off removes its container
		return err
	}
	if err != nil {
		err = h.ending(ctx, r, o.Hook, err)
	}
	if left := h.StopOneOffs(ctx, r, o.Hook); left != nil {
		_, _ = fmt.Fprintf(out, " !     its container could not be removed: %v\n", left)
	}
	return err
}

// processCommand is the command of a process of the Procfile that belongs to an image: as Dokku runs release tasks, since
// its own scheduler-run looks into the Procfile that is in effect, without what a graduation has taken out of it.
func (h *Host) processCommand(ctx context.Context, r *graduate.Run, a *graduate.App, o graduate.OneOff) ([]string, error) {
	data, err := os.ReadFile(h.procfileOf(r, a, o.Tag))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	line := parseProcfile(data)[o.Process]
	if line == "" {
		return nil, fmt.Errorf("the Procfile of %s has no process %s", a.Target, o.Process)
	}
	return h.taskCommand(ctx, a.Target, "dokku/"+a.Target+":"+o.Tag, line)
}

// procfileOf is the path of the Procfile that belongs to an image: beside the run that has staged it, this one or the
// release that it takes back, which may never have come into effect, or lacks there what its hold has taken out.
func (h *Host) procfileOf(r *graduate.Run, a *graduate.App, tag string) string {
	if tag == r.Tag() {
		return h.staged(r, a, procfile.name)
	}
	if id := strings.TrimPrefix(tag, "graduate-"); id != tag && runID.MatchString(id) {
		other := &graduate.Run{ID: id, Dir: h.RunDir(id)}
		if exists(h.staged(other, a, "")) { // also where the version has no Procfile
			return h.staged(other, a, procfile.name)
		}
	}
	return h.stored(procfile, a.Target)
}

// ending is how the container of a hook ended, where it did not end well: Dokku's exit code alone does not tell an
// app's own from that of a kernel without memory. Where there is no container (Dokku removes it by itself where
// DOKKU_RM_CONTAINER is in its config, and makes none of a broken image) it is err.
func (h *Host) ending(ctx context.Context, r *graduate.Run, hook string, err error) error {
	ids, failed := h.oneOffs(ctx, r, hook)
	if failed != nil || len(ids) != 1 {
		return err
	}
	c, ok := h.oneOffState(ctx, ids[0])
	if !ok || c.State.Running || c.State.ExitCode == 0 {
		return err
	}
	return exitOf(c)
}

// quote makes one word of NAME=VALUE for Dokku, which splits docker's arguments as xargs does.
func quote(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	return name + `="` + strings.ReplaceAll(value, `"`, "") + `"`
}

// hookName is the form of a hook's or task's full name.
var hookName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*$`)

// OneOffArgs are docker's options for the container that a run makes for a hook, in the way that Dokku wants them:
// its label, and the file with what it is told. Whoever may set config can set what names run and hook, and Dokku's
// shell evaluates the answer: so they choose no path, and count for nothing where there is no such run or hook.
func (h *Host) OneOffArgs(run, hook string) string {
	if !runID.MatchString(run) || !hookName.MatchString(hook) {
		return ""
	}
	args := " --label=" + HookLabel + "=" + hook
	r := &graduate.Run{ID: run, Dir: h.RunDir(run)}
	if exists(r.HookContext(hook)) {
		args += " --volume=" + r.HookContext(hook) + ":" + graduate.HookContextInside + ":ro"
	}
	return args
}

// LiveAddresses are the addresses (IP:PORT) of an app's live web containers, as Dokku notes them (IP.web.N, PORT.web.N).
func (h *Host) LiveAddresses(app string) []string {
	var addresses []string
	for n := 1; ; n++ {
		read := func(what string) string {
			data, _ := os.ReadFile(filepath.Join(h.appDir(app), fmt.Sprintf("%s.web.%d", what, n)))
			return strings.TrimSpace(string(data))
		}
		ip, port := read("IP"), read("PORT")
		if ip == "" || port == "" {
			return addresses
		}
		addresses = append(addresses, net.JoinHostPort(ip, port))
	}
}

// StopOneOffs removes the one-off containers that a hook of the run has left, or, where none is named, all hooks.
func (h *Host) StopOneOffs(ctx context.Context, r *graduate.Run, hook string) error {
	ids, err := h.oneOffs(ctx, r, hook)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = h.docker(ctx, append([]string{"container", "rm", "--force"}, ids...)...)
	return err
}

// oneOffs are the IDs of the one-off containers of a hook, or of all hooks where it is empty.
func (h *Host) oneOffs(ctx context.Context, r *graduate.Run, hook string) ([]string, error) {
	args := []string{"container", "ls", "--all", "--quiet", "--no-trunc", "--filter", "label=" + RunLabel + "=" + r.ID,
		"--filter", "label=com.dokku.container-type=run"}
	if hook != "" {
		args = append(args, "--filter", "label="+HookLabel+"="+hook)
	}
	out, err := h.docker(ctx, args...)
	return strings.Fields(out), err
}
