package hold

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// coordinator is one that reads an arrival and then does what it is given.
func coordinator(t *testing.T, then func(net.Conn)) (socket string) {
	t.Helper()
	testkit.NoGoroutines(t, "internal/hold")
	dir, err := os.MkdirTemp("/tmp", "hold-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var a arrival
		if err := json.NewDecoder(conn).Decode(&a); err != nil || a.Run != "01j" || a.App != "portal" {
			t.Errorf("arrival %+v, %v", a, err)
		}
		then(conn)
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return socket
}

func TestWhatAClientUnderstands(t *testing.T) {
	for _, c := range []struct {
		name, says string
		want       answer
	}{
		{"go on", `{"version":2,"action":"go-on"}`, answer{GoOn, ""}},
		{"turn back", `{"version":2,"action":"turn-back","reason":"x"}`, answer{TurnBack, "x"}},
		{"nothing: the coordinator was killed", "", answer{Gone, "the coordinator ended"}},
		{"half an answer", `{"version":2,"action":"go-`, answer{Gone, "the coordinator ended"}},
		{"garbage", "garbage", answer{Gone, "the coordinator ended"}},
		{"another protocol", `{"version":1,"action":"go-on"}`, answer{TurnBack, "the coordinator speaks another protocol (version 1)"}},
		{"an action that is never sent", `{"version":2,"action":"gone"}`, answer{TurnBack, "the coordinator speaks another protocol (version 2)"}},
		{"no action", `{"version":2}`, answer{TurnBack, "the coordinator speaks another protocol (version 2)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := coordinator(t, func(conn net.Conn) { _, _ = io.WriteString(conn, c.says) })
			action, reason, _ := Arrive(socket, "01j", candidate("portal", "web", 1))
			require.Equal(t, c.want, answer{action, reason})
		})
	}
}

func TestACoordinatorThatEndsLaterIsGone(t *testing.T) {
	end := make(chan struct{})
	socket := coordinator(t, func(net.Conn) { <-end })
	answers := make(chan Action, 1)
	go func() {
		action, _, _ := Arrive(socket, "01j", candidate("portal", "web", 1))
		answers <- action
	}()
	close(end)
	require.Equal(t, Gone, testkit.Receive(t, answers))
}

func TestNoCoordinatorIsGone(t *testing.T) {
	dir := t.TempDir()
	action, reason, _ := Arrive(filepath.Join(dir, "s"), "01j", candidate("portal", "web", 1))
	require.Equal(t, Gone, action)
	require.Contains(t, reason, "no such file")

	// A killed coordinator leaves its socket, at which nobody listens.
	path := filepath.Join("/tmp", filepath.Base(filepath.Dir(dir))+".sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	defer os.Remove(path)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	action, reason, _ = Arrive(path, "01j", candidate("portal", "web", 1))
	require.Equal(t, Gone, action)
	require.Contains(t, reason, "connection refused")
}

func TestWhoSaysNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(func(graduate.Candidate) { t.Error("somebody arrived") })
		s.run = "01j"
		for _, said := range []string{"", `{"version":2,`} {
			ours, theirs := net.Pipe()
			go s.serve(ours)
			began := time.Now()
			_, err := io.WriteString(theirs, said)
			require.NoError(t, err)
			_, err = theirs.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, helloTimeout, time.Since(began))
		}
	})
}

func TestWhoIsHeldIsNotDroppedForItsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(func(graduate.Candidate) {})
		s.run = "01j"
		ours, theirs := net.Pipe()
		go s.serve(ours)
		require.NoError(t, json.NewEncoder(theirs).Encode(arrival{Version: protocolVersion, Run: "01j", Candidate: candidate("portal", "web", 1)}))
		time.Sleep(24 * time.Hour)
		require.Len(t, s.Held(), 1)
		s.Release(graduate.Key{App: "portal", Process: "web"})
		var v verdict
		require.NoError(t, json.NewDecoder(theirs).Decode(&v))
		require.Equal(t, GoOn, v.Action)
		require.NoError(t, theirs.Close())
	})
}

