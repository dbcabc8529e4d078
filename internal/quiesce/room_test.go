package quiesce

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// instance is an app's instance: it answers every line with its name and the line.
func instance(t *testing.T, name string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					fmt.Fprintf(conn, "%s %s\n", name, lines.Text())
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); served.Wait() })
	return listener.Addr().String()
}

// mine tells that the proxy runs as this process does.
func mine() []int { return []int{os.Geteuid()} }

// newRoom opens a room with one door, between an old and a new instance.
func newRoom(t *testing.T, b Bounds) (*Room, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "room", "0.sock")
	r, err := Open([]graduate.Door{{App: "ws", Socket: socket, Old: []string{instance(t, "old")}, New: []string{instance(t, "new")}}}, b, mine)
	require.NoError(t, err)
	t.Cleanup(func() { r.Pass(graduate.OldSide); _ = r.Close(); r.Wait() })
	return r, socket
}

func ask(t *testing.T, socket, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

func answerTo(t *testing.T, conn net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// seated returns when so many wait.
func seated(t *testing.T, r *Room, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.waiting) == n
	}, 10*time.Second, time.Millisecond)
}

func TestWhoWaitsGoesOnToOneSide(t *testing.T) {
	for _, side := range []graduate.Side{graduate.OldSide, graduate.NewSide} {
		t.Run(string(side), func(t *testing.T) {
			r, socket := newRoom(t, Bounds{Wait: time.Minute, Most: 10})
			first, second := ask(t, socket, "a\n"), ask(t, socket, "b\n")
			seated(t, r, 2)
			visits := r.Pass(side)
			require.Equal(t, 2, visits.Waited)
			require.Zero(t, visits.TurnedAway)
			require.Positive(t, visits.Longest)
			require.Equal(t, string(side)+" a", answerTo(t, first))
			require.Equal(t, string(side)+" b", answerTo(t, second))
			require.Equal(t, string(side)+" c", answerTo(t, ask(t, socket, "c\n")), "who comes later, too")
			_, err := io.WriteString(first, "again\n")
			require.NoError(t, err)
			require.Equal(t, string(side)+" again", answerTo(t, first), "the connection stays one")
		})
	}
}

func TestWhoCannotWaitIsTold(t *testing.T) {
	r, socket := newRoom(t, Bounds{Wait: 20 * time.Millisecond, Most: 1, Page: []byte("soon")})
	late := ask(t, socket, "POST / HTTP/1.1\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(late), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "soon", string(body))
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "5", response.Header.Get("Retry-After"))
	_, err = io.WriteString(late, strings.Repeat("the rest of its body is still taken\n", 20_000))
	require.NoError(t, err)
	require.NoError(t, late.Close())
	visits := r.Pass(graduate.NewSide)
	require.Equal(t, graduate.Visits{Waited: 1, TurnedAway: 1, Longest: visits.Longest}, visits)
}

func TestTheRoomHasSoManyPlaces(t *testing.T) {
	r, socket := newRoom(t, Bounds{Wait: time.Minute, Most: 2})
	seats := []net.Conn{ask(t, socket, "a\n"), ask(t, socket, "b\n")}
	seated(t, r, 2)
	response, err := http.ReadResponse(bufio.NewReader(ask(t, socket, "c\n")), nil)
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Contains(t, string(page), "Back in a moment")

	require.NoError(t, seats[0].Close(), "its client has hung up, with its request unread")
	seated(t, r, 1)
	d := ask(t, socket, "d\n")
	seated(t, r, 2)
	visits := r.Pass(graduate.NewSide)
	require.Equal(t, 1, visits.TurnedAway)
	require.Equal(t, 3, visits.Waited)
	require.Equal(t, "new d", answerTo(t, d))
}

func TestAFullSideIsAskedInTurnAndOneThatIsGoneIsPassedOver(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	socket := filepath.Join(t.TempDir(), "room", "0.sock")
	r, err := Open([]graduate.Door{{Socket: socket, New: []string{instance(t, "one"), gone.Addr().String(), instance(t, "two")}}}, Bounds{Wait: time.Minute, Most: 10}, mine)
	require.NoError(t, err)
	r.Pass(graduate.NewSide)
	got := map[string]int{}
	for range 6 {
		got[answerTo(t, ask(t, socket, "x\n"))]++
	}
	require.Equal(t, map[string]int{"one x": 2, "two x": 4}, got)
	require.NoError(t, r.Close())
}

