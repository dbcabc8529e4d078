package hold

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/testkit"
)

// errNotYet is the cause of contexts that have ended before they are used: with one, Wait only looks.
var errNotYet = errors.New("not yet")

func noTime() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errNotYet)
	return ctx
}

// fixture is an open barrier and what was reported by it.
type fixture struct {
	*Server
	t       *testing.T
	run     *graduate.Run
	arrived chan graduate.Candidate
	gone    chan graduate.Candidate
}

func open(t *testing.T) *fixture {
	t.Helper()
	testkit.NoGoroutines(t, "internal/hold")
	dir, err := os.MkdirTemp("/tmp", "hold-") // a socket's path may be 107 bytes long only
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fixture{
		t: t, run: &graduate.Run{ID: "01j", Socket: filepath.Join(dir, "run", "hold.sock")},
		arrived: make(chan graduate.Candidate, 100), gone: make(chan graduate.Candidate, 100),
	}
	f.Server = NewServer(func(c graduate.Candidate) { f.arrived <- c })
	require.NoError(t, f.Open(f.run))
	f.OnLost(func(c graduate.Candidate) { f.gone <- c })
	t.Cleanup(func() { f.Close() })
	return f
}

// answer is what a client was told.
type answer struct {
	action Action
	reason string
}

// arrive starts the client of a candidate.
func (f *fixture) arrive(c graduate.Candidate) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		action, reason, pass := Arrive(f.run.Socket, f.run.ID, c)
		pass()
		answers <- answer{action, reason}
	}()
	return answers
}

// hold starts the client of a candidate and waits until it is held.
func (f *fixture) hold(c graduate.Candidate) <-chan answer {
	f.t.Helper()
	answers := f.arrive(c)
	require.Equal(f.t, c, testkit.Receive(f.t, f.arrived))
	require.NoError(f.t, f.Wait(f.t.Context(), map[graduate.Key]int{{App: c.App, Process: c.Process}: 1}))
	return answers
}

func candidate(app, process string, index int) graduate.Candidate {
	return graduate.Candidate{App: app, Process: process, Index: index, Container: app + process, IP: "172.17.0.9", Port: "5000"}
}

func waiting(t *testing.T, answers <-chan answer) {
	t.Helper()
	select {
	case a := <-answers:
		t.Fatalf("it was not held: %v", a)
	default:
	}
}

func TestWaitReturnsWhenExactlyEnoughAreHeld(t *testing.T) {
	f := open(t)
	want := map[graduate.Key]int{{App: "portal", Process: "web"}: 2, {App: "ws", Process: "web"}: 1}
	returned := make(chan error, 1)
	go func() { returned <- f.Wait(t.Context(), want) }()

	f.hold(candidate("portal", "web", 1))
	require.ErrorIs(t, f.Wait(noTime(), want), errNotYet)
	f.hold(candidate("ws", "web", 1))
	require.ErrorIs(t, f.Wait(noTime(), want), errNotYet)
	f.hold(candidate("ws", "worker", 1)) // nobody asked for it
	require.ErrorIs(t, f.Wait(noTime(), want), errNotYet)
	select {
	case err := <-returned:
		t.Fatalf("it returned before the last one was there: %v", err)
	default:
	}
	f.hold(candidate("portal", "web", 2))
	require.NoError(t, testkit.Receive(t, returned))
	require.NoError(t, f.Wait(noTime(), want))
	require.NoError(t, f.Wait(noTime(), nil))
}

func TestHeldIsInOrder(t *testing.T) {
	f := open(t)
	require.Empty(t, f.Held())
	want := []graduate.Candidate{
		candidate("portal", "web", 1), candidate("portal", "web", 2), candidate("portal", "web", 10),
		candidate("portal", "worker", 1), candidate("ws", "web", 1),
	}
	for _, i := range []int{3, 2, 4, 0, 1} {
		f.hold(want[i])
		f.Held()
	}
	require.NoError(t, f.Wait(t.Context(), map[graduate.Key]int{{App: "portal", Process: "web"}: 3}))
	require.Equal(t, want, f.Held())
}

func TestReleaseLetsOnlyItsKeyGo(t *testing.T) {
	f := open(t)
	web1, web2 := f.hold(candidate("portal", "web", 1)), f.hold(candidate("portal", "web", 2))
	require.NoError(t, f.Wait(t.Context(), map[graduate.Key]int{{App: "portal", Process: "web"}: 2}))
	worker, other := f.hold(candidate("portal", "worker", 1)), f.hold(candidate("ws", "web", 1))

	f.Release(graduate.Key{App: "portal", Process: "web"})
	require.Equal(t, answer{GoOn, ""}, testkit.Receive(t, web1))
	require.Equal(t, answer{GoOn, ""}, testkit.Receive(t, web2))
	waiting(t, worker)
	waiting(t, other)
	require.Equal(t, []graduate.Candidate{candidate("portal", "worker", 1), candidate("ws", "web", 1)}, f.Held())

	late := f.arrive(candidate("portal", "web", 3))
	require.Equal(t, answer{GoOn, ""}, testkit.Receive(t, late))
	require.Len(t, f.Held(), 2)
	f.Release(graduate.Key{App: "portal", Process: "worker"})
	require.Equal(t, GoOn, testkit.Receive(t, worker).action)
	waiting(t, other)
	require.Empty(t, f.gone, "who was let go is not lost")
	require.NoError(t, f.Close())
	require.Empty(t, f.gone)
}

