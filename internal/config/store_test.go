package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// newStore is a store in a folder that does not exist yet.
func newStore(t *testing.T) *Store {
	return NewStore(filepath.Join(t.TempDir(), "data", "graduate", "groups"))
}

// simple is a group with one role in each of its environments.
func simple(name string, environments ...string) *graduate.Group {
	g := &graduate.Group{Name: name, Roles: []graduate.Role{{Name: "web", Start: graduate.StartAfterPost, Apps: map[string]string{}}}}
	for _, env := range environments {
		g.Environments = append(g.Environments, graduate.Environment{Name: env})
		g.Roles[0].Apps[env] = name + "-" + env
	}
	return g
}

func requireCode(t *testing.T, code graduate.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, graduate.CodeOf(err), "%v", err)
}

func TestStoreKeepsGroups(t *testing.T) {
	s := newStore(t)
	names, err := s.List()
	require.NoError(t, err)
	require.Empty(t, names)

	require.NoError(t, s.Create(shop()))
	require.NoError(t, s.Create(simple("blog", "dev", "prod")))
	names, err = s.List()
	require.NoError(t, err)
	require.Equal(t, []string{"blog", "shop"}, names)

	g, err := s.Load("shop")
	require.NoError(t, err)
	require.Equal(t, shop(), g)

	requireCode(t, graduate.Conflict, s.Create(shop()))
	require.NoError(t, s.Delete("shop"))
	_, err = s.Load("shop")
	require.EqualError(t, err, "group shop does not exist; the groups are: blog")
	requireCode(t, graduate.NotFound, err)
	requireCode(t, graduate.NotFound, s.Delete("shop"))
	requireCode(t, graduate.NotFound, s.Update("shop", func(*graduate.Group) error { return nil }))
}

func TestStoreFilesArePrivate(t *testing.T) {
	s := newStore(t)
	require.NoError(t, s.Create(shop()))
	require.NoError(t, s.Update("shop", func(*graduate.Group) error { return nil }))
	for path, mode := range map[string]os.FileMode{"": 0o700, "shop.yml": 0o600, lockName: 0o600} {
		info, err := os.Stat(filepath.Join(s.dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "a temporary file was left")
}

func TestNamesAreNotPaths(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"", "..", "../shop", "a/b", ".hidden", "Shop", "a\x00"} {
		_, err := s.Load(name)
		requireCode(t, graduate.Invalid, err)
		requireCode(t, graduate.Invalid, s.Delete(name))
		requireCode(t, graduate.Invalid, s.Update(name, func(*graduate.Group) error { return nil }))
		requireCode(t, graduate.Invalid, s.Create(simple(name, "dev")))
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	s := newStore(t)
	require.NoError(t, s.Create(shop()))
	before, err := os.ReadFile(s.file("shop"))
	require.NoError(t, err)

	failure := errors.New("no")
	for name, change := range map[string]func(*graduate.Group) error{
		"fails":       func(g *graduate.Group) error { g.Roles = nil; return failure },
		"invalid":     func(g *graduate.Group) error { g.Roles[0].Name = "A"; return nil },
		"renamed":     func(g *graduate.Group) error { g.Name = "other"; return nil },
		"broken hook": func(g *graduate.Group) error { g.Roles = g.Roles[1:]; return nil },
		"bytes":       func(g *graduate.Group) error { g.Hooks[1].Command[0] = "\xff"; return nil },
	} {
		require.Error(t, s.Update("shop", change), name)
		after, err := os.ReadFile(s.file("shop"))
		require.NoError(t, err)
		require.Equal(t, before, after, name)
	}
}

func TestAnAppHasOnePlaceAmongAllGroups(t *testing.T) {
	s := newStore(t)
	require.NoError(t, s.Create(shop()))
	blog := simple("blog", "dev", "prod")
	blog.Roles[0].Apps["dev"] = "portal"
	err := s.Create(blog)
	require.Equal(t, []string{"app portal is already portal in prod of shop; an app has one place"}, lines(err))
	requireCode(t, graduate.Conflict, err)

	_, _, err = s.Apply(Format(blog))
	require.Equal(t, []string{"line 7: app portal is already portal in prod of shop; an app has one place"}, lines(err))

	blog.Roles[0].Apps["dev"] = "blog-dev"
	require.NoError(t, s.Create(blog))
	err = s.Update("blog", func(g *graduate.Group) error { g.Roles[0].Apps["dev"] = "portal"; return nil })
	requireCode(t, graduate.Conflict, err)

	place, found, err := s.PlaceOf("mailer")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, graduate.Place{Group: "shop", Role: "mailer", Environment: "prod"}, place)
	_, found, err = s.PlaceOf("nobody")
	require.NoError(t, err)
	require.False(t, found)
}

func TestFind(t *testing.T) {
	s := newStore(t)
	_, err := s.Find("")
	require.EqualError(t, err, "there is no group yet; make one with: dokku graduate:create <group> <env> <env>")
	require.NoError(t, s.Create(simple("blog", "dev", "prod")))
	require.NoError(t, s.Create(simple("cms", "dev", "prod")))
	require.NoError(t, s.Create(simple("shop", "test", "prod")))
	for _, c := range []struct {
		group        string
		environments []string
		want, err    string
	}{
		{"", []string{"test", "prod"}, "shop", ""},
		{"cms", []string{"dev", "prod"}, "cms", ""},
		{"cms", nil, "cms", ""},
		{"", []string{"dev", "prod"}, "", "2 groups have dev and prod; choose one: --group blog or --group cms"},
		{"", []string{"dev", "test"}, "", "no group has dev and test; dokku graduate:report shows the groups and their environments"},
		{"cms", []string{"dev", "test"}, "", "group cms has no environment test; it has dev, prod"},
		{"none", []string{"dev"}, "", "group none does not exist; the groups are: blog, cms, shop"},
	} {
		g, err := s.Find(c.group, c.environments...)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, g.Name)
	}
}

func TestADamagedGroupIsNamedAndTheOthersWork(t *testing.T) {
	s := newStore(t)
	require.NoError(t, s.Create(simple("blog", "dev", "prod")))
	require.NoError(t, s.Create(simple("shop", "dev", "prod")))
	require.NoError(t, os.WriteFile(s.file("blog"), []byte("version: 1\ngroup: blog\nenvironments: []\nx: y\n"), 0o600))
	require.NoError(t, os.WriteFile(s.file("copy"), Format(simple("shop", "dev")), 0o600))

	_, err := s.Load("blog")
	require.ErrorContains(t, err, "group blog is damaged, in "+s.file("blog")+": line 3: environments must be a mapping")
	require.NotContains(t, err.Error(), "\n")
	requireCode(t, graduate.Internal, err)
	_, err = s.Load("copy")
	require.ErrorContains(t, err, "group copy is damaged")

	groups, err := s.All()
	require.Len(t, groups, 1)
	require.Len(t, lines(err), 2)
	g, err := s.Find("", "dev", "prod")
	require.NoError(t, err)
	require.Equal(t, "shop", g.Name)
	_, err = s.Find("", "qa")
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, s.Update("shop", func(g *graduate.Group) error { g.Settings.ReleaseTasks = "skip"; return nil }))
	_, found, err := s.PlaceOf("shop-dev")
	require.NoError(t, err)
	require.True(t, found)
	_, _, err = s.PlaceOf("nobody")
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, s.Delete("blog"), "a damaged group can be removed")
}
