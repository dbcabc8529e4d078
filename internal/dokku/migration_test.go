package dokku

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOneMigrationOfAGroupAtATime(t *testing.T) {
	f := newFixture(t)
	never := func() { t.Error("nobody has it") }
	unlock, err := f.LockMigrations(t.Context(), "shop", never)
	require.NoError(t, err)
	other, err := f.LockMigrations(t.Context(), "mail", never)
	require.NoError(t, err)
	other()

	waits := make(chan struct{})
	taken := make(chan error, 1)
	go func() {
		unlock, err := f.LockMigrations(context.Background(), "shop", func() { close(waits) })
		if err == nil {
			unlock()
		}
		taken <- err
	}()
	<-waits
	require.Empty(t, taken)
	unlock()
	require.NoError(t, <-taken)

	unlock, err = f.LockMigrations(t.Context(), "shop", never)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = f.LockMigrations(ctx, "shop", cancel)
	require.ErrorIs(t, err, context.Canceled)
}

func TestHowTheHookOfADeadCoordinatorEnded(t *testing.T) {
	for _, c := range []struct {
		name, containers, state string
		known                   bool
		want                    string
	}{
		{"no container", "", "", false, ""},
		{"well", "r1 RUN run i\n", `"Status": "exited"`, true, ""},
		{"badly", "r1 RUN run i\n", `"Status": "exited", "ExitCode": 7`, true, "it ended with exit code 7"},
		{"not begun", "r1 RUN run i\n", `"Status": "created"`, true, "its command could not be started: its container was made, and not started"},
		{"running on", "r1 RUN run i\n", `"Status": "running", "Running": true`, true, "it did not end within its time-out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("bin/containers", strings.ReplaceAll(c.containers, "RUN", f.run.ID))
			f.write("bin/inspect", `[{"Id": "r1", "State": {`+c.state+`}}]`)
			f.write("bin/wait", "exec sleep 600")
			ended, known := f.OneOffEnd(t.Context(), f.run, "post/migrate", time.Now().Add(500*time.Millisecond))
			require.Equal(t, c.known, known)
			if c.want == "" {
				require.NoError(t, ended)
			} else {
				require.EqualError(t, ended, c.want)
			}
		})
	}
}
