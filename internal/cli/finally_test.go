package cli

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

var finallyHooks = []graduate.Hook{{Kind: graduate.HookFinally, Name: "tell", Host: "missing"}, {Kind: graduate.HookFinally, Name: "resume", Host: "missing"}}

func finallyEvent(name, state string) graduate.Event {
	return graduate.Event{Type: graduate.EventHook, Hook: "finally/" + name, State: state}
}

// hooksOf are the states of a hook in the journal of a run.
func hooksOf(t *testing.T, r *graduate.Run, name string) []string {
	t.Helper()
	events, err := journal.Replay(r.Journal())
	require.NoError(t, err)
	var states []string
	for _, e := range events {
		if e.Hook == name && e.Type == graduate.EventHook {
			states = append(states, e.State)
		}
	}
	return states
}

// noContainers is a Docker that has none.
func noContainers(t *testing.T) {
	t.Helper()
	docker := filepath.Join(t.TempDir(), "docker")
	require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\n"), 0o755))
	t.Setenv("DOCKER_BIN", docker)
}

func TestDeferredFinallyHooksRunWhenSomebodyAsks(t *testing.T) {
	s := shopServer(t)
	noContainers(t)
	r := madeWith(t, 1, finallyHooks, state(graduate.Stage), state(graduate.Aborting),
		finallyEvent("tell", graduate.HookDeferred), finallyEvent("resume", graduate.HookDeferred), outcome(graduate.OutcomeAborted, 2, "why"))
	require.Contains(t, s.ok("status", "shop"), "       Not run yet: finally/resume, finally/tell; dokku graduate:recover shop runs them\n")
	require.Equal(t, "-----> There is nothing to recover\n", s.ok("recover", "--unattended"), "the server's start does not wait for them")
	out := s.ok("recover", "shop")
	require.Contains(t, out, "The finally hooks of graduation "+r.ID+" of shop to prod run now")
	require.Equal(t, []string{"deferred", "started", "failed"}, hooksOf(t, r, "finally/tell"), "there is no such script")
	require.Equal(t, []string{"deferred", "started", "failed"}, hooksOf(t, r, "finally/resume"))
	require.Equal(t, "-----> There is nothing to recover\n", s.ok("recover", "shop"))
	require.NotContains(t, s.ok("status", "shop"), "Not run yet")
	require.Contains(t, s.ok("status", "shop"), "aborted ("+r.ID+")")
}

func TestDeferredFinallyHooksOfALivingProcessAreItsOwn(t *testing.T) {
	s := shopServer(t)
	noContainers(t)
	r := madeWith(t, 1, finallyHooks, state(graduate.Release), finallyEvent("tell", graduate.HookDeferred), outcome(graduate.OutcomeLive, 0, ""))
	end := alive(t, r)
	require.Equal(t, "-----> There is nothing to recover\n", s.ok("recover", "shop"))
	end()
	s.ok("recover", "shop")
	require.Equal(t, []string{"deferred", "started", "failed"}, hooksOf(t, r, "finally/tell"))
}

// Their apps are open by then: the server's start would wait for nothing.
func TestFinallyHooksOfALivingProcessAreNotAwaited(t *testing.T) {
	shopServer(t)
	r := madeWith(t, 1, finallyHooks, state(graduate.Post), state(graduate.Aborting))
	alive(t, r)
	host := hostOf(t)
	c := &coordinator{host: host, run: r}
	end := c.lockWork(t.Context())
	ended := make(chan error, 1)
	reader, writer := io.Pipe()
	go func() { ended <- awaitEndings(t.Context(), ui.Streams{Out: writer}, host, "", time.Minute) }()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "Waiting up to 1m")
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	end()
	require.NoError(t, testkit.Receive(t, ended), "the process itself goes on")
	require.NoError(t, awaitEndings(t.Context(), ui.Streams{}, host, "", time.Minute), "it is not even begun to wait")
	require.True(t, host.Alive(r.ID))
}
