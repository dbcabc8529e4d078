package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// EnvironmentNames lists the group's environments in their order.
func EnvironmentNames(g *graduate.Group) []string {
	names := make([]string, len(g.Environments))
	for i, e := range g.Environments {
		names[i] = e.Name
	}
	return names
}

// RoleNames lists the group's roles in their order.
func RoleNames(g *graduate.Group) []string {
	names := make([]string, len(g.Roles))
	for i, r := range g.Roles {
		names[i] = r.Name
	}
	return names
}

// kindNames lists the kinds of hooks.
func kindNames() string {
	var names []string
	for _, kind := range graduate.HookKinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// orNone joins names, and says "none" where there are none.
func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// validHostName tells whether a name can be that of a file in the hooks folder: a plain base name.
func validHostName(name string) error {
	switch {
	case name == "":
		return errors.New("the host script needs a name")
	case strings.ContainsAny(name, "/\\\x00") || strings.Contains(name, ".."):
		return fmt.Errorf("host script %q must be the plain name of a file in the hooks folder", name)
	case name[0] == '-' || name[0] == '.':
		return fmt.Errorf("host script %q may not begin with %q", name, name[:1])
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("host script %q may have visible ASCII characters only", name)
	}
	return nil
}
