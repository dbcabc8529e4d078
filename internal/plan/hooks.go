package plan

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kballard/go-shellquote"
	"golang.org/x/sync/errgroup"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// The kinds of the apps' own tasks among the hooks.
const (
	releaseTask = "release-task"
	postdeploy  = "postdeploy"
)

// hooks lists what will run, in its order. Where no app is graduated nothing does.
func (p *planner) hooks() {
	if !p.any((*role).moves) {
		return
	}
	mode := p.g.Settings.ReleaseTaskMode()
	if mode == graduate.ReleaseTasksBefore { // Dokku runs them when the version is staged
		p.releaseTasks(graduate.HookPlan{Moment: mode})
	}
	p.groupHooks(graduate.HookPre)
	switch mode {
	case graduate.ReleaseTasksHold:
		p.releaseTasks(graduate.HookPlan{Moment: mode})
	case graduate.ReleaseTasksSkip:
		p.releaseTasks(graduate.HookPlan{Skip: "release-tasks is " + mode})
	}
	p.groupHooks(graduate.HookPost)
	for _, r := range p.roles {
		if r.version.postdeploy != "" {
			p.ownTasks(graduate.HookPlan{Kind: postdeploy}, r, []task{{"postdeploy", r.version.postdeploy}})
		}
	}
	p.groupHooks(graduate.HookLive)
	p.groupHooks(graduate.HookFinally)
}

func (p *planner) any(is func(*role) bool) bool {
	for _, r := range p.roles {
		if is(r) {
			return true
		}
	}
	return false
}

func (p *planner) groupHooks(kind graduate.HookKind) {
	for _, h := range p.g.HooksOf(kind) {
		planned := graduate.HookPlan{Kind: string(kind), Name: h.Name, Where: "host", What: h.Host, Timeout: int(h.Deadline() / time.Second), Skip: p.unmet(h)}
		planned.Parallel, planned.Migrate = h.Parallel, h.Migrate
		planned.Retries, planned.Warns = h.Retries, h.OnFailure == graduate.OnFailureWarn
		if c := h.HTTP; c != nil {
			planned.Where, planned.What, planned.Timeout = "http", oneLine(h.Role+": "+c.String()), int(c.Deadline()/time.Second)
		} else if m := h.Metric; m != nil {
			planned.Where, planned.What, planned.Timeout = "log", oneLine(h.Role+": "+m.String()), int(m.Window()/time.Second)
		} else if h.Host == "" {
			planned.What = oneLine(shellquote.Join(h.Command...))
			if r := p.role(h.Role); r != nil {
				planned.Where = r.target.App
			}
			if h.Process != "" {
				planned.What = oneLine("Procfile's " + h.Process + ": " + p.procfileOf(h)[h.Process])
			}
		}
		p.plan.Hooks = append(p.plan.Hooks, planned)
	}
}

// procfileOf is the Procfile of the image in which a hook runs.
func (p *planner) procfileOf(h graduate.Hook) map[string]string {
	switch r := p.role(h.Role); {
	case r == nil:
		return nil
	case r.moves():
		return r.version.procfile
	default:
		return r.target.Around.Procfile
	}
}

// unmet says why a hook does not run in this graduation.
func (p *planner) unmet(h graduate.Hook) string {
	return h.When.Unmet(p.o.To, func(name string) bool {
		r := p.role(name)
		return r != nil && r.moves()
	})
}

// runs lists the hooks of some kinds that run in this graduation.
func (p *planner) runs(kinds ...graduate.HookKind) []graduate.Hook {
	var hooks []graduate.Hook
	for _, kind := range kinds {
		hooks = append(hooks, slices.DeleteFunc(p.g.HooksOf(kind), func(h graduate.Hook) bool { return p.unmet(h) != "" })...)
	}
	return hooks
}

// releaseTasks lists the release tasks of all apps that get another version, each like the given one.
func (p *planner) releaseTasks(like graduate.HookPlan) {
	like.Kind = releaseTask
	for _, r := range p.roles {
		p.ownTasks(like, r, r.version.releaseTasks(!r.target.Deployed))
	}
}

// ownTasks lists tasks of an app, each like the given one.
func (p *planner) ownTasks(like graduate.HookPlan, r *role, tasks []task) {
	if !r.moves() {
		return
	}
	for _, t := range tasks {
		like.Name, like.Where, like.What = r.Name+"/"+t.name, r.target.App, oneLine(t.command)
		p.plan.Hooks = append(p.plan.Hooks, like)
	}
}

// role finds a role by its name.
func (p *planner) role(name string) *role {
	if i := p.place(name); i >= 0 {
		return p.roles[i]
	}
	return nil
}

// findInCommands asks the images for the commands of the hooks that run in them.
func (p *planner) findInCommands(ctx context.Context) error {
	if !p.any((*role).moves) {
		return nil
	}
	hooks := p.runs(graduate.HookPre, graduate.HookPost, graduate.HookLive, graduate.HookFinally)
	lacks := make([]bool, len(hooks))
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, h := range hooks {
		image := p.imageFor(h)
		if h.Process != "" {
			lacks[i] = p.role(h.Role) != nil && p.procfileOf(h)[h.Process] == ""
			continue
		}
		if image == "" {
			continue
		}
		group.Go(func() error {
			has, known := p.in.HasCommand(groupContext, image, h.Command)
			lacks[i] = known && !has
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, h := range hooks {
		if !lacks[i] {
			continue
		}
		r := p.role(h.Role)
		app := r.source.App
		if !r.moves() {
			app = r.target.App
		}
		if h.Process != "" {
			p.add(HookCommand, r, app, fmt.Sprintf("hook %s runs the process %s of %s's Procfile, which does not have it", h.FullName(), h.Process, app),
				"put it into the Procfile, or change what the hook runs")
			continue
		}
		p.add(HookCommand, r, app, fmt.Sprintf("hook %s/%s runs %s in the image of %s, which does not have it", h.Kind, h.Name, h.Command[0], app),
			"build the image with it, or change the hook's command")
	}
	return ctx.Err()
}

// imageFor is the image in which a container hook will run; empty for others.
func (p *planner) imageFor(h graduate.Hook) string {
	r := p.role(h.Role)
	switch {
	case h.Host != "" || h.OnlyLooks() || len(h.Command) == 0 || r == nil:
		return ""
	case r.moves():
		return r.source.Image
	default:
		return r.target.Image
	}
}
