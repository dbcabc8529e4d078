package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Problem is one thing that is wrong with a group.
type Problem struct {
	// Path is where it stands in the document: "apps/portal/dev", "hooks/post/0".
	Path string
	// Text says what it is, in one line.
	Text string
	// needs is a second path: the problem means nothing where that part could not be read.
	needs string
}

// AppPath is the path of an app's place in the document.
func AppPath(role, environment string) string { return "apps/" + role + "/" + environment }

// HookPath is the path of a hook of the group in the document; the index is that in group.Hooks.
func HookPath(g *graduate.Group, index int) string {
	kind, before := g.Hooks[index].Kind, 0
	for _, h := range g.Hooks[:index] {
		if h.Kind == kind {
			before++
		}
	}
	return fmt.Sprintf("hooks/%s/%d", kind, before)
}

// Validate reports everything that is wrong with the group, at once; nil where it may be stored and run.
func Validate(g *graduate.Group) error { return asError(graduate.Invalid, Problems(g)) }

// asError is the problems as one error of that class, or nil.
func asError(code graduate.Code, problems []Problem) error {
	var all *multierror.Error
	for _, p := range problems {
		all = multierror.Append(all, graduate.Errorf(code, "%s", p.Text))
	}
	return all.ErrorOrNil()
}

// Problems is what Validate reports, with the place of each.
func Problems(g *graduate.Group) []Problem {
	v := &validator{group: g}
	if g.Name == "" {
		v.add("group", "the group needs a name (group: NAME)")
	} else {
		v.name("group", "group", g.Name)
	}
	v.environments()
	v.roles()
	v.hooks()
	v.settings()
	return v.problems
}

// normalize brings the group into the one form that is stored: hooks sorted by the order of their kinds.
func normalize(g *graduate.Group) {
	order := graduate.HookKinds()
	slices.SortStableFunc(g.Hooks, func(a, b graduate.Hook) int {
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
}

// validator collects the problems of one group.
type validator struct {
	group    *graduate.Group
	problems []Problem
}

func (v *validator) add(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// name checks a name of the given sort.
func (v *validator) name(path, what, name string) {
	if err := graduate.ValidName(name); err != nil {
		v.add(path, "%s %v", what, err)
	}
}

// environments checks names and the lists of what may graduate into what.
func (v *validator) environments() {
	if len(v.group.Environments) == 0 {
		v.add("environments", "the group needs environments (environments: {dev: {}, prod: {}})")
	}
	seen := map[string]bool{}
	for _, e := range v.group.Environments {
		path := "environments/" + e.Name
		v.name(path, "environment", e.Name)
		if e.Name == startKey {
			v.add(path, "an environment may not be called %q: in a role the word says when its workers start", startKey)
		}
		if seen[e.Name] {
			v.add(path, "environment %s appears twice", e.Name)
		}
		seen[e.Name] = true
		v.from(path+"/from", e)
	}
}

// from checks the sources of one environment.
func (v *validator) from(path string, e graduate.Environment) {
	for i, source := range e.From {
		switch _, exists := v.group.Environment(source); {
		case source == e.Name:
			v.add(path, "environment %s cannot graduate from itself", e.Name)
		case !exists:
			v.add(path, "environment %s: from names %q, which does not exist; the group has %s", e.Name, source, v.environmentNames())
		case slices.Contains(e.From[:i], source):
			v.add(path, "environment %s: from names %s twice", e.Name, source)
		}
	}
}

// roles checks the roles and that each app has one place.
func (v *validator) roles() {
	seen := map[string]bool{}
	places := map[string]graduate.Place{}
	for _, r := range v.group.Roles {
		path := "apps/" + r.Name
		v.name(path, "role", r.Name)
		if seen[r.Name] {
			v.add(path, "role %s appears twice", r.Name)
		}
		seen[r.Name] = true
		if r.Start != graduate.StartAfterPost && r.Start != graduate.StartBeforePost {
			v.add(path+"/"+startKey, "role %s: start must be %s or %s", r.Name, graduate.StartAfterPost, graduate.StartBeforePost)
		}
		for _, env := range v.appOrder(r) {
			v.app(r, env, places)
		}
	}
}

// app checks one place: its environment exists, the app's name is one, and the app has no other place.
func (v *validator) app(r graduate.Role, env string, places map[string]graduate.Place) {
	app, path := r.Apps[env], AppPath(r.Name, env)
	if _, exists := v.group.Environment(env); !exists && len(v.group.Environments) > 0 {
		v.add(path, "role %s: environment %q does not exist; the group has %s", r.Name, env, v.environmentNames())
		v.problems[len(v.problems)-1].needs = "environments"
	}
	if err := graduate.ValidName(app); err != nil {
		v.add(path, "role %s in %s: app %v", r.Name, env, err)
		return
	}
	if first, taken := places[app]; taken {
		v.add(path, "app %s is already %s in %s; an app has one place", app, first.Role, first.Environment)
		return
	}
	places[app] = graduate.Place{Group: v.group.Name, Role: r.Name, Environment: env}
}

// appOrder is the environments of a role's apps, in the group's order and then the unknown ones by name.
func (v *validator) appOrder(r graduate.Role) []string {
	known := PlacedIn(v.group, r)
	unknown := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Apps)), func(env string) bool { return slices.Contains(known, env) })
	return append(known, unknown...)
}

// PlacedIn lists the environments in which the role has an app, in the group's order.
func PlacedIn(g *graduate.Group, r graduate.Role) []string {
	var out []string
	for _, e := range g.Environments {
		if r.Apps[e.Name] != "" && !slices.Contains(out, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

func (v *validator) environmentNames() string { return orNone(EnvironmentNames(v.group)) }
func (v *validator) roleNames() string        { return orNone(RoleNames(v.group)) }
