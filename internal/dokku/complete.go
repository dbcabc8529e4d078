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
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Adopt takes the targets of a run whose coordinator is gone under this process's deploy locks, and lets what that
// coordinator had begun come to its end: a docker build that ends later would leave its image behind.
func (h *Host) Adopt(ctx context.Context, r *graduate.Run) error {
	for _, a := range r.Apps {
		if err := h.lock(a.Target); err != nil {
			return err
		}
	}
	return h.endOrphans(ctx, r)
}

// orphanGrace is how long a command of a dead coordinator may take to end before it is killed.
const orphanGrace = time.Minute

// endOrphans ends what a dead coordinator itself has started. Commands are awaited, as one that is killed may leave
// half a file or have Docker go on without it; hooks end at once: they are run again, or undone. Deploys are no part
// of it: they decide from the journal.
func (h *Host) endOrphans(ctx context.Context, r *graduate.Run) error {
	bounded, cancel := context.WithTimeout(ctx, orphanGrace)
	defer cancel()
	for {
		// A hook that was only about to start its container has one later.
		if err := h.StopOneOffs(ctx, r); err != nil {
			return err
		}
		orphans := processesWith(EnvID + "=" + r.ID)
		if len(orphans) == 0 {
			return h.StopOneOffs(ctx, r)
		}
		for _, pid := range orphans {
			if err := endOrphan(bounded, pid); err != nil {
				return err
			}
		}
	}
}

// endOrphan waits for the end of a process for a while; one that may be killed, or whose time is up, is killed.
func endOrphan(bounded context.Context, pid int) error {
	started, err := startTime(pid)
	if err != nil {
		return nil // it has ended
	}
	if hasVariable(pid, mayBeKilled) || bounded.Err() != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	briefly, cancel := context.WithTimeout(context.WithoutCancel(bounded), time.Second)
	defer cancel()
	if err := awaitProcess(briefly, pid, started); err != nil && briefly.Err() == nil {
		return err
	}
	return nil
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
	failpoint.Hit("complete/deployed")
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
