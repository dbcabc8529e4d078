package dokku

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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

// spareTime bounds how long the killed processes of a deploy may take to end.
const spareTime = time.Minute

// Waiters lists the processes of a run's deploy that wait for this one, the nearest first: plugn, the script of the
// container, GNU parallel and so on up to the one that the coordinator has started. They are known by their
// environment, which the coordinator itself does not have.
func Waiters(run string) []graduate.Proc {
	var found []graduate.Proc
	for pid := os.Getppid(); pid > 1; pid = parent(pid) {
		if !hasVariables(pid, EnvRun+"="+run) {
			break
		}
		if started, err := startTime(pid); err == nil {
			found = append(found, graduate.Proc{PID: pid, Started: started})
		}
	}
	return found
}

// Spare ends the deploy of a candidate whose check was killed, and keeps its container. Dokku's script of the container
// waits for the check and takes its end for a failure: it removes the container, which may be live. So it is a
// race against that script, and what waits for the check is frozen before anything else is done. Then it is killed,
// with all that the deploy of this process type has started.
func (h *Host) Spare(ctx context.Context, r *graduate.Run, c graduate.Candidate) error {
	f := frozen{}
	for _, p := range c.Deploy {
		if p.PID != os.Getpid() {
			f.freeze(p.PID, p.Started)
		}
	}
	f.freezeAll(func() map[int]string {
		// One whose parent has ended is no descendant any more.
		return startedWhere(func(pid int) bool {
			return f[parent(pid)] != "" || hasVariables(pid, EnvRun+"="+r.ID, EnvApp+"="+c.App, EnvProcess+"="+c.Process)
		})
	})
	failpoint.Hit("spare/frozen")
	ctx, cancel := context.WithTimeout(ctx, spareTime)
	defer cancel()
	return errors.Join(f.kill(ctx), h.unqueue(ctx, r, c.Container))
}

// endFrozen ends what a coordinator that died in the midst of Spare has frozen: it would wait for ever.
func endFrozen(ctx context.Context, r *graduate.Run) error {
	f := frozen{}
	f.freezeAll(func() map[int]string {
		return startedWhere(func(pid int) bool {
			fields, err := stat(pid)
			return err == nil && fields[0] == "T" && hasVariables(pid, EnvRun+"="+r.ID)
		})
	})
	ctx, cancel := context.WithTimeout(ctx, spareTime)
	defer cancel()
	return f.kill(ctx)
}

// unqueue removes a container that stays, and its image, from Dokku's retirement queues: its script may have put them
// there before it was frozen.
func (h *Host) unqueue(ctx context.Context, r *graduate.Run, container string) error {
	ids := []string{container}
	if image, err := h.docker(ctx, "container", "inspect", "--format", "{{.Image}}", container); err == nil && image != "" {
		ids = append(ids, strings.TrimPrefix(image, "sha256:"))
	}
	var errs []error
	for _, queue := range h.retirementQueues() {
		before, _ := os.ReadFile(filepath.Join(h.snapshotDir(r), filepath.Base(queue)))
		errs = append(errs, dropLines(queue, ids, string(before)))
	}
	return errors.Join(errs...)
}

// frozen are processes that were stopped, so that none can do anything about the end of another: their PIDs, with the
// time that each started, as a number may be another process's by the time that it is killed.
type frozen map[int]string

// freeze stops a process, where it is still the one that was found.
func (f frozen) freeze(pid int, started string) {
	if now, err := startTime(pid); err == nil && now == started {
		f[pid] = started
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
}

// freezeAll freezes what find lists, until it finds nothing new.
func (f frozen) freezeAll(find func() map[int]string) {
	for more := true; more; {
		more = false
		for pid, started := range find() {
			if f[pid] != started {
				f.freeze(pid, started)
				more = true
			}
		}
	}
}

// kill ends them all, and returns when they have ended. Children are killed before their parents, and none is awaited
// before the last is killed: the kernel lets stopped processes go on whose group is orphaned by a parent's end.
func (f frozen) kill(ctx context.Context) error {
	started := map[int]string{}
	for _, pid := range slices.SortedFunc(maps.Keys(f), func(a, b int) int { return cmp.Compare(f.depth(b), f.depth(a)) }) {
		start, err := startTime(pid)
		if err != nil || start != f[pid] {
			continue // it has ended by itself
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err == nil { // not root's, such as Dokku's health checker: it ends by itself
			started[pid] = start
		}
	}
	for pid, start := range started {
		if err := awaitProcess(ctx, pid, start); err != nil {
			return fmt.Errorf("process %d of the graduation does not end: %w", pid, err)
		}
	}
	return nil
}

// depth is how many of the frozen a process is below.
func (f frozen) depth(pid int) int {
	n := 0
	for pid = parent(pid); f[pid] != ""; pid = parent(pid) {
		n++
	}
	return n
}

// startedWhere lists the processes of a certain kind, but not this one, with the time that each started. It is read
// before the process is looked at: what takes over its number meanwhile is another's.
func startedWhere(is func(pid int) bool) map[int]string {
	found := map[int]string{}
	processesWhere(func(pid int) bool {
		if started, err := startTime(pid); err == nil && is(pid) {
			found[pid] = started
		}
		return false
	})
	return found
}

// parent is the PID of a process' parent; 0 where there is no such process.
func parent(pid int) int {
	fields, err := stat(pid)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(fields[1]) // field 4 of proc(5)
	return n
}