func TestOpenReplacesTheSocketOfADeadCoordinator(t *testing.T) {
	f := open(t)
	require.NoError(t, f.listener.Close())
	require.NoError(t, os.WriteFile(f.run.Socket, nil, 0o600))
	next := NewServer(func(graduate.Candidate) {})
	require.NoError(t, next.Open(f.run))
	action := make(chan Action, 1)
	go func() {
		a, _, _ := Arrive(f.run.Socket, "01j", candidate("portal", "web", 1))
		action <- a
	}()
	require.NoError(t, next.Wait(t.Context(), map[graduate.Key]int{{App: "portal", Process: "web"}: 1}))
	require.NoError(t, next.Close())
	require.Equal(t, TurnBack, testkit.Receive(t, action))

	info, err := os.Stat("/tmp")
	require.NoError(t, err)
	require.True(t, info.IsDir(), "only the socket's own folder was removed")
}

func TestOpenMakesAFolderForItsUserOnly(t *testing.T) {
	f := open(t)
	info, err := os.Stat(filepath.Dir(f.run.Socket))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestABarrierThatWasNeverOpenCloses(t *testing.T) {
	require.NoError(t, NewServer(func(graduate.Candidate) {}).Close())
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	s := NewServer(func(graduate.Candidate) {})
	require.Error(t, s.Open(&graduate.Run{Socket: filepath.Join(dir, "file", "s")}))
	long := filepath.Join(dir, strings.Repeat("x", 108))
	require.Error(t, s.Open(&graduate.Run{Socket: long}))
	require.NoError(t, s.Close())
}

func TestAPersonAborts(t *testing.T) {
	f := open(t)
	asked := make(chan string, 10)
	f.OnAbort(func(by string) { asked <- by })
	web := f.hold(candidate("portal", "web", 1))
	action, _ := Abort(f.run.Socket, "01j", "ann")
	require.Equal(t, TurnBack, action)
	require.Equal(t, "ann", testkit.Receive(t, asked))
	waiting(t, web) // until the engine closes the barrier

	action, reason := Abort(f.run.Socket, "01k", "ann")
	require.Equal(t, answer{GoOn, "this is the coordinator of another graduation"}, answer{action, reason})
	f.Seal() // the switch and the promotion run, nobody was released yet
	action, reason = Abort(f.run.Socket, "01j", "ann")
	require.Equal(t, answer{GoOn, "it is past its release point"}, answer{action, reason})
	waiting(t, web)
	f.Release(graduate.Key{App: "portal", Process: "web"})
	require.Equal(t, GoOn, testkit.Receive(t, web).action)
	require.NoError(t, f.Close())
	require.Empty(t, asked)
	action, _ = Abort(f.run.Socket, "01j", "ann")
	require.Equal(t, Gone, action)
}

func TestCloseDoesNotWaitForTheSilent(t *testing.T) {
	f := open(t)
	conn, err := net.Dial("unix", f.run.Socket)
	require.NoError(t, err)
	defer conn.Close()
	f.hold(candidate("portal", "web", 1)) // so the first was accepted
	began := time.Now()
	require.NoError(t, f.Close())
	require.Less(t, time.Since(began), helloTimeout/2)
}

func TestCountedOnlyWhenJournaled(t *testing.T) {
	f := open(t)
	entered, journaled := make(chan struct{}), make(chan struct{})
	f.Server.arrived = func(graduate.Candidate) { close(entered); <-journaled }
	web := f.arrive(candidate("portal", "web", 1))
	testkit.Receive(t, entered)
	want := map[graduate.Key]int{{App: "portal", Process: "web"}: 1}
	require.ErrorIs(t, f.Wait(noTime(), want), errNotYet)
	close(journaled)
	require.NoError(t, f.Wait(t.Context(), want))
	waiting(t, web)
}

// TestWhatHappensWhileACandidateIsJournaled: it is told so although it was not counted yet.
func TestWhatHappensWhileACandidateIsJournaled(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(*Server)
		want Action
	}{
		{"its process type is released", func(s *Server) { s.Release(graduate.Key{App: "portal", Process: "web"}) }, GoOn},
		{"the run is aborted", func(s *Server) { go s.Close() }, TurnBack}, // it awaits the candidate
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t)
			entered, journaled := make(chan struct{}), make(chan struct{})
			f.Server.arrived = func(graduate.Candidate) { close(entered); <-journaled }
			web := f.arrive(candidate("portal", "web", 1))
			testkit.Receive(t, entered)
			c.then(f.Server)
			if c.want == TurnBack {
				require.Eventually(t, func() bool {
					f.Server.mu.Lock()
					defer f.Server.mu.Unlock()
					return f.Server.closed
				}, 10*time.Second, time.Millisecond)
			}
			close(journaled)
			require.Equal(t, c.want, testkit.Receive(t, web).action)
			require.Empty(t, f.Held())
		})
	}
}
