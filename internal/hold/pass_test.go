package hold

import (
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

var portalWeb = graduate.Key{App: "portal", Process: "web"}

// told starts the client of a candidate that is let go, and returns what it calls before its exit.
func (f *fixture) told(c graduate.Candidate) (pass func()) {
	f.t.Helper()
	passes := make(chan func(), 1)
	go func() {
		_, _, pass := Arrive(f.run.Socket, f.run.ID, c)
		passes <- pass
	}()
	require.Equal(f.t, c, testkit.Receive(f.t, f.arrived))
	f.Release(graduate.Key{App: c.App, Process: c.Process})
	return testkit.Receive(f.t, passes)
}

func TestWhoIsKilledBeforeItGoesOnIsLost(t *testing.T) {
	f := open(t)
	c := candidate("portal", "web", 1)
	c.Deploy = []graduate.Proc{{PID: 4711, Started: "99"}}
	conn, err := net.Dial("unix", f.run.Socket)
	require.NoError(t, err)
	require.NoError(t, json.NewEncoder(conn).Encode(arrival{Version: protocolVersion, Run: "01j", Candidate: c}))
	require.Equal(t, c, testkit.Receive(t, f.arrived), "with the processes that wait for it")
	f.Seal()
	f.Release(portalWeb)
	var v verdict
	require.NoError(t, json.NewDecoder(conn).Decode(&v))
	require.Equal(t, GoOn, v.Action)
	require.Empty(t, f.gone)
	require.NoError(t, conn.Close())
	require.Equal(t, c, testkit.Receive(t, f.gone))
}

func TestWhoHasGoneOnIsNotLost(t *testing.T) {
	f := open(t)
	f.told(candidate("portal", "web", 1))()
	require.Eventually(t, func() bool { // its last word has come
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.passing) == 0
	}, 10*time.Second, time.Millisecond)
	require.Empty(t, f.gone)
	require.NoError(t, f.Close())
	require.Empty(t, f.gone)
}

// The end of a check and its verdict cross: whoever let it go counts on it.
func TestWhoIsKilledWhenItIsLetGoIsLost(t *testing.T) {
	f := open(t)
	for _, c := range []struct {
		action Action
		lost   int
	}{{GoOn, 1}, {TurnBack, 0}} {
		w := &waiter{candidate("portal", "web", 1), make(chan verdict, 1)}
		w.verdict <- verdict{protocolVersion, c.action, ""}
		f.leave(w)
		require.Len(t, f.gone, c.lost)
		for len(f.gone) > 0 {
			<-f.gone
		}
	}
}

func TestCloseDoesNotWaitForWhoHasNotGoneOnYet(t *testing.T) {
	f := open(t)
	pass := f.told(candidate("portal", "web", 1))
	require.NoError(t, f.Close())
	require.Empty(t, f.gone, "it has its verdict")
	pass() // nobody listens
}

// After the release point nobody is turned back: who still waits finds the coordinator gone.
func TestWhoStillWaitsAfterTheReleaseDecidesByItself(t *testing.T) {
	f := open(t)
	c := candidate("portal", "worker", 1)
	action := make(chan Action, 1)
	go func() {
		told, _, _ := Arrive(f.run.Socket, f.run.ID, c)
		action <- told
	}()
	require.Equal(t, c, testkit.Receive(t, f.arrived))
	f.Seal()
	require.NoError(t, f.Close())
	require.Equal(t, Gone, testkit.Receive(t, action))
	require.Empty(t, f.gone, "it is not lost")
}

// plugin:update in the midst of a run.
func TestACoordinatorOfAnotherVersionIsNotSaidToAbort(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "hold.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = json.NewDecoder(conn).Decode(&arrival{})
			_ = json.NewEncoder(conn).Encode(verdict{protocolVersion - 1, GoOn, "another graduation"})
			_ = conn.Close()
		}
	}()
	action, reason := Abort(socket, "01j", "ann")
	require.Equal(t, Gone, action)
	require.Contains(t, reason, "another protocol")
	action, reason, _ = Arrive(socket, "01j", candidate("portal", "web", 1))
	require.Equal(t, TurnBack, action, "what cannot be understood is not live")
	require.Contains(t, reason, "another protocol")
}
