package dokku

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// A deploy that is late after the release point is not killed, and whoever comes after waits for its end.
func TestACommandAfterTheReleasePointIsNotCutOff(t *testing.T) {
	dir := t.TempDir()
	up, down := filepath.Join(dir, "up"), filepath.Join(dir, "down")
	for _, path := range []string{up, down} {
		require.NoError(t, unix.Mkfifo(path, 0o600))
	}
	late := errors.New("late")
	ctx, cancel := context.WithCancelCause(graduate.LeaveRunning(t.Context()))
	r := &graduate.Run{Dir: dir}
	deploy := command{name: "sh", args: []string{"-c", `echo up >"$1"; read -r go <"$2"; echo more; echo more >&2; echo ended >"$1"`, "deploy", up, down}, deployOf: &deployName{r, "portal", "web"}}
	result := make(chan error, 1)
	go func() {
		_, err := deploy.run(ctx)
		result <- err
	}()
	require.Equal(t, "up\n", read(t, up)) // it is under way
	cancel(late)
	require.ErrorIs(t, <-result, late)
	_, err := deploy.run(ctx)
	require.ErrorIs(t, err, late, "nothing new is begun")

	waited := make(chan error, 1)
	host := &Host{}
	go func() { waited <- host.awaitDeploys(t.Context(), deployName{r, "portal", "worker"}) }()
	require.NoError(t, os.WriteFile(down, []byte("go\n"), 0))
	require.Equal(t, "ended\n", read(t, up))
	require.NoError(t, <-waited)
}

func TestACommandAfterTheReleasePointPrintsAndFailsAsOthersDo(t *testing.T) {
	ctx := graduate.LeaveRunning(t.Context())
	out, err := command{name: "sh", args: []string{"-c", "echo out; echo err >&2"}}.run(ctx)
	require.NoError(t, err)
	require.Equal(t, "out\n", out)
	_, err = command{name: "sh", args: []string{"-c", "echo one; echo why >&2; exit 3"}}.run(ctx)
	require.EqualError(t, err, "sh -c: exit status 3: why")
	code, ok := ExitCode(err)
	require.True(t, ok)
	require.Equal(t, 3, code)
	_, err = command{name: filepath.Join(t.TempDir(), "nothing")}.run(ctx)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}
