package dokku

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// What nginx writes in front of the titles of its processes; openresty does too.
const (
	nginxMaster  = "nginx: master process"
	nginxWorker  = "nginx: worker process"
	nginxLeaving = "nginx: worker process is shutting down"
)

// How often the titles of workers are looked at: by who makes requests wait meanwhile, and by who does not.
const (
	hurried   = 10 * time.Millisecond
	unhurried = 250 * time.Millisecond
)

// reloadTime bounds how long nginx may take from the command to reload until its old workers take nothing new.
const reloadTime = 20 * time.Second

// ReloadAndDrain reloads nginx, and returns when all its workers from before have ended, or drain is over. A worker that
// leaves still sends what it is receiving to the addresses that it knows, so only its end says that nothing comes from it
// any more.
func (h *Host) ReloadAndDrain(ctx context.Context, app string, drain time.Duration) (left int, err error) {
	before := h.nginxWorkers()
	if len(before) == 0 {
		return 0, errors.New("the processes of nginx cannot be seen, so nobody knows when it sends nothing to old instances any more")
	}
	if err := h.reload(ctx, app, before); err != nil {
		return 0, err
	}
	drained, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	awaitAll(drained, before)
	if err := ctx.Err(); err != nil {
		return 0, context.Cause(ctx)
	}
	for _, p := range before {
		if isAlive(p) {
			left++
		}
	}
	return left, nil
}

// ReloadAndAwait reloads nginx, and returns when none of its workers from before takes requests any more. One that does not
// run at all has none, and will begin with the configuration as it is.
func (h *Host) ReloadAndAwait(ctx context.Context, app string) error {
	return h.reload(ctx, app, h.nginxWorkers())
}

// reload reloads nginx, and returns when none of the workers takes requests any more.
func (h *Host) reload(ctx context.Context, app string, before []graduate.Proc) error {
	if err := h.ReloadNginx(ctx, app); err != nil {
		return err
	}
	reloaded, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	return awaitLeaving(reloaded, before, hurried)
}

// AwaitNginxWorkers returns what waits until the present workers of nginx have ended. While one of them takes requests its
// end is awaited without a bound, as nobody has given nginx another configuration; one that leaves has the time of
// lingering for the requests that it has taken.
func (h *Host) AwaitNginxWorkers(lingering time.Duration) func(context.Context) {
	workers := h.nginxWorkers()
	return func(ctx context.Context) {
		if err := awaitLeaving(ctx, workers, unhurried); err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, lingering)
		defer cancel()
		awaitAll(ctx, workers)
	}
}

// awaitLeaving returns when none of some workers takes connections any more. The kernel tells of a process's end, but not
// of its title, so it is looked at.
func awaitLeaving(ctx context.Context, workers []graduate.Proc, every time.Duration) error {
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		if !slices.ContainsFunc(workers, func(p graduate.Proc) bool { return isAlive(p) && !hasTitle(p.PID, nginxLeaving) }) {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return errors.New("nginx has not taken its new configuration: see dokku nginx:error-logs, and its own error log")
		}
	}
}

// awaitAll waits for the end of some processes.
func awaitAll(ctx context.Context, processes []graduate.Proc) {
	for _, p := range processes {
		if err := awaitProcess(ctx, p.PID, p.Started); err != nil {
			return
		}
	}
}

func isAlive(p graduate.Proc) bool {
	fields, err := stat(p.PID)
	return err == nil && fields[19] == p.Started && fields[0] != "Z"
}

// nginxWorkers lists the worker processes of the nginx that serves Dokku's apps, those that are leaving included.
func (h *Host) nginxWorkers() []graduate.Proc {
	masters := processesWhere(func(pid int) bool { return hasTitle(pid, nginxMaster) && !isContained(pid) })
	if len(masters) > 1 {
		masters = slices.DeleteFunc(masters, func(pid int) bool { return !h.servesUs(pid) })
	}
	var workers []graduate.Proc
	for pid, started := range startedWhere(func(pid int) bool { return hasTitle(pid, nginxWorker) && slices.Contains(masters, parent(pid)) }) {
		workers = append(workers, graduate.Proc{PID: pid, Started: started})
	}
	return workers
}

func hasTitle(pid int, title string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.HasPrefix(data, []byte(title))
}

// isContained tells whether a process has a PID of its own in a container: NSpid names both (proc(5)).
func isContained(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if pids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(pids)) > 1
		}
	}
	return false
}

// servesUs tells whether the configuration of an nginx includes that of Dokku's apps, where there are several.
func (h *Host) servesUs(pid int) bool {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := strings.FieldsFunc(string(data), func(r rune) bool { return r == 0 || r == ' ' })
	conf := "/etc/nginx/nginx.conf"
	if i := slices.Index(words, "-c"); i >= 0 && i+1 < len(words) {
		conf = words[i+1]
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(conf), "conf.d", "*.conf"))
	return slices.ContainsFunc(append(files, conf), func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && bytes.Contains(text, []byte(h.Root+"/"))
	})
}
