// Package graduate is the domain: groups of apps, graduations, their states, events and errors.
// It knows no Dokku and imports only the standard library.
package graduate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Group is a named set of roles that are released together.
type Group struct {
	// Name identifies the group on this server.
	Name string
	// Environments in the order in which the user named them.
	Environments []Environment
	// Roles in the order in which the user added them; output and hooks follow it.
	Roles []Role
	// Hooks in the order in which they run, all kinds together.
	Hooks []Hook
	// Settings that graduate:set changes.
	Settings Settings
}

// Environment is a named column of apps.
type Environment struct {
	Name string
	// From names the environments that may graduate into this one; empty means any other.
	From []string
}

// Role is one member of the set: one Dokku app in each environment.
type Role struct {
	Name string
	// Apps maps an environment's name to the Dokku app that plays the role there.
	Apps map[string]string
	// Start says when the process types that are not web start: StartAfterPost or StartBeforePost.
	Start string
}

// When the process types that are not web are started.
const (
	StartAfterPost  = "after-post"
	StartBeforePost = "before-post"
)

// When the apps' own release tasks run.
const (
	ReleaseTasksHold   = "hold"   // in the hold, before the group's post hooks
	ReleaseTasksBefore = "before" // as Dokku does alone: before any check
	ReleaseTasksSkip   = "skip"   // not at all
)

// What the settings are where nobody set them.
const (
	DefaultStartTimeout = 10 * time.Minute
	DefaultReleaseTasks = ReleaseTasksHold
	DefaultKeep         = 5
	DefaultRunTimeout   = 2 * time.Hour
	DefaultHistory      = 20
)

// Settings of a group. A zero field means the default.
type Settings struct {
	// ReleaseTasks says when the apps' own release tasks run: hold, before or skip.
	ReleaseTasks string `json:"release_tasks,omitempty"`
	// StartTimeout bounds each start phase (building nothing, only starting and checking).
	StartTimeout time.Duration `json:"start_timeout,omitempty"`
	// Keep is how many graduations back the versions of an environment are kept for a rollback.
	Keep int `json:"keep,omitempty"`
	// Reversible tells that the previous set can work with what the hooks of a release have done to data.
	Reversible bool `json:"reversible,omitempty"`
	// PhaseTimeout bounds each phase that has no bound of its own.
	PhaseTimeout time.Duration `json:"phase_timeout,omitempty"`
	// RunTimeout bounds the whole run up to its release point.
	RunTimeout time.Duration `json:"run_timeout,omitempty"`
	// History is how many ended graduations are kept, with their logs.
	History int `json:"history,omitempty"`
	// Connections is the budget of database connections; nil where there is none.
	Connections *Connections `json:"connections,omitempty"`
	// Ignore acknowledges differences between environments that are meant: [ROLE/]KIND[:NAME], with * in NAME.
	Ignore []string `json:"ignore,omitempty"`
	// Quiesce keeps the old instances off the data while post hooks run; nil where nobody asked for it.
	Quiesce *Quiesce `json:"quiesce,omitempty"`
}

// Connections is how many database connections there may be in all, and how many a generation of each role opens.
// During a graduation two generations are up at once.
type Connections struct {
	Limit int            `json:"limit"`
	Roles map[string]int `json:"roles,omitempty"`
}

// StartDeadline is the bound on a start phase with the default filled in.
func (s Settings) StartDeadline() time.Duration { return cmp.Or(s.StartTimeout, DefaultStartTimeout) }

// RunDeadline is the bound on the whole run with the default filled in.
func (s Settings) RunDeadline() time.Duration { return cmp.Or(s.RunTimeout, DefaultRunTimeout) }

// Kept is how many graduations' versions are kept, with the default filled in.
func (s Settings) Kept() int { return cmp.Or(s.Keep, DefaultKeep) }

// HistoryLength is how many ended graduations are kept, with the default filled in.
func (s Settings) HistoryLength() int { return cmp.Or(s.History, DefaultHistory) }

// ReleaseTaskMode is the release_tasks setting with the default filled in.
func (s Settings) ReleaseTaskMode() string { return cmp.Or(s.ReleaseTasks, DefaultReleaseTasks) }

// namePattern is that of Dokku's app names, so that a name is safe in paths, tags and environment variables.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// ValidName tells whether a name may serve for a group, an environment, a role, a hook or an app.
func ValidName(name string) error {
	if !namePattern.MatchString(name) {
		return Errorf(Invalid, "name %q is not valid: use lower-case letters, digits, '-' and '.', beginning with a letter or a digit, at most 63 characters", name)
	}
	return nil
}

// Environment returns the environment of that name.
func (g *Group) Environment(name string) (Environment, bool) {
	i := slices.IndexFunc(g.Environments, func(e Environment) bool { return e.Name == name })
	if i < 0 {
		return Environment{}, false
	}
	return g.Environments[i], true
}

// Role returns the role of that name, or nil.
func (g *Group) Role(name string) *Role {
	for i := range g.Roles {
		if g.Roles[i].Name == name {
			return &g.Roles[i]
		}
	}
	return nil
}

// RemoveRole removes a role, and what the settings say of it.
func (g *Group) RemoveRole(name string) {
	g.Roles = slices.DeleteFunc(g.Roles, func(r Role) bool { return r.Name == name })
	if c := g.Settings.Connections; c != nil {
		if delete(c.Roles, name); len(c.Roles) == 0 {
			c.Roles = nil
		}
	}
	g.Settings.Ignore = slices.DeleteFunc(g.Settings.Ignore, func(pattern string) bool {
		ignore, err := ParseIgnore(pattern)
		return err == nil && ignore.Role == name
	})
}

// Place is where an app stands: role and environment of a group.
type Place struct{ Group, Role, Environment string }

// String is the place as people say it: "portal in prod of shop".
func (p Place) String() string { return fmt.Sprintf("%s in %s of %s", p.Role, p.Environment, p.Group) }

// PlaceOf finds the place of an app in this group.
func (g *Group) PlaceOf(app string) (Place, bool) {
	for _, r := range g.Roles {
		for env, name := range r.Apps {
			if name == app {
				return Place{g.Name, r.Name, env}, true
			}
		}
	}
	return Place{}, false
}
