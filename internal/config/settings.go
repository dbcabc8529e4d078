package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// The bounds of the settings.
const (
	// maxKeep bounds how many graduations back versions are kept: their images have room on the disk.
	maxKeep = 100
	// maxTimeout bounds every time-out: no wait is without an end.
	maxTimeout = 24 * time.Hour
	// maxHistory bounds how many ended graduations are kept.
	maxHistory = 1000
	// maxConnections bounds a number of connections: the sum of any roles is a number.
	maxConnections = 1_000_000
)

// settings checks the values that graduate:set changes.
func (v *validator) settings() {
	s := v.group.Settings
	if s.ReleaseTasks != "" && !slices.Contains(ReleaseTaskModes(), s.ReleaseTasks) {
		v.add("release_tasks", "release tasks may be %s, not %q", strings.Join(ReleaseTaskModes(), ", "), s.ReleaseTasks)
	}
	if s.Keep < 0 || s.Keep > maxKeep {
		v.add("keep", "keep must be between 1 and %d, not %d", maxKeep, s.Keep)
	}
	v.timeout("start_timeout", "start timeout", s.StartTimeout)
	v.timeout("phase_timeout", "phase timeout", s.PhaseTimeout)
	v.timeout("run_timeout", "run timeout", s.RunTimeout)
	if s.History < 0 || s.History > maxHistory {
		v.add("history", "history must be between 1 and %d, not %d", maxHistory, s.History)
	}
	if s.Connections != nil {
		v.connections(*s.Connections)
	}
	if s.Quiesce != nil {
		v.quiesce(*s.Quiesce)
	}
	v.ignore(s.Ignore)
}

// ReleaseTaskModes lists the values of the release-tasks setting.
func ReleaseTaskModes() []string { return []string{"hold", "before", "skip"} }

// timeout checks a duration; zero stands for the default.
func (v *validator) timeout(path, what string, value time.Duration) {
	if value != 0 && (value < time.Second || value > maxTimeout) {
		v.add(path, "%s must be between 1s and 24h, not %s", what, FormatDuration(value))
	}
}

// connections checks a budget: a limit, and what roles of the group take of it.
func (v *validator) connections(budget graduate.Connections) {
	number := func(path, what string, n int) {
		if n < 1 || n > maxConnections {
			v.add(path, "connections: %s must be between 1 and %d, not %d", what, maxConnections, n)
		}
	}
	if budget.Limit == 0 {
		v.add("connections/limit", "connections need a limit: how many there may be in all")
	} else {
		number("connections/limit", limitKey, budget.Limit)
	}
	for _, role := range budgeted(v.group, &budget) {
		path := "connections/" + role
		switch {
		case role == limitKey:
			v.add(path, "connections cannot have a role called %q: the word says how many there may be in all", limitKey)
		case v.group.Role(role) == nil:
			v.add(path, "connections: role %q does not exist; the group has %s", role, v.roleNames())
			v.problems[len(v.problems)-1].needs = "apps"
		default:
			number(path, role, budget.Roles[role])
		}
	}
}

// budgeted is the roles of a budget, in the group's order and then the unknown ones by name.
func budgeted(g *graduate.Group, budget *graduate.Connections) []string {
	var known, unknown []string
	for _, role := range RoleNames(g) {
		if _, ok := budget.Roles[role]; ok && !slices.Contains(known, role) {
			known = append(known, role)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(budget.Roles)) {
		if !slices.Contains(known, role) {
			unknown = append(unknown, role)
		}
	}
	return append(known, unknown...)
}

// FormatConnections is the budget in words, as graduate:set takes it: "limit=25 portal=10"; "" where there is none.
func FormatConnections(g *graduate.Group) string {
	budget := g.Settings.Connections
	if budget == nil {
		return ""
	}
	out := fmt.Sprintf("%s=%d", limitKey, budget.Limit)
	for _, role := range budgeted(g, budget) {
		out += fmt.Sprintf(" %s=%d", role, budget.Roles[role])
	}
	return out
}

// ignore checks the patterns that acknowledge differences.
func (v *validator) ignore(patterns []string) {
	for i, pattern := range patterns {
		path := fmt.Sprintf("ignore/%d", i)
		ignore, err := graduate.ParseIgnore(pattern)
		switch {
		case err != nil:
			v.add(path, "%v", err)
		case strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' || r == 0x7f || r == ',' }):
			v.add(path, "ignore %q may have no comma and no control character; * stands for any text", pattern)
		case slices.Contains(patterns[:i], pattern):
			v.add(path, "ignore %q appears twice", pattern)
		case ignore.Role != "" && v.group.Role(ignore.Role) == nil:
			v.add(path, "ignore %q: role %q does not exist; the group has %s", pattern, ignore.Role, v.roleNames())
			v.problems[len(v.problems)-1].needs = "apps"
		}
	}
}
