package cli

import (
	"bufio"
	"context"
	"errors"
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
	// Plan is the id of the plan that is to be acted on, as it is or not at all.
	Plan string
	// Only are the roles that are asked for; none means the whole set.
	Only []string
	// Force are the codes of the errors that are to pass.
	Force []string
	// Wait bounds how long deploys of the targets and another graduation of the group are waited for; 0: not at all.
	Wait time.Duration
	// Quiesce says, where it is not nil, whether old instances are kept off the data, whatever the group's settings say.
	Quiesce *bool
	// Format is stdout or json.
	Format string
}

// quiesced changes a group that was read from the store as this call asks for.
func (o RunOptions) quiesced(g *graduate.Group) {
	switch {
	case o.Quiesce == nil:
	case !*o.Quiesce:
		g.Settings.Quiesce = nil
	case g.Settings.Quiesce == nil:
		g.Settings.Quiesce = &graduate.Quiesce{During: graduate.QuiescePost}
	}
}

// tailLines is how much of a log is shown when its part of a run fails.
const tailLines = 20

// Graduate takes a group from one environment to the next.
func Graduate(ctx context.Context, s ui.Streams, o RunOptions) error {
	host, store := openHost(), config.OpenStore()
	promised, err := given(host, &o)
	if err != nil {
		return refused(s, o, err)
	}
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
	o.quiesced(group)
	r, err := decide(ctx, s, host, group, o, p, promised)
	if err != nil {
		return refused(s, o, err)
	}
	if len(r.Active()) == 0 {
		return nothingToDo(s, r, o.Format, o.Only...)
	}
	screen := ui.NewRenderer(s, o.Format)
	if o.Format != "json" {
		s.Print("       Should this line be lost, the graduation goes on: dokku graduate:status %s", r.Group)
	}
	err = drive(ctx, host, r, screen)
	screen.Close()
	return report(s, host, r, err, o.Format)
}

// decide makes the run of a plan that is not refused, that still is the promised one, and that a person has agreed to
// where one is there.
func decide(ctx context.Context, s ui.Streams, host *dokku.Host, group *graduate.Group, o RunOptions, p *patience, promised *graduate.Plan) (*graduate.Run, error) {
	if err := completeOthers(ctx, s, host, group.Name, o.Format); err != nil {
		return nil, err
	}
	id := newID(host.RunIDs())
	options := plan.Options{From: o.From, To: o.To, All: o.All, Only: o.Only, Force: o.Force, Run: id}
	made, err := planned(ctx, host, group, options, p)
	if err != nil {
		return nil, err
	}
	if promised != nil {
		if err := differs(promised.ID, promised, made.plan); err != nil {
			return nil, err
		}
	}
	asks := s.TTY && !o.Yes && o.Format != "json" && changes(made.plan)
	if asks {
		s.Plan(made.plan, time.Now(), "")
	}
	if err := refusals(made.plan); err != nil {
		return nil, err
	}
	if asks {
		if made, err = agreed(ctx, s, host, group, o, options, p, made); err != nil {
			return nil, err
		}
	}
	r := newRun(host, id, group, o.From, o.To, made.apps)
	r.PlanID, r.Forced = made.plan.ID, made.plan.ForcedCodes()
	if plan.WithoutQuiesce(made.plan) {
		r.Settings.Quiesce = nil
	}
	if len(r.Active()) == 0 {
		return r, nil
	}
	if err := host.SavePlan(made.plan); err != nil {
		return nil, graduate.Errorf(graduate.Internal, "the plan cannot be stored (%w); nothing was touched", err)
	}
	return r, nil
}

// agreed asks a person for a plan. What takes long is the answer: the facts are read again after it.
func agreed(ctx context.Context, s ui.Streams, host *dokku.Host, group *graduate.Group, run RunOptions, o plan.Options, p *patience, shown *decision) (*decision, error) {
	if err := confirm(s, o.To); err != nil {
		return nil, err
	}
	group, err := config.OpenStore().Load(group.Name) // settings and hooks are part of what was shown
	if err != nil {
		return nil, err
	}
	run.quiesced(group)
	made, err := planned(ctx, host, group, o, p)
	if err != nil {
		return nil, err
	}
	if err := differs(shown.plan.ID, shown.plan, made.plan); err != nil {
		return nil, err
	}
	return made, refusals(made.plan)
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

// nothingToDo says that every app runs its version already, or every one of these roles.
func nothingToDo(s ui.Streams, r *graduate.Run, format string, only ...string) error {
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
	which := "every app"
	if len(only) > 0 {
		which = strings.Join(only, ", ")
	}
	s.Print("=====> Nothing to do: %s of %s in %s runs the version of %s (--all takes them along)", which, r.Group, r.To, r.From)
	return nil
}

// confirm asks for the environment's name, as Dokku asks before it changes much.
func confirm(s ui.Streams, env string) error {
	s.Print("       To proceed, type \"%s\"", env)
	_, _ = s.Out.Write([]byte("> "))
	answer, _ := bufio.NewReader(s.In).ReadString('\n')
	if strings.TrimSpace(answer) != env {
		return graduate.Errorf(graduate.Refused, "the answer was not %s: nothing was done (--yes skips the question)", env)
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
