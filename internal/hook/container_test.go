package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

func TestAContainerHooksWordsArriveAsTheyAre(t *testing.T) {
	f := newFixture(t)
	h := graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal", Command: []string{"sh", "-c", `echo "$HOME" 'a b'; exit 1`, "", "--", "*"}}
	f.containers.run = func(_ context.Context, out io.Writer) error {
		fmt.Fprintln(out, "migrated")
		return nil
	}
	require.NoError(t, f.start(h))
	require.Equal(t, []string{`portal-prod ["sh" "-c" "echo \"$HOME\" 'a b'; exit 1" "" "--" "*"] ` +
		"GRADUATE_ID=01j GRADUATE_GROUP=shop GRADUATE_FROM=dev GRADUATE_TO=prod GRADUATE_PHASE=post GRADUATE_HOOK=smoke " +
		"GRADUATE_CONTEXT=/run/graduate/context.json GRADUATE_APPS=portal-prod ws GRADUATE_PORTAL_APP=portal-prod GRADUATE_PORTAL_REV=abc " +
		"GRADUATE_PORTAL_FROM_REV=def GRADUATE_PORTAL_TO_REV=abc GRADUATE_PORTAL_URL=http://172.17.0.2:5000 " +
		"GRADUATE_PORTAL_URLS=http://172.17.0.2:5000 http://172.17.0.3:5000 GRADUATE_WEB_API_2_APP=ws GRADUATE_WEB_API_2_REV= " +
		"GRADUATE_WEB_API_2_FROM_REV= GRADUATE_WEB_API_2_TO_REV="}, f.containers.ran)
	require.Equal(t, "migrated\n", f.log())
	require.Equal(t, []string{"post/smoke: migrated"}, f.lines)

	h.Role = "gone"
	require.EqualError(t, f.start(h), "there is no role gone in this graduation")
}

func TestWhichImageAHookRunsIn(t *testing.T) {
	f := newFixture(t)
	f.run.Apps[0].UndoTag = "undone"
	post := graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal", Command: []string{"true"}}
	undo := graduate.Hook{Kind: graduate.HookRollback, Name: "undo", Role: "portal", Command: []string{"true"}}
	require.NoError(t, f.start(post))
	require.NoError(t, f.start(undo))
	f.run.Apps[0].Skip = "unchanged"
	require.NoError(t, f.start(post))
	require.Equal(t, []string{"graduate-01j", "undone", "latest"}, f.containers.tags)
}

func TestATaskRunsInItsAppsContainer(t *testing.T) {
	f := newFixture(t)
	f.containers.run = func(_ context.Context, out io.Writer) error { _, err := io.WriteString(out, "done\n"); return err }
	err := f.Task(t.Context(), f.run, f.run.Apps[0], graduate.Task{Name: "predeploy", Command: []string{"bin/task"}}, graduate.Situation{})
	require.NoError(t, err)
	require.Len(t, f.containers.ran, 1)
	require.Contains(t, f.containers.ran[0], `portal-prod ["bin/task"] GRADUATE_ID=01j`)
	require.Contains(t, f.containers.ran[0], "GRADUATE_PHASE=post GRADUATE_HOOK=predeploy ")
	require.NotContains(t, f.containers.ran[0], "_URL")
	data, err := os.ReadFile(f.run.Log("portal/predeploy"))
	require.NoError(t, err)
	require.Equal(t, "done\n", string(data))
}

func TestAContainerHookHasATimeOut(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		want    string
	}{{time.Minute, "it did not end within its time-out of 1m0s"}, {0, "it did not end within its time-out of 10m0s"}} {
		f := newFixture(t)
		synctest.Test(t, func(t *testing.T) {
			f.containers.run = func(ctx context.Context, _ io.Writer) error {
				<-ctx.Done()
				return errors.New("signal: killed")
			}
			began := time.Now()
			h := graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal", Timeout: c.timeout}
			require.EqualError(t, f.Hook(context.Background(), f.run, h, graduate.Situation{}), c.want)
			require.Equal(t, h.Deadline(), time.Since(began))
			require.Equal(t, 1, f.containers.stopped, "what it has left is removed")
			require.Equal(t, "post/smoke", f.containers.stoppedOf, "and nothing else: another hook may run beside it")
		})
	}
}

func TestWhatCannotBeRemovedIsSaid(t *testing.T) {
	f := newFixture(t)
	f.containers.stop = errors.New("Docker does not answer")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	err := f.Hook(ctx, f.run, graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal"}, graduate.Situation{})
	require.ErrorContains(t, err, "stopped")
	require.ErrorIs(t, err, f.containers.stop)
	require.ErrorIs(t, f.Stop(t.Context(), f.run), f.containers.stop)
}

func TestALogThatCannotBeWrittenKeepsTheHookFromRunning(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, os.WriteFile(f.run.Dir, nil, 0o600)) // where a folder should be
	require.Error(t, f.start(graduate.Hook{Kind: graduate.HookPost, Name: "smoke", Role: "portal"}))
	require.Empty(t, f.containers.ran)
}

func TestWhatDoesNotListenHasNoAddress(t *testing.T) {
	r := &graduate.Run{Apps: []*graduate.App{{Role: "worker", Target: "worker"}}}
	held := []graduate.Candidate{{App: "worker", Process: "worker", IP: "172.17.0.2"}, {App: "worker", Process: "web", IP: "172.17.0.3"}}
	for _, pair := range tell(r, graduate.Hook{}, graduate.Situation{Held: held}, nil).environment("") {
		require.NotContains(t, pair, "_URL")
	}
}