func TestCloseTurnsBack(t *testing.T) {
	f := open(t)
	web, worker := f.hold(candidate("portal", "web", 1)), f.hold(candidate("portal", "worker", 1))
	require.NoError(t, f.Close())
	require.Equal(t, answer{TurnBack, "the graduation was aborted"}, testkit.Receive(t, web))
	require.Equal(t, TurnBack, testkit.Receive(t, worker).action)
	require.Empty(t, f.gone, "who was turned back is not lost")
	require.Empty(t, f.Held())
	require.NoDirExists(t, filepath.Dir(f.run.Socket))
	require.NoError(t, f.Close(), "a second time")

	late := testkit.Receive(t, f.arrive(candidate("portal", "web", 1)))
	require.Equal(t, Gone, late.action)
	require.Contains(t, late.reason, "the coordinator cannot be reached")
}

func TestWhoGoesAwayIsLost(t *testing.T) {
	f := open(t)
	conn, err := net.Dial("unix", f.run.Socket)
	require.NoError(t, err)
	c := candidate("portal", "web", 1)
	require.NoError(t, json.NewEncoder(conn).Encode(arrival{Version: protocolVersion, Run: "01j", Candidate: c}))
	require.Equal(t, c, testkit.Receive(t, f.arrived))
	other := f.hold(candidate("ws", "web", 1))
	require.NoError(t, conn.Close())
	require.Equal(t, c, testkit.Receive(t, f.gone))
	require.Equal(t, []graduate.Candidate{candidate("ws", "web", 1)}, f.Held())
	require.ErrorIs(t, f.Wait(noTime(), map[graduate.Key]int{{App: "portal", Process: "web"}: 1}), errNotYet)
	waiting(t, other)
}

func TestStrangersAreTurnedBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		hello arrival
	}{
		{"another run", arrival{Version: protocolVersion, Run: "01k", Candidate: candidate("portal", "web", 1)}},
		{"no run", arrival{Version: protocolVersion, Candidate: candidate("portal", "web", 1)}},
		{"another protocol", arrival{Version: protocolVersion + 1, Run: "01j", Candidate: candidate("portal", "web", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t)
			conn, err := net.Dial("unix", f.run.Socket)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, json.NewEncoder(conn).Encode(c.hello))
			var v verdict
			require.NoError(t, json.NewDecoder(conn).Decode(&v))
			require.Equal(t, verdict{protocolVersion, TurnBack, "this graduation does not wait for it"}, v)
			require.Empty(t, f.Held())
			require.NoError(t, f.Close())
			require.Empty(t, f.arrived)
		})
	}
}

func TestGarbageIsIgnored(t *testing.T) {
	f := open(t)
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "[]\n", `{"version":"1"}` + "\n", "\x00\xff\n"} {
		conn, err := net.Dial("unix", f.run.Socket)
		require.NoError(t, err)
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err, "%q got an answer", text)
		require.NoError(t, conn.Close())
	}
	require.Empty(t, f.Held())
	f.hold(candidate("portal", "web", 1)) // and the barrier still works
}

func TestReleaseAndArrivalsSideBySide(t *testing.T) {
	f := open(t)
	var all []<-chan answer
	for i := range 30 {
		all = append(all, f.arrive(candidate("portal", "web", i)))
		if i == 10 {
			f.Release(graduate.Key{App: "portal", Process: "web"})
		}
	}
	for _, answers := range all {
		require.Equal(t, GoOn, testkit.Receive(t, answers).action)
	}
	require.Empty(t, f.Held())
	require.NoError(t, f.Close())
	require.Empty(t, f.gone)
}

func TestCloseAndArrivalsSideBySide(t *testing.T) {
	f := open(t)
	var all []<-chan answer
	for i := range 20 {
		all = append(all, f.arrive(candidate("portal", "web", i)))
	}
	testkit.Receive(t, f.arrived)
	require.NoError(t, f.Close())
	for _, answers := range all {
		require.True(t, slices.Contains([]Action{TurnBack, Gone}, testkit.Receive(t, answers).action), "nobody goes on")
	}
	require.Empty(t, f.gone)
}

// A dead coordinator, or whoever made the folder, has left a socket at which nobody listens, or something else there.
func TestAStaleSocketIsReplaced(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "graduate-stale-") // the path of a socket may have 107 bytes only
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	r := &graduate.Run{ID: "01j", Socket: filepath.Join(dir, "hold.sock")}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.Socket, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	require.NoError(t, stale.Close())

	s := NewServer(func(graduate.Candidate) {})
	require.NoError(t, s.Open(r))
	asked := make(chan string, 1)
	s.OnAbort(func(by string) { asked <- by })
	action, reason := Abort(r.Socket, "01j", "ann")
	require.Equal(t, TurnBack, action, reason)
	require.Equal(t, "ann", <-asked)
	require.NoError(t, s.Close())
	require.NoDirExists(t, dir)
}
