package dokku

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// OneOff runs a command in a one-off container of an image of an app, as `dokku run` would: with the target's
// config, links, networks and docker options (trigger scheduler-run SCHEDULER APP COUNT K=V... -- COMMAND). Our
// deployed-app-image-tag answers the tag, and our docker-args-run labels the container.
func (h *Host) OneOff(ctx context.Context, r *graduate.Run, a *graduate.App, o graduate.OneOff, out io.Writer) error {
	args := []string{"docker-local", a.Target, strconv.Itoa(len(o.Variables))}
	for _, pair := range o.Variables {
		args = append(args, quote(pair))
	}
	args = slices.Concat(args, []string{"--"}, o.Command)
	env := append(h.env(r, a), "DOKKU_RM_CONTAINER=1", EnvTag+"="+o.Tag, EnvHook+"="+o.Hook)
	_, err := h.trigger(ctx, env, out, "scheduler-run", args...)
	return err
}

// quote makes one word of NAME=VALUE for Dokku, which splits docker's arguments as xargs does.
func quote(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	return name + `="` + strings.ReplaceAll(value, `"`, "") + `"`
}

// StopOneOffs removes the one-off containers that a hook of the run has left, or, where none is named, all hooks.
func (h *Host) StopOneOffs(ctx context.Context, r *graduate.Run, hook string) error {
	args := []string{"container", "ls", "--all", "--quiet", "--filter", "label=" + RunLabel + "=" + r.ID,
		"--filter", "label=com.dokku.container-type=run"}
	if hook != "" {
		args = append(args, "--filter", "label="+HookLabel+"="+hook)
	}
	out, err := h.docker(ctx, args...)
	if err != nil {
		return err
	}
	ids := strings.Fields(out)
	if len(ids) == 0 {
		return nil
	}
	_, err = h.docker(ctx, append([]string{"container", "rm", "--force"}, ids...)...)
	return err
}
