package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// extension ends the name of a group's file.
const extension = ".yml"

// Store is the folder of the groups: one YAML document each. Any number of processes may use it at once.
type Store struct{ dir string }

// NewStore is the store in that folder, which need not exist yet.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// OpenStore is this server's store, below Dokku's data folder.
func OpenStore() *Store {
	root := os.Getenv("DOKKU_LIB_ROOT")
	if root == "" {
		root = "/var/lib/dokku"
	}
	return NewStore(filepath.Join(root, "data", "graduate", "groups"))
}

// List names the groups, sorted; a damaged one too.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, graduate.Errorf(graduate.Internal, "cannot read the groups: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name, isGroup := strings.CutSuffix(entry.Name(), extension)
		if isGroup && graduate.ValidName(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// Load reads one group. An unknown one is NotFound; a damaged one is named with its file.
func (s *Store) Load(name string) (*graduate.Group, error) {
	if err := graduate.ValidName(name); err != nil {
		return nil, graduate.Errorf(graduate.Invalid, "group %w", err)
	}
	data, err := os.ReadFile(s.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.unknown(name)
	}
	if err != nil {
		return nil, graduate.Errorf(graduate.Internal, "group %s cannot be read: %w", name, err)
	}
	g, err := Parse(data)
	if err != nil {
		return nil, graduate.Errorf(graduate.Internal, "group %s is damaged, in %s: %s", name, s.file(name), oneLine(err))
	}
	if g.Name != name {
		return nil, graduate.Errorf(graduate.Internal, "group %s is damaged: %s holds the group %s", name, s.file(name), g.Name)
	}
	return g, nil
}

// All reads every group, sorted by name. Those that cannot be read are in the error, and the others are returned beside it.
func (s *Store) All() ([]*graduate.Group, error) {
	names, err := s.List()
	if err != nil {
		return nil, err
	}
	var groups []*graduate.Group
	var damaged *multierror.Error
	for _, name := range names {
		switch g, err := s.Load(name); {
		case err == nil:
			groups = append(groups, g)
		case graduate.CodeOf(err) == graduate.NotFound: // destroyed since List
		default:
			damaged = multierror.Append(damaged, err)
		}
	}
	return groups, damaged.ErrorOrNil()
}

// PlaceOf finds the place of an app among all groups. Where it has none and a group cannot be read, that is the error.
func (s *Store) PlaceOf(app string) (graduate.Place, bool, error) {
	groups, err := s.All()
	for _, g := range groups {
		if place, found := g.PlaceOf(app); found {
			return place, true, nil
		}
	}
	return graduate.Place{}, false, err
}

// Find is the group of that name, or, where the name is empty, the only one that has these
// environments. It makes sure that the group has them, and that no other group claims one of its apps.
func (s *Store) Find(name string, environments ...string) (*graduate.Group, error) {
	groups, damaged := s.All()
	var g *graduate.Group
	var err error
	if name != "" {
		g, err = s.named(name, environments)
	} else {
		g, err = only(groups, damaged, environments)
	}
	if err != nil {
		return nil, err
	}
	return g, asError(graduate.Conflict, claimed(g, groups))
}

// named is Find for a group that the caller named.
func (s *Store) named(name string, environments []string) (*graduate.Group, error) {
	g, err := s.Load(name)
	if err != nil {
		return nil, err
	}
	for _, env := range environments {
		if _, exists := g.Environment(env); !exists {
			return nil, graduate.Errorf(graduate.NotFound, "group %s has no environment %s; it has %s", name, env, orNone(EnvironmentNames(g)))
		}
	}
	return g, nil
}

// only is Find for a caller that named no group.
func only(groups []*graduate.Group, damaged error, environments []string) (*graduate.Group, error) {
	var fitting []*graduate.Group
	var flags []string
	for _, g := range groups {
		if !slices.ContainsFunc(environments, func(env string) bool { _, exists := g.Environment(env); return !exists }) {
			fitting = append(fitting, g)
			flags = append(flags, "--group "+g.Name)
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1:
		return nil, graduate.Errorf(graduate.Invalid, "%d groups have %s; choose one: %s", len(fitting), strings.Join(environments, " and "), strings.Join(flags, " or "))
	case damaged != nil:
		return nil, damaged
	case len(groups) == 0:
		return nil, graduate.Errorf(graduate.NotFound, "there is no group yet; make one with: dokku graduate:create <group> <env> <env>")
	default:
		return nil, graduate.Errorf(graduate.NotFound, "no group has %s; dokku graduate:report shows the groups and their environments", strings.Join(environments, " and "))
	}
}

// claimed lists the apps of the group that have a place in another group.
func claimed(g *graduate.Group, groups []*graduate.Group) []Problem {
	var problems []Problem
	for _, r := range g.Roles {
		for _, env := range PlacedIn(g, r) {
			if place, taken := placeElsewhere(groups, g.Name, r.Apps[env]); taken {
				text := fmt.Sprintf("app %s is already %s; an app has one place", r.Apps[env], place)
				problems = append(problems, Problem{Path: AppPath(r.Name, env), Text: text})
			}
		}
	}
	return problems
}

// placeElsewhere is the place of an app in the groups but the one named.
func placeElsewhere(groups []*graduate.Group, except, app string) (graduate.Place, bool) {
	for _, g := range groups {
		if g.Name == except {
			continue
		}
		if place, found := g.PlaceOf(app); found {
			return place, true
		}
	}
	return graduate.Place{}, false
}

func (s *Store) file(name string) string { return filepath.Join(s.dir, name+extension) }

// unknown says that the group does not exist, and which do.
func (s *Store) unknown(name string) error {
	names, _ := s.List()
	return graduate.Errorf(graduate.NotFound, "group %s does not exist; the groups are: %s", name, orNone(names))
}

// oneLine is an error, or several in one, on a single line.
func oneLine(err error) string {
	var several *multierror.Error
	if !errors.As(err, &several) {
		return err.Error()
	}
	lines := make([]string, len(several.Errors))
	for i, each := range several.Errors {
		lines[i] = each.Error()
	}
	return strings.Join(lines, "; ")
}
