package phase

import (
	"context"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// post runs the apps' release tasks and the post hooks while all candidates are held.
type post struct {
	permanent
	*Env
}

func (post) State() graduate.State { return graduate.Post }

func (p post) Run(ctx context.Context, r *graduate.Run) error {
	if r.Rollback() { // nothing of the release is done again; its own hooks undo it
		return p.hooks(ctx, r, graduate.HookRollback)
	}
	if r.Settings.ReleaseTaskMode() == graduate.ReleaseTasksHold {
		for _, a := range r.Active() {
			if err := p.tasks(ctx, r, a, graduate.TaskRelease, graduate.Situation{Held: p.Barrier.Held()}); err != nil {
				return err
			}
		}
	}
	return p.hooks(ctx, r, graduate.HookPost)
}

// tasks runs the tasks of an app for a moment, in their order.
func (e *Env) tasks(ctx context.Context, r *graduate.Run, a *graduate.App, moment string, s graduate.Situation) error {
	tasks, err := e.Platform.ReleaseTasks(ctx, r, a, moment)
	if err != nil {
		return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
	}
	for _, t := range tasks {
		name := fmt.Sprintf("%s/%s", a.Role, t.Name)
		e.setHooksBegan()
		if err := e.step(name, "", r, func() error { return e.Hooks.Task(ctx, r, a, t, s) }); err != nil {
			return err
		}
	}
	return nil
}