func TestNobodyThereIsNoAnswerOfAnInstance(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "room", "0.sock")
	r, err := Open([]graduate.Door{{Socket: socket}}, Bounds{Wait: time.Minute, Most: 10}, mine)
	require.NoError(t, err)
	r.Pass(graduate.OldSide)
	response, err := http.ReadResponse(bufio.NewReader(ask(t, socket, "x\n")), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NoError(t, r.Close())
}

func TestAClosedDoorStillTakesWhoHasKnocked(t *testing.T) {
	r, socket := newRoom(t, Bounds{Wait: time.Minute, Most: 10})
	info, err := os.Stat(filepath.Dir(socket))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o711), info.Mode().Perm(), "the proxy's workers may pass, and not look")
	info, err = os.Stat(socket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o666), info.Mode().Perm())

	waiting := ask(t, socket, "a\n")
	seated(t, r, 1)
	r.Pass(graduate.OldSide)
	knocked := ask(t, socket, "b\n")
	require.NoError(t, r.Close())
	require.Equal(t, "old a", answerTo(t, waiting))
	require.Equal(t, "old b", answerTo(t, knocked))
	_, err = net.Dial("unix", socket)
	require.Error(t, err, "nginx goes to the next server at once")
	require.NoDirExists(t, filepath.Dir(socket))
	require.NoError(t, waiting.Close())
	require.NoError(t, knocked.Close())
	r.Wait()
}

func TestABodyWaitsUnread(t *testing.T) {
	r, socket := newRoom(t, Bounds{Wait: time.Minute, Most: 10})
	conn := ask(t, socket, "a\n")
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	sent, err := conn.Write(make([]byte, 16<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "all but what the kernel takes stays with the proxy")
	require.Less(t, sent, 4<<20)
	seated(t, r, 1)
}

func TestAFolderOfSomebodyElseIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "room"), nil, 0o600))
	_, err := Open([]graduate.Door{{Socket: filepath.Join(dir, "room", "0.sock")}}, Bounds{}, mine)
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrExist))
}

func TestAFolderIsNotTakenByALink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "other"), 0o700))
	require.NoError(t, os.Symlink("other", filepath.Join(dir, "room")))
	_, err := Open([]graduate.Door{{Socket: filepath.Join(dir, "room", "0.sock")}}, Bounds{}, mine)
	require.Error(t, err)
	info, err := os.Stat(filepath.Join(dir, "other"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestAFolderIsThatOfOneRoom(t *testing.T) {
	r, socket := newRoom(t, Bounds{Wait: time.Minute, Most: 10})
	_, err := Open([]graduate.Door{{Socket: filepath.Join(filepath.Dir(socket), "1.sock")}}, Bounds{}, mine)
	require.ErrorIs(t, err, syscall.EWOULDBLOCK)
	require.NoError(t, r.Close())
	require.NoDirExists(t, filepath.Dir(socket))
}

func TestOnlyTheProxyIsLetIn(t *testing.T) {
	asked := 0
	socket := filepath.Join(t.TempDir(), "room", "0.sock")
	r, err := Open([]graduate.Door{{Socket: socket, Old: []string{instance(t, "old")}}}, Bounds{Wait: time.Minute, Most: 10}, func() []int {
		if asked++; asked < 3 {
			return []int{os.Geteuid() + 1}
		}
		return mine()
	})
	require.NoError(t, err)
	stranger, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer stranger.Close()
	told, err := io.ReadAll(stranger)
	require.NoError(t, err)
	require.Empty(t, told)
	late := ask(t, socket, "b\n") // it runs as another user now
	seated(t, r, 1)
	require.Equal(t, 1, r.Pass(graduate.OldSide).Waited)
	require.Equal(t, "old b", answerTo(t, late))
	require.NoError(t, r.Close())
}

func TestPlacesOfAProcess(t *testing.T) {
	for files, want := range map[uint64]int{0: 0, 64: 0, 1024: 480, 1 << 63: 1 << 30} {
		require.Equal(t, want, places(files))
	}
}
