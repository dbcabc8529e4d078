package trigger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/hold"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// heldDeploy is a deploy of portal whose run has paused portal's old container, which is replaced, and mailer's, which
// stays. told is what Docker is told meanwhile.
func heldDeploy(t *testing.T, quiesce *graduate.Quiesce, events ...graduate.Event) (host *dokku.Host, id string, told func() []string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOKKU_LIB_ROOT", dir)
	docker := filepath.Join(dir, "client")
	require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\ncase \"$2\" in inspect) ;; *) echo \"$2 $3\" >>"+dir+"/told ;; esac\n"), 0o700))
	t.Setenv("DOCKER_BIN", docker)
	host, id = dokku.FromEnv(), "01jabcdefghjkmnpqrstvwxyz0"
	r := &graduate.Run{ID: id, Dir: host.RunDir(id), Settings: graduate.Settings{Quiesce: quiesce}}
	require.NoError(t, os.MkdirAll(r.Dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "old-instances.json"), []byte(
		`[{"id": "portal1", "app": "portal"}, {"id": "mailer1", "app": "mailer", "stays": true}]`), 0o600))
	log, err := journal.Create(r.Journal())
	require.NoError(t, err)
	for _, e := range append([]graduate.Event{{Type: graduate.EventRun, Plan: r}}, events...) {
		e.Version = graduate.EventVersion
		require.NoError(t, log.Append(e))
	}
	require.NoError(t, log.Close())
	lock, err := host.LockRun(id) // makes it, as the coordinator did
	require.NoError(t, err)
	require.NoError(t, lock.Close())
	t.Setenv(dokku.EnvRun, id)
	t.Setenv(dokku.EnvJournal, r.Journal())
	return host, id, func() []string {
		data, _ := os.ReadFile(filepath.Join(dir, "told"))
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

func ask() hold.Action {
	var reason string
	return askJournal(graduate.Candidate{App: "portal", Process: graduate.Web}, &reason)
}

var atRelease = graduate.Event{Type: graduate.EventState, State: string(graduate.Release)}

func TestAHeldDeployWithoutCoordinatorLetsOldInstancesGoOn(t *testing.T) {
	_, _, told := heldDeploy(t, &graduate.Quiesce{})
	require.Equal(t, hold.TurnBack, ask())
	require.ElementsMatch(t, []string{"unpause portal1", "unpause mailer1"}, told())
}

func TestAHeldDeployWithoutCoordinatorAfterTheReleasePointLetsThoseGoOnThatStay(t *testing.T) {
	_, _, told := heldDeploy(t, &graduate.Quiesce{}, atRelease)
	require.Equal(t, hold.GoOn, ask())
	require.Equal(t, []string{"unpause mailer1", "kill portal1"}, told())
}

func TestAHeldDeployKillsNobodyWhoMayStillBeAsked(t *testing.T) {
	host, id, told := heldDeploy(t, &graduate.Quiesce{}, atRelease)
	require.NoError(t, os.MkdirAll(filepath.Join(host.RunDir(id), "proxy", "changes.json"), 0o700)) // so that nothing is switched
	require.Equal(t, hold.GoOn, ask())
	require.Equal(t, []string{"unpause mailer1"}, told())
}

func TestAHeldDeployLeavesOldInstancesToWhoDrivesTheRun(t *testing.T) {
	host, id, told := heldDeploy(t, &graduate.Quiesce{})
	lock, err := host.LockRun(id)
	require.NoError(t, err)
	require.Equal(t, hold.TurnBack, ask())
	require.NoError(t, lock.Close())
	require.Equal(t, []string{""}, told())
}

func TestNoOldInstanceIsTouchedWhereTheRunIsOverOrDidNotQuiesce(t *testing.T) {
	_, _, told := heldDeploy(t, nil)
	require.Equal(t, hold.TurnBack, ask())
	require.Equal(t, []string{""}, told())
	_, _, told = heldDeploy(t, &graduate.Quiesce{}, graduate.Event{Type: graduate.EventOutcome, State: graduate.OutcomeAborted})
	require.Equal(t, hold.TurnBack, ask())
	require.Equal(t, []string{""}, told())
	t.Setenv(dokku.EnvRun, "../../elsewhere")
	require.Equal(t, hold.TurnBack, ask())
	require.Equal(t, []string{""}, told())
}
