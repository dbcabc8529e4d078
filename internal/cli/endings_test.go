package cli

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// alive gives a run a coordinator until the returned function ends it.
func alive(t *testing.T, r *graduate.Run) (end func()) {
	t.Helper()
	lock, err := hostOf(t).LockRun(r.ID)
	require.NoError(t, err)
	require.NotNil(t, lock)
	t.Cleanup(func() { _ = lock.Close() })
	return func() { require.NoError(t, lock.Close()) }
}

// Docker's restart makes Dokku start the apps while the coordinator turns its run back.
func TestWhatALivingProcessTurnsBackOrFinishesIsAwaited(t *testing.T) {
	for name, events := range map[string][]graduate.Event{
		"turned back": {state(graduate.Post), state(graduate.Aborting)},
		"finished":    {state(graduate.Release), state(graduate.Settle)},
	} {
		t.Run(name, func(t *testing.T) {
			shopServer(t)
			r := made(t, 1, events...)
			end := alive(t, r)
			reader, writer := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- awaitEndings(t.Context(), ui.Streams{Out: writer}, hostOf(t), "", time.Minute) }()
			line, err := bufio.NewReader(reader).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "-----> Waiting up to 1m: graduation "+r.ID+" of shop to prod is being "+name+"\n", line)
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			select {
			case err := <-ended:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			end()
			require.NoError(t, testkit.Receive(t, ended))
		})
	}
}

func TestTheAwaitingOfEndingsHasOneBound(t *testing.T) {
	s := shopServer(t)
	r := made(t, 1, state(graduate.Aborting))
	second := made(t, 2, state(graduate.Release))
	alive(t, r)
	alive(t, second)
	code, out, err := s.run("recover", "--unattended", "--wait", "20ms")
	require.Equal(t, 1, code)
	require.Equal(t, 1, strings.Count(out, "Waiting up to"), out)
	require.Equal(t, " !     graduation "+r.ID+" of shop to prod is still being turned back after 20ms, and its apps are closed until then: await it with dokku graduate:status shop, then start what is down with dokku ps:start APP\n"+
		" !     graduation "+second.ID+" of shop to prod is still being finished after 20ms, and its apps are closed until then: await it with dokku graduate:status shop, then start what is down with dokku ps:start APP\n", err)
}

func TestARunThatGoesOnIsNotAwaited(t *testing.T) {
	s := shopServer(t)
	alive(t, made(t, 1, state(graduate.Hold)))
	made(t, 2, state(graduate.Aborting), outcome(graduate.OutcomeAborted, 2, "why"))
	require.Equal(t, "-----> There is nothing to recover\n", s.ok("recover", "--unattended", "--wait", "1h"))
	s.fails([]string{`--wait must be a duration such as 90s or 10m, not "soon"`}, "recover", "--wait", "soon")
}
