package dokku

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// deploys is the folder of a run that names its deploys: a file PID with "START APP TYPE" for each.
const deploys = "deploys"

// deployName says what a deploy of a run deploys.
type deployName struct {
	run          *graduate.Run
	app, process string
}

// name tells the deploys of a run apart.
func (d deployName) name() string { return d.app + " " + d.process }

// record notes a deploy, so that whoever comes after a dead coordinator can wait for it.
func (d deployName) record(pid int) error {
	dir := filepath.Join(d.run.Dir, deploys)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	started, err := startTime(pid)
	if err != nil {
		return nil // it has ended already
	}
	return os.WriteFile(filepath.Join(dir, strconv.Itoa(pid)), []byte(started+" "+d.name()), 0o600)
}

// awaitDeploys waits until no deploy of the run is under way any more that could be in the way of one of that name.
// Those that this process began itself are its own to order: one of another process type may still be held, until
// this one has come to its end. What a dead coordinator has left goes on by itself, all of it.
func (h *Host) awaitDeploys(ctx context.Context, d deployName) error {
	h.mu.Lock()
	own := h.begun == d.run.ID
	h.mu.Unlock()
	return awaitNamed(ctx, d.run, func(name string) bool { return !own || name == d.name() })
}

// AwaitWeb waits for the end of the deploy of an app's web processes. Whoever goes on by itself with another type, as
// the coordinator is gone, would else build the proxy's file from what Dokku knows of the old ones.
func AwaitWeb(ctx context.Context, r *graduate.Run, app string) error {
	web := deployName{r, app, graduate.Web}
	return awaitNamed(ctx, r, func(name string) bool { return name == web.name() })
}

// TookOver tells whether Dokku knows these containers as the app's.
func (h *Host) TookOver(app string, containers []string) bool {
	known := h.containerIDs(app)
	return !slices.ContainsFunc(containers, func(id string) bool { return !slices.Contains(known, id) })
}

// awaitNamed waits for the end of the run's deploys of some names.
func awaitNamed(ctx context.Context, r *graduate.Run, wanted func(name string) bool) error {
	files, _ := filepath.Glob(filepath.Join(r.Dir, deploys, "*"))
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(file))
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		started, name, _ := strings.Cut(string(text), " ")
		if !wanted(name) {
			continue
		}
		if err := awaitProcess(ctx, pid, started); err != nil {
			return fmt.Errorf("waiting for the deploy in process %d: %w", pid, err)
		}
	}
	return nil
}

// begins notes that this process begins deploys of a run.
func (h *Host) begins(r *graduate.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun = r.ID
}
