package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// halfWayServer has a release that stopped at its release point, and a Docker with these image tags of portal.
func halfWayServer(t *testing.T, tags string, later ...graduate.Event) (graduate.History, []graduate.History) {
	t.Helper()
	shopServer(t)
	docker := filepath.Join(t.TempDir(), "docker")
	t.Setenv("DOCKER_BIN", docker)
	r := made(t, 1, state(graduate.Release), state(graduate.Revert), outcome(graduate.OutcomeNeedsPerson, 4, "mend it"))
	script := "#!/bin/sh\ncat <<END\n" + tags + "\n" + r.Tag() + " sha256:new\nEND\n"
	require.NoError(t, os.WriteFile(docker, []byte(script), 0o755))
	before := filepath.Join(r.Dir, "before")
	require.NoError(t, os.Mkdir(before, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(before, "portal.images.json"), []byte(`{"latest":"sha256:old"}`), 0o600))
	if len(later) > 0 {
		made(t, 2, later...)
	}
	all, err := histories(hostOf(t), "shop")
	require.NoError(t, err)
	return all[0], all[1:]
}

func TestWhichReleasesAreCompletedWithoutAPerson(t *testing.T) {
	for _, c := range []struct {
		name, tags string
		later      []graduate.Event
		want       bool
	}{
		{"the app has not moved", "latest sha256:old", nil, true},
		{"the app has moved", "latest sha256:new", nil, true},
		{"somebody has brought another version", "latest sha256:other", nil, false},
		{"a later one has replaced it", "latest sha256:old", []graduate.Event{state(graduate.Release)}, false},
		{"a later one was aborted", "latest sha256:old", []graduate.Event{state(graduate.Hold), outcome(graduate.OutcomeAborted, 2, "")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, later := halfWayServer(t, c.tags, c.later...)
			require.Equal(t, c.want, halfWay(t.Context(), hostOf(t), h, later))
			_, ok := h.Resume(false)
			require.False(t, ok, "another run of the group does it by itself")
		})
	}
	t.Run("it is not known what the app has", func(t *testing.T) {
		h, _ := halfWayServer(t, "latest sha256:old")
		require.NoError(t, os.RemoveAll(filepath.Join(h.Run.Dir, "before")))
		require.False(t, halfWay(t.Context(), hostOf(t), h, nil))
	})
}
