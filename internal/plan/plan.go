// Package plan decides, before anything is touched, what a graduation will do, and finds what cannot be held
// honestly or will bite.
package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Options are what the user asked for.
type Options struct {
	From, To string
	// All takes unchanged apps along.
	All bool
	// Run is the id of the run that is planned: the salt of what its record tells of config values.
	Run string
	// Only names the roles that are graduated; none means all of them.
	Only []string
	// Force names the codes of errors that are let pass.
	Force []string
	// Shown is when the plan is made; zero means now.
	Shown time.Time
}

// planner is a plan in the making.
type planner struct {
	in      Surveyor
	g       *graduate.Group
	o       Options
	server  graduate.Server
	ignores []graduate.Ignore
	roles   []*role
	plan    *graduate.Plan
	// forced are the codes of Force that let something pass.
	forced map[string]bool
}

// role is what a plan knows of one role.
type role struct {
	graduate.Role
	source, target graduate.Facts
	// asked tells that --only does not leave it out, same that its target runs the source's version already.
	asked, same bool
	version     version
	commits     Range
}

// moves tells whether the role would get a version if nothing were in its way.
func (r *role) moves() bool { return r.asked && !r.same }

// overlaps tells that there are two generations of it for a while.
func (r *role) overlaps() bool { return r.moves() && r.target.Deployed }

// Make decides about every role. Whatever keeps a run from going well is a finding; an error is only what leaves
// nothing to plan. The apps are those of a run that does what is planned; roles that are refused are not among them.
func Make(ctx context.Context, in Surveyor, g *graduate.Group, o Options) (*graduate.Plan, []*graduate.App, error) {
	if err := cmp.Or(route(g, o), known(g, o.Only), forcible(o.Force)); err != nil {
		return nil, nil, err
	}
	p := &planner{in: in, g: g, o: o, forced: map[string]bool{}, plan: &graduate.Plan{
		Version: graduate.PlanVersion, Group: g.Name, From: o.From, To: o.To, All: o.All, Made: o.Shown,
		Only: slices.Compact(slices.Sorted(slices.Values(o.Only))), Hooks: []graduate.HookPlan{},
		Differences: []graduate.Difference{}, Findings: []graduate.Finding{},
	}}
	if p.plan.Made.IsZero() {
		p.plan.Made = time.Now()
	}
	for _, pattern := range g.Settings.Ignore {
		ignore, err := graduate.ParseIgnore(pattern)
		if err != nil {
			return nil, nil, err
		}
		p.ignores = append(p.ignores, ignore)
	}
	if err := p.survey(ctx); err != nil {
		return nil, nil, err
	}
	if err := p.digest(); err != nil {
		return nil, nil, err
	}
	p.hooks()
	p.compare()
	if err := p.find(ctx); err != nil {
		return nil, nil, err
	}
	apps := p.decide()
	p.sort()
	return p.plan, apps, nil
}

// survey reads all facts, each once: those of the apps beside those of the server, then what needs both.
func (p *planner) survey(ctx context.Context) error {
	var names []string
	for _, r := range p.g.Roles {
		names = append(names, r.Apps[p.o.From], r.Apps[p.o.To])
	}
	var facts map[string]graduate.Facts
	group, groupContext := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		facts, err = p.in.Survey(groupContext, names)
		return err
	})
	group.Go(func() (err error) {
		p.server, err = p.in.Server(groupContext, p.g)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for _, of := range p.g.Roles {
		r := &role{Role: of, source: factsOf(facts, of.Apps[p.o.From]), target: factsOf(facts, of.Apps[p.o.To])}
		r.asked = len(p.o.Only) == 0 || slices.Contains(p.o.Only, of.Name)
		r.same = !p.o.All && unchanged(r.source, r.target)
		r.version = readVersion(r.source)
		p.roles = append(p.roles, r)
	}
	return p.history(ctx)
}

// factsOf are the facts of one app; a survey may leave out what does not exist.
func factsOf(facts map[string]graduate.Facts, app string) graduate.Facts {
	f := facts[app]
	f.App = app
	return f
}

// history compares the commits of each role that moves.
func (p *planner) history(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, r := range p.roles {
		from, to := r.target.Revision, r.source.Revision
		if !r.moves() || !r.source.Exists || from == "" || to == "" || from == to {
			continue
		}
		group.Go(func() (err error) {
			// Where a fix was pushed to the target alone, its repository is the one that has both.
			for _, app := range []string{r.source.App, r.target.App} {
				if r.commits, err = p.in.Commits(ctx, app, from, to, graduate.CommitsShown); err != nil || r.commits.Known {
					break
				}
			}
			return err
		})
	}
	return group.Wait()
}

// atOnce is how many questions that start a process are asked at once.
const atOnce = 8

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

// known makes sure that the group has each of these roles.
func known(g *graduate.Group, only []string) error {
	for _, name := range only {
		if g.Role(name) != nil {
			continue
		}
		var names []string
		for _, r := range g.Roles {
			names = append(names, r.Name)
		}
		return graduate.Errorf(graduate.NotFound, "--only: group %s has no role %s; it has %s", g.Name, name, strings.Join(names, ", "))
	}
	return nil
}

func environments(g *graduate.Group) string {
	var names []string
	for _, e := range g.Environments {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}
