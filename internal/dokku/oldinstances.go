package dokku

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// instance is an old container that is kept from doing anything.
type instance struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	App  string `json:"app"`
	// Process is its process type; empty in a one-off container.
	Process string `json:"process,omitempty"`
	// Stop tells that it is stopped, not paused; Stays that its app stays as it is.
	Stop  bool `json:"stop,omitempty"`
	Stays bool `json:"stays,omitempty"`
}

// instancesFile lists the old instances of a run that were paused or stopped.
func instancesFile(r *graduate.Run) string { return filepath.Join(r.Dir, "old-instances.json") }

// mostRounds bounds how often it is looked for old instances that have come up meanwhile (a cron task).
const mostRounds = 5

// PauseOld pauses or stops the old containers of all apps of a run. It looks again until there is none that runs.
func (h *Host) PauseOld(ctx context.Context, r *graduate.Run) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	for range mostRounds {
		running, err := h.runningOld(ctx, r)
		if err != nil || len(running) == 0 {
			return err
		}
		for _, i := range running {
			if !slices.ContainsFunc(known, func(k instance) bool { return k.ID == i.ID }) {
				known = append(known, i)
			}
		}
		if err := writeOld(r, known); err != nil {
			return err
		}
		failpoint.Hit("quiesce/recorded")
		if err := h.holdStill(ctx, running); err != nil {
			return err
		}
		failpoint.Hit("quiesce/paused")
	}
	running, err := h.runningOld(ctx, r)
	if err != nil || len(running) == 0 {
		return err
	}
	return fmt.Errorf("%s still runs and may use the data: it could not be paused", running[0].Name)
}

// runningOld lists the containers of the run's apps that run, or will again, and are none of the run's own.
func (h *Host) runningOld(ctx context.Context, r *graduate.Run) ([]instance, error) {
	out, err := h.docker(ctx, "container", "ls", "--no-trunc", "--filter", "label=com.dokku.app-name", "--filter", "status=running", "--filter", "status=restarting",
		"--format", `{{.ID}}|{{.Names}}|{{.Label "com.dokku.app-name"}}|{{.Label "`+RunLabel+`"}}|{{.Label "com.dokku.container-type"}}|{{.Label "com.dokku.process-type"}}|{{.Status}}`)
	if err != nil {
		return nil, err
	}
	var found []instance
	for line := range strings.Lines(out) {
		word := strings.Split(strings.TrimSpace(line), "|")
		if len(word) != 7 || word[3] == r.ID {
			continue
		}
		n := slices.IndexFunc(r.Apps, func(a *graduate.App) bool { return a.Target == word[2] })
		if n < 0 {
			continue
		}
		i := instance{ID: word[0], Name: word[1], App: word[2], Stays: r.Apps[n].Skip != ""}
		if word[4] == "deploy" {
			i.Process = word[5]
		}
		mode := r.Settings.Quiesce.OldWorkers()
		if i.Process != graduate.Web && mode == graduate.WorkersLeave {
			continue
		}
		// What somebody runs by hand would not be started again; what is about to be started again cannot be paused.
		i.Stop = mode == graduate.WorkersStop && i.Process != graduate.Web && i.Process != "" || strings.HasPrefix(word[6], "Restarting")
		found = append(found, i)
	}
	return found, nil
}

// holdStill pauses or stops containers, side by side. One that has ended meanwhile is still enough.
func (h *Host) holdStill(ctx context.Context, instances []instance) error {
	return eachOld(ctx, instances, func(instance) bool { return true }, func(ctx context.Context, i instance) error {
		verb := "pause"
		if i.Stop {
			verb = "stop"
		}
		err := h.tell(ctx, verb, i.ID)
		if err != nil && !h.hasStatus(ctx, i.ID, "running", "restarting") {
			return nil
		}
		return err
	})
}

// tell has Docker do something with a container, over its API where that is possible: requests wait meanwhile, and each
// start of the client takes some 50 ms, many times that on a machine that is busy.
func (h *Host) tell(ctx context.Context, verb, id string) error {
	if !h.engine.usable(ctx) {
		_, err := h.docker(ctx, "container", verb, id)
		return err
	}
	response, err := h.engine.call(ctx, http.MethodPost, "/containers/"+id+"/"+verb, nil, nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// hasStatus tells whether a container is in one of some states.
func (h *Host) hasStatus(ctx context.Context, id string, statuses ...string) bool {
	out, err := h.docker(ctx, "container", "inspect", "--format", "{{.State.Status}}", id)
	return err == nil && slices.Contains(statuses, out)
}

// ResumeOld lets paused containers go on and starts those that were stopped. A container that is gone is no error: then
// there is nothing to resume.
func (h *Host) ResumeOld(ctx context.Context, r *graduate.Run, released bool) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	return eachOld(ctx, known, func(i instance) bool { return !released || i.Stays }, func(ctx context.Context, i instance) error {
		verb := "unpause"
		if i.Stop {
			verb = "start"
		}
		err := h.tell(ctx, verb, i.ID)
		if err != nil && !h.hasStatus(ctx, i.ID, "paused", "created") {
			return nil // it goes on already, or has come to its end
		}
		return err
	})
}

// KillOld kills the old containers of the apps that are graduated: one that Dokku retires by SIGTERM would run for a
// moment, on data that are not its own any more. So may a killed one: the signal is for its first process (docker-init),
// and Docker lets all of them run to have it delivered. So it is cut off from its networks before.
func (h *Host) KillOld(ctx context.Context, r *graduate.Run) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	return eachOld(ctx, known, func(i instance) bool { return !i.Stays && !i.Stop }, func(ctx context.Context, i instance) error {
		h.cutOff(ctx, i.ID)
		err := h.tell(ctx, "kill", i.ID)
		if err != nil && !h.hasStatus(ctx, i.ID, "paused", "running") {
			return nil
		}
		return err
	})
}

// cutOff takes a container off its networks. What cannot be done is no reason not to kill it: one of the host's network
// cannot be taken off it.
func (h *Host) cutOff(ctx context.Context, id string) {
	out, err := h.docker(ctx, "container", "inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", id)
	if err != nil {
		return
	}
	for _, network := range strings.Fields(out) {
		_, _ = h.docker(ctx, "network", "disconnect", "--force", network, id)
	}
}

// eachOld calls f for some of the instances, side by side. One that fails keeps no other from its turn.
func eachOld(ctx context.Context, known []instance, wanted func(instance) bool, f func(context.Context, instance) error) error {
	errs := make([]error, len(known))
	var turns errgroup.Group
	turns.SetLimit(sideBySide)
	for n, i := range known {
		if wanted(i) {
			turns.Go(func() error { errs[n] = f(ctx, i); return nil })
		}
	}
	_ = turns.Wait()
	return errors.Join(errs...)
}

// oldInstances reads whom a run has paused or stopped.
func oldInstances(r *graduate.Run) ([]instance, error) {
	data, err := os.ReadFile(instancesFile(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var known []instance
	return known, json.Unmarshal(data, &known)
}

// writeOld writes it, before it is done.
func writeOld(r *graduate.Run, known []instance) error {
	data, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return renameio.WriteFile(instancesFile(r), data, 0o600)
}
