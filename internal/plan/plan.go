// Package plan decides, before anything is touched, what a graduation will do, and refuses what cannot be held
// honestly.
package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/sync/errgroup"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Inspector tells what there is.
type Inspector interface {
	Facts(ctx context.Context, app string) (graduate.Facts, error)
}

// Options are what the user asked for.
type Options struct {
	From, To string
	// All takes unchanged apps along.
	All bool
	// Run is the id of the run that is planned: the salt of what its record tells of config values.
	Run string
}

// Make decides about every role. The error names everything that keeps the run from going well, one line each.
func Make(ctx context.Context, in Inspector, g *graduate.Group, o Options) ([]*graduate.App, error) {
	if err := route(g, o); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, role := range g.Roles {
		names[role.Name+" "+o.From], names[role.Name+" "+o.To] = role.Apps[o.From], role.Apps[o.To]
	}
	facts, err := gather(ctx, in, names)
	if err != nil {
		return nil, err
	}
	var apps []*graduate.App
	refused := multierror.Append(nil, refuseDeadlines(g)...)
	for _, role := range g.Roles {
		source, target := facts[role.Apps[o.From]], facts[role.Apps[o.To]]
		ok := true
		for _, err := range []error{refuseSource(g, source), refuseTarget(target)} {
			if err != nil {
				refused, ok = multierror.Append(refused, err), false
			}
		}
		if !ok {
			continue
		}
		a := &graduate.App{
			Role: role.Name, Source: source.App, Target: target.App,
			Image: source.Image, Revision: source.Revision, Before: target.Revision,
			First: !target.Deployed, Start: role.Start, Origin: source.Origin, Was: version(o.Run, target),
		}
		if !o.All && unchanged(source, target) {
			a.Skip = "unchanged: it runs this version already"
		}
		apps = append(apps, a)
	}
	return apps, refused.ErrorOrNil()
}

// version is what a target has, as the run's record tells it; nil where it was never deployed.
func version(run string, f graduate.Facts) *graduate.Version {
	if !f.Deployed {
		return nil
	}
	return &graduate.Version{
		Image: f.Image, Revision: f.Revision, Origin: f.Origin, Scale: f.Scale,
		Config: graduate.Digests(run, f.Config),
	}
}

// BusyError refuses a target that somebody else deploys just now: that ends by itself.
type BusyError struct{ App string }

// Error is the one line for a person.
func (e *BusyError) Error() string {
	return e.App + " is being deployed by someone else; try again when that deploy has ended, or have it waited for: --wait 5m"
}

// Busy lists the targets that a refused plan would have to wait for; none where anything else is in its way as well.
func Busy(err error) []string {
	var several *multierror.Error
	if !errors.As(err, &several) {
		return nil
	}
	var apps []string
	for _, err := range several.Errors {
		var busy *BusyError
		if !errors.As(err, &busy) {
			return nil
		}
		apps = append(apps, busy.App)
	}
	return apps
}

// route checks that the group may go from the one environment to the other.
func route(g *graduate.Group, o Options) error {
	for _, name := range []string{o.From, o.To} {
		if _, ok := g.Environment(name); !ok {
			return graduate.Errorf(graduate.NotFound, "group %s has no environment %s; it has %s", g.Name, name, environments(g))
		}
	}
	if o.From == o.To {
		return graduate.Errorf(graduate.Invalid, "group %s cannot graduate from %s to itself", g.Name, o.From)
	}
	to, _ := g.Environment(o.To)
	if len(to.From) > 0 && !slices.Contains(to.From, o.From) {
		return graduate.Errorf(graduate.Refused, "group %s: %s may be graduated into from %s only, not from %s",
			g.Name, o.To, strings.Join(to.From, ", "), o.From)
	}
	if len(g.Roles) == 0 {
		return graduate.Errorf(graduate.Refused, "group %s has no apps; add them with dokku graduate:add %s ROLE %s=APP %s=APP", g.Name, g.Name, o.From, o.To)
	}
	for _, role := range g.Roles {
		for _, env := range []string{o.From, o.To} {
			if role.Apps[env] == "" {
				return graduate.Errorf(graduate.Refused, "group %s: role %s has no app in %s; name it with dokku graduate:add %s %s %s=APP",
					g.Name, role.Name, env, g.Name, role.Name, env)
			}
		}
	}
	return nil
}

