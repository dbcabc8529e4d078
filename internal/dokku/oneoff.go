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
func (h *Host) OneOff(ctx context.Context, r *graduate.Run, a *graduate.App, tag string, variables, words []string, out io.Writer) error {
	args := []string{"docker-local", a.Target, strconv.Itoa(len(variables))}
	for _, pair := range variables {
		args = append(args, quote(pair))
	}
	args = slices.Concat(args, []string{"--"}, words)
	env := append(h.env(r, a), "DOKKU_RM_CONTAINER=1", EnvTag+"="+tag)
	_, err := h.trigger(ctx, env, out, "scheduler-run", args...)
	return err
}

// quote makes one word of NAME=VALUE for Dokku, which splits docker's arguments as xargs does.
func quote(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	return name + `="` + strings.ReplaceAll(value, `"`, "") + `"`
}

// StopOneOffs removes the one-off containers that a cut-off hook of the run has left.
func (h *Host) StopOneOffs(ctx context.Context, r *graduate.Run) error {
	out, err := h.docker(ctx, "container", "ls", "--all", "--quiet", "--filter", "label="+RunLabel+"="+r.ID,
		"--filter", "label=com.dokku.container-type=run")
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
