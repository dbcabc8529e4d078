package dokku

import (
	"context"
	"io"
	"slices"
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
		if err := h.adopt(ctx, a.Target); err != nil {
			return err
		}
	}
	if err := endFrozen(ctx, r); err != nil {
		return err
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
		if err := h.StopOneOffs(ctx, r, ""); err != nil {
			return err
		}
		orphans := processesWith(EnvID + "=" + r.ID)
		if len(orphans) == 0 {
			return h.StopOneOffs(ctx, r, "")
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
	if err := h.awaitDeploys(ctx, deployName{r, a.Target, process}); err != nil {
		return err
	}
	left, err := h.unsettled(ctx, r, a, process)
	if err != nil {
		return err
	}
	defer h.tellOld(ctx, r, a, process)
	if len(left) == 0 {
		return nil
	}
	if err := h.redeploy(ctx, r, a, log, process); err != nil {
		return &CommandError{"dokku's deploy", lastExclaim(r.Log(a.Target)), err}
	}
	failpoint.Hit("complete/deployed")
	wait := h.computed("ps", a.Target, "stop-timeout-seconds", "30")
	_, _ = h.docker(ctx, append([]string{"container", "stop", "--time=" + wait}, left...)...) // they may be at a request still
	_, err = h.docker(ctx, append([]string{"container", "rm", "--force"}, left...)...)
	return err
}

// tellOld tells the old containers of a process type to end that have been replaced. It is the last that scheduler-deploy
// does: one that broke may have queued them for their retirement only, and a later deploy does not see them any more.
func (h *Host) tellOld(ctx context.Context, r *graduate.Run, a *graduate.App, process string) {
	before, _ := h.containersBefore(r, a)
	for _, c := range before {
		if c.Process == process && !slices.Contains(h.containerIDs(a.Target), c.ID) {
			_, _ = h.docker(ctx, "container", "kill", "--signal=SIGTERM", c.ID) // it may have ended
		}
	}
}

// unsettled lists the run's containers of a process type which Dokku has not taken over to the end; where there are none
// at all, one name that does not exist stands for what is missing. An app's files name its containers before Dokku's
// core-post-deploy stores the scale and the Procfile and, last, gives them the names that they keep.
func (h *Host) unsettled(ctx context.Context, r *graduate.Run, a *graduate.App, process string) ([]string, error) {
	out, err := h.docker(ctx, "container", "ls", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}", "--filter", "label="+RunLabel+"="+r.ID,
		"--filter", "label=com.dokku.app-name="+a.Target, "--filter", "label=com.dokku.process-type="+process)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(out) == "" {
		return []string{"graduate-missing-" + r.ID}, nil
	}
	settled := h.containerIDs(a.Target)
	var left []string
	for line := range strings.Lines(out) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !slices.Contains(settled, id) || strings.Contains(name, ".upcoming-") {
			left = append(left, id)
		}
	}
	return left, nil
}

// redeploy runs Dokku's deploy of a process type without a hold.
func (h *Host) redeploy(ctx context.Context, r *graduate.Run, a *graduate.App, log io.Writer, process string) error {
	_, err := command{
		name: "plugn", args: []string{"trigger", "scheduler-deploy", "docker-local", a.Target, r.Tag(), process},
		env: h.env(r, a), out: log, deployOf: &deployName{r, a.Target, process},
	}.run(ctx)
	return err
}
