package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/plan"
	"github.com/dokku-graduate/dokku-graduate/internal/proxy"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// RollbackOptions are what `graduate:rollback ENV` was called with.
type RollbackOptions struct {
	Environment string
	// To is the graduation whose set is to come back; that of before the last one where it is empty.
	To    string
	Group string
	// Hooks runs the group's rollback hooks; NoQuiesce lets the old instances serve meanwhile, whatever the group says.
	Hooks, NoQuiesce bool
	Yes              bool
	Format           string
}

// RollBack brings an earlier set of an environment back, held like any release.
func RollBack(ctx context.Context, s ui.Streams, o RollbackOptions) error {
	host := openHost()
	refuse := func(err error) error { return refused(s, RunOptions{Group: o.Group, Format: o.Format}, err) }
	group, err := config.OpenStore().Find(o.Group, o.Environment)
	if err != nil {
		return refuse(err)
	}
	lock, err := lockGroup(ctx, host, group.Name, &patience{ui: s, format: o.Format})
	if err != nil {
		return refuse(err)
	}
	defer lock.Close()
	if err := completeOthers(ctx, s, host, group.Name, o.Format); err != nil {
		return refuse(err)
	}
	r, notes, err := decideRollback(ctx, host, group, o)
	if err != nil {
		return refuse(err)
	}
	if len(r.Active()) == 0 {
		return nothingToDo(s, r, o.Format)
	}
	if o.Format != "json" {
		showRollback(s, r, notes)
	}
	if s.TTY && !o.Yes && o.Format != "json" {
		if err := confirm(s, r.To); err != nil {
			return err
		}
	}
	screen := ui.NewRenderer(s, o.Format)
	for _, note := range notes {
		if o.Format == "json" {
			screen.Event(graduate.Event{Version: graduate.EventVersion, Type: graduate.EventNotice, Time: r.Started, Group: r.Group, Run: r.ID, Message: note})
		}
	}
	err = drive(ctx, host, r, screen)
	screen.Close()
	return report(s, host, r, err, o.Format)
}

// completeOthers completes what earlier graduations have left, so that one that failed can never block the next.
func completeOthers(ctx context.Context, s ui.Streams, host *dokku.Host, group, format string) error {
	if format == "json" {
		s.Out = s.Err
	}
	_, err := Recover(ctx, s, host, group, BeforeAnother, Undecided)
	return err
}

// decideRollback makes the run of a rollback, with what it does not bring back.
func decideRollback(ctx context.Context, host *dokku.Host, g *graduate.Group, o RollbackOptions) (*graduate.Run, []string, error) {
	releases, err := releasesInto(host, g.Name, o.Environment)
	if err != nil {
		return nil, nil, err
	}
	id := newID(host.RunIDs())
	var hooks []graduate.Hook
	if o.Hooks {
		hooks = g.HooksOf(graduate.HookRollback)
	}
	quiesced := len(hooks) > 0 && !o.NoQuiesce // without hooks nothing is done to data
	b, err := plan.MakeRollback(ctx, host, g, plan.RollbackOptions{Environment: o.Environment, To: o.To, Run: id, Quiesced: quiesced}, runsOf(releases))
	if err != nil {
		return nil, nil, err
	}
	r := newRun(host, id, g, o.Environment, o.Environment, b.Apps)
	r.Kind, r.Undoes, r.Hooks, r.Settings.Quiesce = graduate.KindRollback, b.Undoes, hooks, b.Quiesce
	missing := checkHostHooks(r) // a finally hook decides nothing: no rollback is refused for its sake
	r.Hooks = append(r.Hooks, g.HooksOf(graduate.HookFinally)...)
	notes := append(b.Notes, b.Unquiesced...)
	if !o.Hooks && len(g.HooksOf(graduate.HookRollback)) > 0 {
		notes = append(notes, "the rollback hooks do not run (--hooks runs them)")
	}
	return r, notes, missing
}

// releasesInto are the graduations that have gone live in an environment, the oldest first.
func releasesInto(host *dokku.Host, group, environment string) ([]graduate.History, error) {
	all, err := histories(host, group)
	failed := multierror.Append(nil, err)
	all = slices.DeleteFunc(all, func(h graduate.History) bool { return !h.Released || h.Run.To != environment })
	for _, h := range all {
		failed = multierror.Append(failed, host.LoadDigests(h.Run))
	}
	return all, failed.ErrorOrNil()
}

func runsOf(histories []graduate.History) []*graduate.Run {
	runs := make([]*graduate.Run, len(histories))
	for i, h := range histories {
		runs[i] = h.Run
	}
	return runs
}

// showRollback says what will happen: before a person is asked, and in the log of a program.
func showRollback(s ui.Streams, r *graduate.Run, notes []string) {
	s.Print("=====> %s in %s is to go back to an earlier set", r.Group, r.To)
	for _, a := range r.Apps {
		switch {
		case a.Skip != "":
			s.Detail("%s: %s", a.Target, a.Skip)
		default:
			s.Detail("%s: back to %s, now %s", a.Target, cmp.Or(short(a.Revision), "an image without a commit"), short(a.Before))
		}
	}
	for _, h := range r.HooksOf(graduate.HookRollback) {
		s.Detail("hook %s runs while everything is held, in the release that is taken back", h.FullName())
	}
	for _, h := range r.HooksOf(graduate.HookFinally) {
		s.Detail("hook %s runs at the end, however that is", h.FullName())
	}
	for _, note := range notes {
		s.Detail("note: %s", note)
	}
}

