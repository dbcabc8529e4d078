package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Changes says in words what turns the group before into the group after, one line each; empty where
// they are the same. A nil before is a group that did not exist.
func Changes(before, after *graduate.Group) []string {
	c := &changes{}
	if before == nil {
		before = &graduate.Group{Name: after.Name}
		c.add("group %s created", after.Name)
	}
	c.environments(before, after)
	c.roles(before, after)
	for _, kind := range graduate.HookKinds() {
		c.hooks(kind, before.HooksOf(kind), after.HooksOf(kind))
	}
	c.setting("release-tasks", before.Settings.ReleaseTasks, after.Settings.ReleaseTasks)
	c.setting("keep", numberOrEmpty(before.Settings.Keep), numberOrEmpty(after.Settings.Keep))
	c.setting("reversible", trueOrEmpty(before.Settings.Reversible), trueOrEmpty(after.Settings.Reversible))
	c.setting("start-timeout", durationOrEmpty(before.Settings.StartTimeout), durationOrEmpty(after.Settings.StartTimeout))
	c.setting("phase-timeout", durationOrEmpty(before.Settings.PhaseTimeout), durationOrEmpty(after.Settings.PhaseTimeout))
	c.setting("run-timeout", durationOrEmpty(before.Settings.RunTimeout), durationOrEmpty(after.Settings.RunTimeout))
	c.setting("history", numberOrEmpty(before.Settings.History), numberOrEmpty(after.Settings.History))
	c.setting("connections", FormatConnections(before), FormatConnections(after))
	c.setting("quiesce", FormatQuiesce(before.Settings.Quiesce), FormatQuiesce(after.Settings.Quiesce))
	c.names("ignored difference", "ignored differences", before.Settings.Ignore, after.Settings.Ignore)
	return c.lines
}

type changes struct{ lines []string }

func (c *changes) add(format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

func (c *changes) environments(before, after *graduate.Group) {
	c.names("environment", "environments", EnvironmentNames(before), EnvironmentNames(after))
	for _, e := range after.Environments {
		was, existed := before.Environment(e.Name)
		if existed && !slices.Equal(was.From, e.From) {
			c.add("environment %s changed: from %s (was %s)", e.Name, orAny(e.From), orAny(was.From))
		}
	}
}

func (c *changes) roles(before, after *graduate.Group) {
	c.names("role", "roles", RoleNames(before), RoleNames(after))
	for _, r := range after.Roles {
		if was := before.Role(r.Name); was != nil {
			c.role(before, after, *was, r)
		}
	}
}

// role compares the apps and the start of one role.
func (c *changes) role(before, after *graduate.Group, was, is graduate.Role) {
	environments := EnvironmentNames(after)
	for _, env := range EnvironmentNames(before) {
		if !slices.Contains(environments, env) {
			environments = append(environments, env)
		}
	}
	for _, env := range environments {
		switch old, app := was.Apps[env], is.Apps[env]; {
		case old == app:
		case old == "":
			c.add("role %s changed: %s=%s added", is.Name, env, app)
		case app == "":
			c.add("role %s changed: %s=%s removed", is.Name, env, old)
		default:
			c.add("role %s changed: %s=%s (was %s)", is.Name, env, app, old)
		}
	}
	if was.Start != is.Start {
		c.add("role %s changed: start %s (was %s)", is.Name, is.Start, was.Start)
	}
}

// hooks compares the hooks of one kind.
func (c *changes) hooks(kind graduate.HookKind, before, after []graduate.Hook) {
	c.names("hook", "hooks", hookNames(before), hookNames(after))
	for _, h := range after {
		for _, was := range before {
			if was.Name == h.Name && !SameHook(was, h) {
				c.add("hook %s/%s changed", kind, h.Name)
			}
		}
	}
}

// names compares two ordered lists of names: what was added, removed, and whether the rest was reordered.
func (c *changes) names(one, many string, before, after []string) {
	for _, name := range after {
		if !slices.Contains(before, name) {
			c.add("%s %s added", one, name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			c.add("%s %s removed", one, name)
		}
	}
	// What is added without a change of the order stands behind what was there.
	kept := slices.DeleteFunc(slices.Clone(before), func(name string) bool { return !slices.Contains(after, name) })
	if len(kept) > 0 && !slices.Equal(kept, after[:len(kept)]) {
		c.add("%s reordered: %s", many, strings.Join(after, ", "))
	}
}

func (c *changes) setting(name, before, after string) {
	switch {
	case before == after:
	case after == "":
		c.add("%s unset (was %s)", name, before)
	case before == "":
		c.add("%s set to %s", name, after)
	default:
		c.add("%s set to %s (was %s)", name, after, before)
	}
}

func orAny(from []string) string {
	if len(from) == 0 {
		return "any"
	}
	return strings.Join(from, ", ")
}

func numberOrEmpty(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func trueOrEmpty(value bool) string {
	if !value {
		return ""
	}
	return "true"
}

func durationOrEmpty(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return FormatDuration(d)
}
