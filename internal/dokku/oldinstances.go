package dokku

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	// Started is when one that is stopped was started, in Docker's words: while it runs and has that, it was not yet
	// started again.
	Started string `json:"started,omitempty"`
}

// instancesFile lists the old instances of a run that were paused or stopped.
func instancesFile(r *graduate.Run) string { return filepath.Join(r.Dir, "old-instances.json") }

// mostRounds bounds how often it is looked for old instances that have come up meanwhile (a cron task).
const mostRounds = 5

// PauseOld pauses or stops the old containers of all apps of a run. It looks again until there is none that runs. When it
// returns nothing of it is under way any more: what came later would undo a resuming.
func (h *Host) PauseOld(ctx context.Context, r *graduate.Run) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	for range mostRounds {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		running, err := h.runningOld(ctx, r)
		if err != nil || len(running) == 0 {
			return err
		}
		known = slices.DeleteFunc(known, func(k instance) bool {
			return slices.ContainsFunc(running, func(i instance) bool { return i.ID == k.ID })
		})
		known = append(known, running...)
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
		if i.Stop {
			c, err := h.condition(ctx, i.ID)
			if err != nil {
				return nil, err
			}
			i.Started = c.StartedAt
		}
		found = append(found, i)
	}
	return found, nil
}

// holdStill pauses or stops containers, side by side. One that has ended meanwhile is still enough.
func (h *Host) holdStill(ctx context.Context, instances []instance) error {
	return h.eachOld(ctx, instances, func(instance) bool { return true }, func(ctx context.Context, i instance) error {
		verb := "pause"
		if i.Stop {
			verb = "stop"
		}
		return h.unless(ctx, h.tell(ctx, verb, i), i, func(c condition) bool { return !c.runs() })
	})
}

// tell has Docker do something with a container, over its API where that is possible: requests wait meanwhile, and each
// start of the client takes some 50 ms, many times that on a machine that is busy.
func (h *Host) tell(ctx context.Context, verb string, i instance) error {
	query, args := url.Values{}, []string{"container", verb}
	if verb == "stop" {
		seconds := strconv.Itoa(h.stopSeconds(i.App))
		query.Set("t", seconds)
		args = append(args, "--time="+seconds)
	}
	if !h.engine.usable(ctx) {
		_, err := h.docker(ctx, append(args, i.ID)...)
		return err
	}
	response, err := h.engine.call(ctx, http.MethodPost, "/containers/"+i.ID+"/"+verb, query, nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// stopSeconds is how long Dokku gives the containers of an app to end after SIGTERM.
func (h *Host) stopSeconds(app string) int {
	seconds, err := strconv.Atoi(h.computed("ps", app, "stop-timeout-seconds", "30"))
	if err != nil {
		return 30
	}
	return seconds
}

// condition is what Docker knows of a container; nothing where it is gone.
type condition struct{ Status, StartedAt string }

func (c condition) runs() bool { return c.Status == "running" || c.Status == "restarting" }

func (h *Host) condition(ctx context.Context, id string) (condition, error) {
	if h.engine.usable(ctx) {
		var answer struct{ State condition }
		err := h.engine.get(ctx, "/containers/"+id+"/json", nil, &answer)
		if errors.Is(err, errAbsent) {
			err = nil
		}
		return answer.State, err
	}
	out, err := h.docker(ctx, "container", "inspect", "--format", "{{.State.Status}} {{.State.StartedAt}}", id)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no such container") {
		return condition{}, nil
	}
	status, started, _ := strings.Cut(out, " ")
	return condition{status, started}, err
}

// unless is what has become of telling Docker something of an instance: no error where the instance is as it should be
// all the same. Where nobody can say how it is, it is one.
func (h *Host) unless(ctx context.Context, err error, i instance, fine func(condition) bool) error {
	if err == nil {
		return nil
	}
	c, unknown := h.condition(ctx, i.ID)
	if unknown == nil && fine(c) {
		return nil
	}
	return errors.Join(fmt.Errorf("%s: %w", i.Name, err), unknown)
}

// ResumeOld lets paused containers go on and starts those that were stopped. A container that is gone is no error: then
// there is nothing to resume. What nobody can say is one.
func (h *Host) ResumeOld(ctx context.Context, r *graduate.Run, released bool) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	return h.eachOld(ctx, known, func(i instance) bool { return !released || i.Stays }, h.resume)
}

func (h *Host) resume(ctx context.Context, i instance) error {
	if !i.Stop { // where it is not paused it goes on already, or has come to its end
		return h.unless(ctx, h.tell(ctx, "unpause", i), i, func(c condition) bool { return c.Status != "paused" })
	}
	c, err := h.condition(ctx, i.ID)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", i.Name, err)
	case c == condition{}, c.runs() && c.StartedAt != i.Started:
		return nil
	case c.runs():
		// It may be about to end: Docker goes on with what a dead process asked for, and takes it for running until then.
		if err := h.tell(ctx, "stop", i); err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	return h.unless(ctx, h.tell(ctx, "start", i), i, func(c condition) bool { return c == condition{} || c.runs() })
}

// KillOld kills the old containers of the apps that are graduated: one that Dokku retires by SIGTERM would run for a
// moment, on data that are not its own any more. So may a killed one: the signal is for its first process (docker-init),
// and Docker lets all of them run to have it delivered. So it is cut off from its networks before.
func (h *Host) KillOld(ctx context.Context, r *graduate.Run) error {
	known, err := oldInstances(r)
	if err != nil {
		return err
	}
	return h.eachOld(ctx, known, func(i instance) bool { return !i.Stays && !i.Stop }, func(ctx context.Context, i instance) error {
		h.cutOff(ctx, i.ID)
		return h.unless(ctx, h.tell(ctx, "kill", i), i, func(c condition) bool { return !c.runs() && c.Status != "paused" })
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

// tellTime bounds what is asked of Docker about one old instance, besides the time that it may take to end.
const tellTime = time.Minute

// eachOld calls f for some of the instances, side by side. One that fails keeps no other from its turn, and neither does
// the end of the context: what Docker has begun goes on when nobody waits for it any more, and an outage has to end also
// where the time of a phase is over.
func (h *Host) eachOld(ctx context.Context, known []instance, wanted func(instance) bool, f func(context.Context, instance) error) error {
	errs := make([]error, len(known))
	var turns errgroup.Group
	turns.SetLimit(sideBySide)
	for n, i := range known {
		if !wanted(i) {
			continue
		}
		turns.Go(func() error {
			bound := tellTime
			if i.Stop {
				bound += time.Duration(h.stopSeconds(i.App)) * time.Second
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
			defer cancel()
			errs[n] = f(ctx, i)
			return nil
		})
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