// rollBack takes the coordinator's own release back, by a run of its own. One that an earlier coordinator has begun
// is completed; one that was aborted is not tried again.
func (c *coordinator) rollBack(ctx context.Context, failed *graduate.Run) error {
	ctx = graduate.CutOff(ctx) // a run of its own, with bounds of its own
	past, err := releasesAndRollbacks(c.host, failed)
	if err != nil {
		return err
	}
	begun := slices.IndexFunc(past, func(h graduate.History) bool { return h.Run.Cause != "" && h.Run.Undoes == failed.ID })
	switch {
	case begun < 0:
		err = c.beginRollback(ctx, failed)
	case past[begun].Outcome == nil:
		err = resume(ctx, c.host, past[begun], c.screen, true, false, Undecided)
	case past[begun].Outcome.State != graduate.OutcomeLive:
		err = errors.New(past[begun].Outcome.Message)
	}
	if err != nil {
		return fmt.Errorf("and could not be taken back: %w", err)
	}
	return nil
}

// releasesAndRollbacks are the runs into the environment of a failed release, its own rollback included.
func releasesAndRollbacks(host *dokku.Host, failed *graduate.Run) ([]graduate.History, error) {
	all, err := histories(host, failed.Group)
	return slices.DeleteFunc(all, func(h graduate.History) bool { return h.Run.To != failed.To }), err
}

// beginRollback makes the run that takes a release back, and drives it.
func (c *coordinator) beginRollback(ctx context.Context, failed *graduate.Run) error {
	if err := errors.Join(c.host.Halt(ctx, failed), c.proxy().Settle(ctx, failed)); err != nil {
		return err
	}
	group := &graduate.Group{Name: failed.Group, Settings: failed.Settings, Hooks: failed.Hooks}
	for _, a := range failed.Apps {
		group.Roles = append(group.Roles, graduate.Role{Name: a.Role, Start: a.Start, Apps: map[string]string{failed.To: a.Target}})
	}
	id := newID(c.host.RunIDs())
	hooks := group.HooksOf(graduate.HookRollback)
	o := plan.RollbackOptions{Environment: failed.To, Run: id, Quiesced: len(hooks) > 0, Automatic: true}
	b, err := plan.MakeRollback(ctx, c.host, group, o, []*graduate.Run{failed})
	if err != nil {
		return err
	}
	r := newRun(c.host, id, group, failed.To, failed.To, b.Apps)
	r.Kind, r.Undoes, r.Hooks, r.User, r.Settings.Quiesce = graduate.KindRollback, failed.ID, hooks, failed.User, b.Quiesce
	for _, why := range b.Unquiesced {
		c.screen.Event(graduate.Event{Version: graduate.EventVersion, Type: graduate.EventNotice, Time: r.Started, Group: r.Group, Run: r.ID, Message: why})
	}
	r.Cause = cmp.Or(c.cause, c.history.Failure, "it failed after its release point")
	for _, a := range r.Apps { // what is latest depends on how far the release came
		if was := failed.AppOf(a.Role); was.Skip == "" {
			a.UndoTag = failed.Tag()
		}
	}
	return drive(ctx, c.host, r, c.screen)
}

// tidy removes what is of no use any more once a run is live: what earlier releases that did not come to a good end
// have left, and versions that are older than the group keeps.
func tidy(ctx context.Context, host *dokku.Host, r *graduate.Run) error {
	past, err := releasesInto(host, r.Group, r.To)
	failed := multierror.Append(nil, err)
	for _, h := range past {
		if h.Run.ID != r.ID && (h.Outcome == nil || h.Outcome.State != graduate.OutcomeLive) && !host.Alive(h.Run.ID) || h.Run.ID == r.Undoes && r.Cause != "" {
			nginx := &proxy.Nginx{Host: host} // before the folder is removed which an app that stays may still include
			failed = multierror.Append(failed, nginx.Settle(ctx, h.Run), host.Supersede(ctx, h.Run))
		}
	}
	kept, err := host.KeptRuns(ctx)
	failed = multierror.Append(failed, err)
	for _, h := range past[:max(0, len(past)-r.Settings.Kept())] {
		if slices.Contains(kept, h.Run.ID) {
			failed = multierror.Append(failed, host.Forget(ctx, h.Run))
		}
	}
	return failed.ErrorOrNil()
}

// checkHostHooks makes sure that every script of the hooks that run may be run.
func checkHostHooks(r *graduate.Run) error {
	for _, h := range r.Hooks {
		if h.Host == "" || r.Unmet(h) != "" {
			continue
		}
		if _, err := config.CheckHostHook(h.Host); err != nil {
			return fmt.Errorf("hook %s/%s: %w", h.Kind, h.Name, err)
		}
	}
	return nil
}
