package config

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestApplySaysWhatChanged(t *testing.T) {
	s := newStore(t)
	data, err := os.ReadFile("testdata/shop.yml")
	require.NoError(t, err)
	g, changed, err := s.Apply(data)
	require.NoError(t, err)
	require.Equal(t, "shop", g.Name)
	require.Equal(t, "group shop created", changed[0])

	before, err := os.Stat(s.file("shop"))
	require.NoError(t, err)
	_, changed, err = s.Apply(Format(g))
	require.NoError(t, err)
	require.Empty(t, changed)
	after, err := os.Stat(s.file("shop"))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "an unchanged group was written")

	g.Hooks[1].Command = []string{"true"}
	g.Roles = append(g.Roles, graduate.Role{Name: "clock", Start: graduate.StartAfterPost})
	_, changed, err = s.Apply(Format(g))
	require.NoError(t, err)
	require.Equal(t, []string{"role clock added", "hook post/migrate changed"}, changed)
}

func TestApplyPutsTheProblemsOfAllChecksAtTheirLines(t *testing.T) {
	s := newStore(t)
	data, err := os.ReadFile("testdata/shop.yml")
	require.NoError(t, err)
	missing := func(before, after *graduate.Group) []Problem {
		require.Nil(t, before)
		return []Problem{{Path: AppPath("mailer", "prod"), Text: "app mailer does not exist"}, {Path: AppPath("portal", "dev"), Text: "app portal-dev does not exist"}}
	}
	hooks := func(_, after *graduate.Group) []Problem {
		return []Problem{{Path: HookPath(after, 2) + "/host", Text: "no such script"}}
	}
	_, _, err = s.Apply(data, missing, hooks)
	require.Equal(t, []string{"line 11: app portal-dev does not exist", "line 15: app mailer does not exist", "line 26: no such script"}, lines(err))
	names, err := s.List()
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestRenamedAndRemovedApps(t *testing.T) {
	s := newStore(t)
	_, found, err := s.RenameApp("portal", "x")
	require.NoError(t, err)
	require.False(t, found)
	require.NoDirExists(t, s.dir, "an app of no group made the folder")

	require.NoError(t, s.Create(shop()))
	place, found, err := s.RenameApp("portal", "portal-two")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "portal in prod of shop", place.String())
	_, _, err = s.RenameApp("portal-two", "mailer")
	require.ErrorContains(t, err, "app mailer is already portal in prod")

	place, found, err = s.RemoveApp("mailer-dev")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "mailer in dev of shop", place.String())
	_, found, err = s.RemoveApp("mailer-dev")
	require.NoError(t, err)
	require.False(t, found)
	_, _, err = s.RemoveApp("mailer")
	require.NoError(t, err)

	g, err := s.Load("shop")
	require.NoError(t, err)
	require.Equal(t, "portal-two", g.Role("portal").Apps["prod"])
	require.Equal(t, map[string]string{}, g.Role("mailer").Apps, "a role without apps stays")
}

// Two writers, each with files and locks of its own as two processes have them, and readers beside them.
func TestTwoWritersLoseNothing(t *testing.T) {
	dir := newStore(t).dir
	require.NoError(t, NewStore(dir).Create(simple("shop", "dev")))
	const rounds = 25
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			s := NewStore(dir)
			for i := range rounds {
				name := fmt.Sprintf("role-%d-%d", w, i)
				err := s.Update("shop", func(g *graduate.Group) error {
					g.Roles = append(g.Roles, graduate.Role{Name: name, Start: graduate.StartAfterPost, Apps: map[string]string{"dev": name}})
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Go(func() {
		for s := NewStore(dir); ; {
			select {
			case <-done:
				return
			default:
				if _, err := s.Load("shop"); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
	g, err := NewStore(dir).Load("shop")
	require.NoError(t, err)
	require.Len(t, g.Roles, 1+2*rounds)
}

// Two groups that claim the same app at the same moment: one of them gets it.
func TestTwoWritersCannotClaimTheSameApp(t *testing.T) {
	dir := newStore(t).dir
	errs := make([]error, 8)
	var writers sync.WaitGroup
	for i := range errs {
		writers.Go(func() {
			g := simple(fmt.Sprintf("group-%d", i), "dev")
			g.Roles[0].Apps["dev"] = "wanted"
			errs[i] = NewStore(dir).Create(g)
		})
	}
	writers.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			requireCode(t, graduate.Conflict, err)
		}
	}
	require.Equal(t, 1, won)
}
