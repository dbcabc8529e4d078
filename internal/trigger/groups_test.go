package trigger

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

func TestEveryTriggerIsALinkAndEveryLinkATrigger(t *testing.T) {
	for folder, last := range map[string]bool{"triggers": false, "companion": true} {
		var want, have []string
		for _, trigger := range All() {
			require.NotNil(t, trigger.Run, trigger.Name)
			if trigger.Last == last && !trigger.Linked {
				want = append(want, trigger.Name)
			}
		}
		links, err := os.ReadDir(filepath.Join("../..", folder))
		require.NoError(t, err)
		for _, link := range links {
			have = append(have, link.Name())
			target, err := os.Readlink(filepath.Join("../..", folder, link.Name()))
			require.NoError(t, err)
			require.Equal(t, "../bin/graduate", target)
		}
		require.ElementsMatch(t, want, have, "the table of triggers and the links in %s/ differ", folder)
	}
	_, found := Find("install")
	require.False(t, found)
}

// stage is a store with the group shop and the streams of one trigger after another.
type stage struct {
	t        *testing.T
	dir      string
	store    *config.Store
	out, err bytes.Buffer
}

func newStage(t *testing.T) *stage {
	dir := t.TempDir()
	s := &stage{t: t, dir: dir, store: config.NewStore(dir)}
	require.NoError(t, s.store.Create(&graduate.Group{
		Name:         "shop",
		Environments: []graduate.Environment{{Name: "dev"}, {Name: "prod"}},
		Roles:        []graduate.Role{{Name: "portal", Start: graduate.StartAfterPost, Apps: map[string]string{"dev": "portal-dev", "prod": "portal"}}},
	}))
	return s
}

// call calls a trigger and returns what it printed. It never fails.
func (s *stage) call(trigger func(ui.Streams, *config.Store, []string) int, args ...string) (string, string) {
	s.out.Reset()
	s.err.Reset()
	require.Equal(s.t, 0, trigger(ui.Streams{Out: &s.out, Err: &s.err}, s.store, args))
	return s.out.String(), s.err.String()
}

func (s *stage) apps() map[string]string {
	g, err := s.store.Load("shop")
	require.NoError(s.t, err)
	return g.Roles[0].Apps
}

// The order of Dokku's apps:rename: the new app is made, post-app-rename-setup, the old app is destroyed
// (post-delete OLD), post-app-rename.
func TestARenamedAppKeepsItsPlace(t *testing.T) {
	s := newStage(t)
	out, err := s.call(renamed, "portal", "portal-two")
	require.Equal(t, "-----> Group shop: portal in prod is now portal-two\n", out)
	require.Empty(t, err)
	out, err = s.call(deleted, "portal", "latest")
	require.Empty(t, out+err)
	out, err = s.call(renamed, "portal", "portal-two")
	require.Empty(t, out+err)
	require.Equal(t, map[string]string{"dev": "portal-dev", "prod": "portal-two"}, s.apps())
}

func TestARenameToAnAppThatHasAPlace(t *testing.T) {
	s := newStage(t)
	out, err := s.call(renamed, "portal", "portal-dev")
	require.Empty(t, out)
	require.Equal(t, " !     portal is portal in prod of shop, and portal-dev could not take its place; check it with: dokku graduate:report shop\n"+
		" !     app portal-dev is already portal in dev; an app has one place\n", err)
	require.Equal(t, map[string]string{"dev": "portal-dev", "prod": "portal"}, s.apps())
}

func TestACloneHasNoPlace(t *testing.T) {
	s := newStage(t)
	out, err := s.call(cloned, "portal", "portal-two")
	require.Equal(t, "-----> Group shop: portal in prod stays portal; its clone portal-two belongs to no group\n", out)
	require.Empty(t, err)
	out, err = s.call(cloned, "other", "other-two")
	require.Empty(t, out+err)
	require.Equal(t, map[string]string{"dev": "portal-dev", "prod": "portal"}, s.apps())
}

func TestADestroyedAppLeavesItsPlaceEmpty(t *testing.T) {
	s := newStage(t)
	out, err := s.call(deleted, "portal", "latest")
	require.Empty(t, out)
	require.Equal(t, " !     Group shop: portal in prod has no app any more; to fill the place: dokku graduate:add shop portal prod=<app>\n", err)
	require.Equal(t, map[string]string{"dev": "portal-dev"}, s.apps())
	out, err = s.call(deleted, "other", "latest")
	require.Empty(t, out+err)
}

func TestReportOfAnApp(t *testing.T) {
	s := newStage(t)
	out, err := s.call(reported, "portal")
	require.Equal(t, "=====> portal graduate information\n"+
		"       Graduate environment:          prod\n"+
		"       Graduate group:                shop\n"+
		"       Graduate role:                 portal\n", out)
	require.Empty(t, err)
	out, err = s.call(reported, "other")
	require.Empty(t, out+err)
}

// A damaged group must not leave apps:destroy half done.
func TestADamagedGroupStopsNoCommandOfDokku(t *testing.T) {
	s := newStage(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "bad.yml"), []byte("{"), 0o600))
	for _, trigger := range []func(ui.Streams, *config.Store, []string) int{renamed, deleted} {
		out, err := s.call(trigger, "other", "x")
		require.Empty(t, out)
		require.Contains(t, err, " !     other may be in a group that cannot be read\n !     group bad is damaged, in ")
	}
	_, err := s.call(reported, "other")
	require.Contains(t, err, "group bad is damaged")
	_, err = s.call(deleted, "portal", "latest")
	require.Contains(t, err, "portal in prod has no app any more")
	for _, trigger := range []func(ui.Streams, *config.Store, []string) int{renamed, cloned, deleted, reported} {
		out, err := s.call(trigger)
		require.Empty(t, out+err, "a call without arguments")
	}
}
