package trigger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// closedFor marks apps as closed for a run that is alive.
func closedFor(t *testing.T, apps ...string) {
	t.Helper()
	t.Setenv("DOKKU_LIB_ROOT", t.TempDir())
	t.Setenv("DOKKU_APP_NAME", "")
	host, id := dokku.FromEnv(), "01jabcdefghjkmnpqrstvwxyz0"
	require.NoError(t, os.MkdirAll(host.RunDir(id), 0o700))
	lock, err := host.LockRun(id)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lock.Close() })
	require.NoError(t, os.MkdirAll(filepath.Join(host.DataDir(), "closed"), 0o700))
	for _, app := range apps {
		require.NoError(t, os.WriteFile(filepath.Join(host.DataDir(), "closed", app), []byte(id), 0o600))
	}
}

// asked is what user-auth is called with for a command.
func asked(command string) []string {
	return append([]string{"root", "ann"}, strings.Fields(command)...)
}

func TestUserAuth(t *testing.T) {
	closedFor(t, "portal")
	for command, code := range map[string]int{
		"ps:restart portal":                                  1,
		"ps:restart other":                                   0,
		"git-receive-pack '/portal'":                         1,
		"ps:restart --all":                                   1,
		"ps:rebuild --parallel 2 --all":                      1,
		"ps:stop --all=true":                                 1,
		"proxy:build-config --all":                           1,
		"domains:disable --all":                              1,
		"ps:report --all":                                    0,
		"logs:failed --all":                                  0,
		"help --all":                                         0,
		"graduate:run dev prod --all":                        0,
		"ps:restore --all":                                   0,
		"ps:restore portal":                                  1,
		"ps:scale portal":                                    0,
		"ps:scale portal web=2":                              1,
		"ps:scale --skip-deploy portal":                      1,
		"resource:limit portal":                              0,
		"resource:limit --memory 9m portal":                  1,
		"resource:reserve portal":                            0,
		"resource:limit-clear portal":                        1,
		"config:set --no-restart other A=--all":              0,
		"docker-options:add portal deploy --all=b":           1,
		"docker-options:add other deploy --all=b":            0,
		"docker-options:add other deploy --all":              0,
		"ps:restart other --all":                             1, // restarts all
		"ps:restart other --all=false":                       0,
		"network:rebuildall":                                 1,
		"network:rebuild other":                              0,
		"letsencrypt:auto-renew":                             1,
		"letsencrypt:auto-renew other":                       0,
		"ps:restore":                                         0,
		"resource:limit --process-type web portal":           0,
		"resource:limit --process-type=web portal":           0,
		"resource:reserve portal --process-type w":           0,
		"resource:limit --process-type w --memory 9m portal": 1,
		"resource:limit --process-type portal portal web":    1,
	} {
		require.Equal(t, code, UserAuth(asked(command)), command)
	}
	t.Setenv("DOKKU_APP_NAME", "portal") // dokku --app portal
	for command, code := range map[string]int{
		"ps:scale portal": 0, "ps:scale": 0, "ps:scale web=2": 1, "ps:scale portal web=2": 1, "ps:restart": 1, "ps:report": 0,
	} {
		require.Equal(t, code, UserAuth(asked(command)), "--app portal %s", command)
	}
}

func TestCommandsForAllAppsPassWhereNoneIsClosed(t *testing.T) {
	closedFor(t)
	require.Zero(t, UserAuth(asked("ps:restart --all")))
}

func TestNoOldInstanceIsStartedWhileTheyAreKeptOffTheData(t *testing.T) {
	for _, quiesced := range []bool{true, false} {
		closedFor(t, "portal")
		t.Setenv("DOKKU_ROOT", t.TempDir())
		for _, app := range []string{"portal", "other"} {
			require.NoError(t, os.MkdirAll(filepath.Join(os.Getenv("DOKKU_ROOT"), app), 0o700))
		}
		host := dokku.FromEnv()
		r := &graduate.Run{ID: host.ClosedBy("portal"), Dir: host.RunDir(host.ClosedBy("portal"))}
		if quiesced {
			r.Settings.Quiesce = &graduate.Quiesce{}
		}
		log, err := journal.Create(r.Journal())
		require.NoError(t, err)
		require.NoError(t, log.Append(graduate.Event{Version: graduate.EventVersion, Type: graduate.EventRun, Plan: r}))
		commands := map[string]int{
			"run portal": 1, "run portal rake": 1, "run:detached --env A=b portal rake": 1, "run --no-tty portal ls other": 1,
			"run other ls portal": 0, "run": 0, "run gone ls": 0, "enter portal web": 0, "run:list portal": 0, "run:logs portal": 0,
		}
		for command := range commands {
			require.Zero(t, UserAuth(asked(command)), "before it: %s", command)
		}
		require.NoError(t, log.Append(graduate.Event{Version: graduate.EventVersion, Type: graduate.EventState, State: string(graduate.Quiescing)}))
		require.NoError(t, log.Close())
		for command, code := range commands {
			if !quiesced {
				code = 0
			}
			require.Equal(t, code, UserAuth(asked(command)), "%s, %t", command, quiesced)
		}
		t.Setenv("DOKKU_APP_NAME", "other") // dokku --app other
		require.Zero(t, UserAuth(asked("run ls portal")))
		t.Setenv("DOKKU_APP_NAME", "portal")
		require.Equal(t, quiesced, UserAuth(asked("run ls")) != 0)
	}
}
