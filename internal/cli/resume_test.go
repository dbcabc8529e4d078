package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// silent is a screen that shows nothing.
type silent struct{ ui.Renderer }

func (silent) Event(graduate.Event) {}

// toldBy are the old instances that a recovery lets go on which then cannot take the run up, as Docker does nothing else.
func toldBy(t *testing.T, quiesce *graduate.Quiesce, events ...graduate.Event) string {
	t.Helper()
	shopServer(t)
	dir := t.TempDir()
	t.Setenv("DOCKER_BIN", filepath.Join(dir, "client"))
	script := "#!/bin/sh\n[ \"$2\" = unpause ] || exit 1\necho \"$2 $3\" >>" + dir + "/told\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "client"), []byte(script), 0o700))
	r := made(t, 1, events...)
	r.Settings.Quiesce = quiesce
	known := `[{"id": "portal1", "app": "portal"}, {"id": "mailer1", "app": "mailer", "stays": true}]`
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "old-instances.json"), []byte(known), 0o600))
	_ = resume(t.Context(), hostOf(t), graduate.History{Run: r}, silent{}, true, false, Undecided)
	told, _ := os.ReadFile(filepath.Join(dir, "told"))
	return string(told)
}

func TestARecoveryLetsOldInstancesGoOnBeforeAllElse(t *testing.T) {
	quiesce := &graduate.Quiesce{}
	require.Contains(t, []string{"unpause portal1\nunpause mailer1\n", "unpause mailer1\nunpause portal1\n"}, toldBy(t, quiesce, state(graduate.Post)))
	require.Equal(t, "unpause mailer1\n", toldBy(t, quiesce, state(graduate.Release)), "past the release point")
	require.Empty(t, toldBy(t, nil, state(graduate.Post)), "without a quiesce")
	failure := graduate.Event{Type: graduate.EventFailure, State: string(graduate.Finish), Message: "disk full"}
	require.Empty(t, toldBy(t, quiesce, state(graduate.Finish), failure, outcome(graduate.OutcomeLive, 0, "")), "where only the clean-up is left")
}
