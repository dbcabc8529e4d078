package dokku

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Adopt takes the targets of a run whose coordinator is gone under this process's deploy locks.
func (h *Host) Adopt(_ context.Context, r *graduate.Run) error {
	for _, a := range r.Apps {
		if err := h.lock(a.Target); err != nil {
			return err
		}
	}
	return killGroups(r, watches)
}

// Complete brings a deploy to its end that lost its coordinator after the release point. While its own process
// lives it goes on by itself, as the journal tells it to; else the type is deployed once more, without a hold.
func (h *Host) Complete(ctx context.Context, r *graduate.Run, a *graduate.App, process string, log io.Writer) error {
	if err := h.awaitDeploys(ctx, r); err != nil {
		return err
	}
	left, err := h.unsettled(ctx, r, a, process)
	if err != nil || len(left) == 0 {
		return err
	}
	if err := h.redeploy(ctx, r, a, log, process); err != nil {
		return &CommandError{"dokku's deploy", lastExclaim(r.Log(a.Target)), err}
	}
	_, err = h.docker(ctx, append([]string{"container", "rm", "--force"}, left...)...)
	return err
}

// unsettled lists the run's containers of a process type which Dokku has not taken over; where there are none at
// all, one name that does not exist stands for what is missing.
func (h *Host) unsettled(ctx context.Context, r *graduate.Run, a *graduate.App, process string) ([]string, error) {
	out, err := h.docker(ctx, "container", "ls", "--all", "--quiet", "--no-trunc", "--filter", "label="+RunLabel+"="+r.ID,
		"--filter", "label=com.dokku.app-name="+a.Target, "--filter", "label=com.dokku.process-type="+process)
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out)
	settled := h.containerIDs(a.Target)
	left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(settled, id) })
	if len(ids) == 0 {
		left = []string{"graduate-missing-" + r.ID}
	}
	return left, nil
}

// awaitDeploys waits until no deploy of the run is under way any more.
func (h *Host) awaitDeploys(ctx context.Context, r *graduate.Run) error {
	files, _ := filepath.Glob(filepath.Join(r.Dir, deploys, "*"))
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(file))
		want, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if err := awaitProcess(ctx, pid, string(want)); err != nil {
			return fmt.Errorf("waiting for the deploy in process %d: %w", pid, err)
		}
	}
	return nil
}

// redeploy runs Dokku's deploy of a process type without a hold.
func (h *Host) redeploy(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer, process string) error {
	_, err := command{
		name: "plugn", args: []string{"trigger", "scheduler-deploy", "docker-local", a.Target, r.Tag(), process},
		env: h.env(r, a), out: log, deployOf: r,
	}.run(ctx)
	return err
}
