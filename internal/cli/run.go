package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/plan"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// RunOptions are what `graduate:run FROM TO` was called with.
type RunOptions struct {
	From, To string
	// Group may be empty where only one group has both environments.
	Group string
	// Yes skips the question on a terminal.
	Yes bool
	// All takes unchanged apps along.
	All bool
	// Wait bounds how long deploys of the targets and another graduation of the group are waited for; 0: not at all.
	Wait time.Duration
	// Format is stdout or json.
	Format string
}

// tailLines is how much of a log is shown when its part of a run fails.
const tailLines = 20

// Graduate takes a group from one environment to the next.
func Graduate(ctx context.Context, s ui.Streams, o RunOptions) error {
	host, store := dokku.FromEnv(), config.OpenStore()
	group, err := store.Find(o.Group, o.From, o.To)
	if err != nil {
		return refused(s, o, err)
	}
	p := &patience{ui: s, format: o.Format, bound: o.Wait}
	lock, err := lockGroup(ctx, host, group.Name, p)
	if err != nil {
		return refused(s, o, err)
	}
	defer lock.Close()
	defer host.Unlock()                 // the targets that were waited for
	group, err = store.Load(group.Name) // as it is now that nobody else is at it
	if err != nil {
		return refused(s, o, err)
	}
	r, err := decide(ctx, s, host, group, o, p)
	if err != nil {
		return refused(s, o, err)
	}
	if len(r.Active()) == 0 {
		return nothingToDo(s, r, o.Format)
	}
	if s.TTY && !o.Yes && o.Format != "json" {
		showPlan(s, r)
		if err := confirm(s, r); err != nil {
			return err
		}
	}
	screen := ui.NewRenderer(s, o.Format)
	if o.Format != "json" {
		s.Print("       Should this line be lost, the graduation goes on: dokku graduate:status %s", r.Group)
	}
	err = drive(ctx, host, r, screen)
	screen.Close()
	return report(s, host, r, err, o.Format)
}

// decide makes the run, or says why there can be none.
func decide(ctx context.Context, s ui.Streams, host *dokku.Host, group *graduate.Group, o RunOptions, p *patience) (*graduate.Run, error) {
	if err := completeOthers(ctx, s, host, group.Name, o.Format); err != nil {
		return nil, err
	}
	if err := checkHostHooks(group.Hooks); err != nil {
		return nil, err
	}
	id := newID(host.RunIDs())
	apps, err := planned(ctx, host, group, plan.Options{From: o.From, To: o.To, All: o.All, Run: id}, p)
	if err != nil {
		return nil, err
	}
	return newRun(host, id, group, o.From, o.To, apps), nil
}

// checkHostHooks makes sure that every script of the hooks may be run.
func checkHostHooks(hooks []graduate.Hook) error {
	for _, h := range hooks {
		if h.Host == "" {
			continue
		}
		if _, err := config.CheckHostHook(h.Host); err != nil {
			return fmt.Errorf("hook %s/%s: %w", h.Kind, h.Name, err)
		}
	}
	return nil
}

// refused tells a program that reads events, too, that nothing was begun.
func refused(s ui.Streams, o RunOptions, err error) error {
	if o.Format == "json" {
		return errors.Join(err, s.JSON(graduate.Event{
			Version: graduate.EventVersion, Time: time.Now(), Type: graduate.EventOutcome,
			Group: o.Group, State: "refused", Message: err.Error(), Code: graduate.ExitCode(err),
		}))
	}
	return err
}

// nothingToDo says that every app runs its version already.
func nothingToDo(s ui.Streams, r *graduate.Run, format string) error {
	if format == "json" {
		return s.JSON(graduate.Event{
			Version: graduate.EventVersion, Time: r.Started, Type: graduate.EventOutcome,
			Group: r.Group, State: "unchanged", Message: "nothing to do",
		})
	}
	if r.Rollback() {
		s.Print("=====> Nothing to do: every app of %s in %s runs that set already", r.Group, r.To)
		return nil
	}
	s.Print("=====> Nothing to do: every app of %s in %s runs the version of %s (--all takes them along)", r.Group, r.To, r.From)
	return nil
}

// showPlan says what will happen.
func showPlan(s ui.Streams, r *graduate.Run) {
	s.Print("=====> %s will be graduated from %s to %s", r.Group, r.From, r.To)
	for _, a := range r.Apps {
		switch {
		case a.Skip != "":
			s.Print("       %s: %s", a.Target, a.Skip)
		case a.First:
			s.Print("       %s: first deploy, from %s %s", a.Target, a.Source, short(a.Revision))
		default:
			s.Print("       %s: from %s %s, now %s", a.Target, a.Source, short(a.Revision), short(a.Before))
		}
	}
}

// confirm asks for the environment's name, as Dokku asks before it changes much.
func confirm(s ui.Streams, r *graduate.Run) error {
	s.Print("       To proceed, type \"%s\"", r.To)
	_, _ = s.Out.Write([]byte("> "))
	answer, _ := bufio.NewReader(s.In).ReadString('\n')
	if strings.TrimSpace(answer) != r.To {
		return graduate.Errorf(graduate.Refused, "the answer was not %s: nothing was done (--yes skips the question)", r.To)
	}
	return nil
}

func short(revision string) string { return revision[:min(len(revision), 8)] }

// report says at the end how it went: in one line, then, where something failed, the last lines of its log.
func report(s ui.Streams, host *dokku.Host, r *graduate.Run, err error, format string) error {
	if err == nil {
		if format != "json" {
			s.Print("=====> %s is live in %s (%s)", r.Group, r.To, r.ID)
		}
		return nil
	}
	s.Fail(err)
	if log := logOf(err); log != "" {
		tail(s, log)
	}
	if graduate.CodeOf(err) == graduate.NeedsPerson && format != "json" {
		if h, err := last(host, r.Group, func(h graduate.History) bool { return h.Run.ID == r.ID }); err == nil {
			printStatus(s, statusOf(host, *h)) // the state of every app, as a person has to decide
		}
	}
	return &shown{err}
}

// shown is an error that the user has read already.
type shown struct{ error }

// Unwrap returns the error itself.
func (e *shown) Unwrap() error { return e.error }

func isShown(err error) bool {
	var e *shown
	return errors.As(err, &e)
}

// tail shows the last lines of a log on the error stream.
func tail(s ui.Streams, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	for _, line := range lines[max(0, len(lines)-tailLines):] {
		s.Warn("  %s", line)
	}
}