// refuseDeadlines says which bounds contradict that of the whole run: they could never be reached.
func refuseDeadlines(g *graduate.Group) []error {
	limit := g.Settings.RunDeadline()
	var refused []error
	check := func(what string, d time.Duration, instead string) {
		if d > limit {
			refused = append(refused, refuse("%s may take %s, and the whole graduation %s; dokku graduate:set %s run-timeout %s, or %s",
				what, d, limit, g.Name, d+30*time.Minute, instead))
		}
	}
	check("starting the apps (start-timeout)", g.Settings.StartDeadline(), "a shorter start-timeout")
	check("each phase (phase-timeout)", g.Settings.PhaseTimeout, "a shorter phase-timeout")
	for _, h := range append(g.HooksOf(graduate.HookPre), g.HooksOf(graduate.HookPost)...) {
		check(fmt.Sprintf("hook %s/%s", h.Kind, h.Name), h.Deadline(), "add the hook with a shorter --timeout")
	}
	return refused
}

func environments(g *graduate.Group) string {
	var names []string
	for _, e := range g.Environments {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}

// gather reads the facts of all apps side by side.
func gather(ctx context.Context, in Inspector, apps map[string]string) (map[string]graduate.Facts, error) {
	names := slices.Collect(maps.Values(apps))
	found := make([]graduate.Facts, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			found[i], err = in.Facts(ctx, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	facts := map[string]graduate.Facts{}
	for _, f := range found {
		facts[f.App] = f
	}
	return facts, nil
}

// refuseSource says why a source's version cannot be carried over.
func refuseSource(g *graduate.Group, f graduate.Facts) error {
	switch {
	case !f.Exists:
		return refuse("%s does not exist; take it out of group %s or make it with dokku apps:create %s", f.App, g.Name, f.App)
	case f.Image == "" && len(f.Running) == 0, f.Image != "" && !f.Deployed:
		return refuse("%s was never deployed; deploy it first", f.App)
	case f.Image == "":
		return refuse("%s has lost its image dokku/%s:latest; deploy it again", f.App, f.App)
	case slices.ContainsFunc(f.Running, func(id string) bool { return id != f.Image }):
		return refuse("%s is half deployed: its containers do not all run its latest image; deploy it again, or dokku ps:restart %s", f.App, f.App)
	default:
		return nil
	}
}

// refuseTarget says why a target cannot be held or switched.
func refuseTarget(f graduate.Facts) error {
	switch {
	case !f.Exists:
		return refuse("%s does not exist; make it with dokku apps:create %s", f.App, f.App)
	case f.Scheduler != "docker-local":
		return refuse("%s is run by the scheduler %s, which cannot be held yet; docker-local can", f.App, f.Scheduler)
	case f.ProxyEnabled && f.Proxy != "nginx":
		return refuse("%s is served by %s, which cannot be switched together with others yet; nginx can (dokku proxy:set %s type nginx)", f.App, f.Proxy, f.App)
	case f.ChecksDisabled != "":
		return refuse("%s has its checks disabled (%s), so Dokku would stop the old containers before the new ones start; dokku checks:enable %s", f.App, f.ChecksDisabled, f.App)
	case f.Published:
		return refuse("%s publishes a port by its docker options, which two generations cannot both have; remove it with dokku docker-options:remove %s deploy …", f.App, f.App)
	case f.Stopped:
		return refuse("%s is stopped; start it with dokku ps:start %s", f.App, f.App)
	case f.Locked:
		return refuse("%s is locked, and nobody deploys it; if that lock is not needed any more: dokku apps:unlock %s", f.App, f.App)
	case f.Deploying:
		return graduate.Errorf(graduate.Refused, "%w", &BusyError{f.App})
	default:
		return nil
	}
}

func refuse(format string, args ...any) error {
	return graduate.Errorf(graduate.Refused, "%s", fmt.Sprintf(format, args...))
}

// unchanged tells whether the target runs the source's version already, wholly and with its present config.
func unchanged(source, target graduate.Facts) bool {
	return target.Deployed && target.Artifact == source.Image && target.Revision == source.Revision &&
		!target.Drift && !target.Missing &&
		!slices.ContainsFunc(target.Running, func(id string) bool { return id != target.Image })
}
