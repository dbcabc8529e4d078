package quiesce

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// attended is a room's whole life, driven by its coordinator's end of the pipe.
type attended struct {
	orders   *io.PipeWriter
	answers  *json.Decoder
	socket   string
	resumed  int
	retired  int
	released bool
	ended    chan error
	// comers ends the wait for those who may still come; bounded tells whether it ends by itself.
	comers  chan struct{}
	bounded bool
}

func attend(t *testing.T) *attended {
	in, orders := io.Pipe()
	answers, out := io.Pipe()
	a := &attended{
		orders: orders, answers: json.NewDecoder(answers), ended: make(chan error, 1), comers: make(chan struct{}),
		socket: filepath.Join(t.TempDir(), "room", "0.sock"),
	}
	go func() {
		a.ended <- Attend(t.Context(), in, out, Surroundings{
			Released: func() (bool, error) { return a.released, nil },
			Proxy:    mine,
			Resume:   func(context.Context) error { a.resumed++; return nil },
			Retire:   func(context.Context) error { a.retired++; return nil },
			Recheck:  func(context.Context) error { a.resumed++; return nil },
			Comers: func() func(context.Context) {
				return func(ctx context.Context) { _, a.bounded = ctx.Deadline(); <-a.comers }
			},
		})
		_ = out.Close()
	}()
	doors := []graduate.Door{{Socket: a.socket, Old: []string{instance(t, "old")}, New: []string{instance(t, "new")}}}
	require.NoError(t, json.NewEncoder(orders).Encode(opening{doors, Bounds{Wait: time.Minute, Most: 10}}))
	require.Equal(t, answer{}, a.answer(t))
	return a
}

func (a *attended) answer(t *testing.T) (got answer) {
	t.Helper()
	require.NoError(t, a.answers.Decode(&got))
	return got
}

func (a *attended) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-a.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the room goes on")
		return nil
	}
}

func TestARoomObeys(t *testing.T) {
	a := attend(t)
	waiting := ask(t, a.socket, "a\n")
	require.NoError(t, json.NewEncoder(a.orders).Encode(order{graduate.NewSide}))
	got := a.answer(t)
	require.Positive(t, got.Visits.Memory)
	require.Equal(t, "new a", answerTo(t, waiting))
	require.NoError(t, a.orders.Close(), "the coordinator is done")
	late := ask(t, a.socket, "b\n") // the proxy has sent it when it still had its old configuration
	require.Equal(t, "new b", answerTo(t, late))
	close(a.comers)
	require.NoError(t, waiting.Close())
	require.NoError(t, late.Close())
	require.NoError(t, a.end(t))
	require.NoFileExists(t, a.socket)
	require.Zero(t, a.resumed, "that is the coordinator's")
	require.False(t, a.bounded, "the doors are open for as long as the proxy has no other configuration")
}

func TestADoorToOldInstancesIsNotOpenForEver(t *testing.T) {
	a := attend(t)
	require.NoError(t, json.NewEncoder(a.orders).Encode(order{graduate.OldSide}))
	a.answer(t)
	close(a.comers)
	require.NoError(t, a.end(t))
	require.True(t, a.bounded, "the proxy may never have been told of the room")
}

func TestARoomWithoutCoordinatorLetsOldInstancesAnswer(t *testing.T) {
	a := attend(t)
	waiting := ask(t, a.socket, "a\n")
	require.NoError(t, a.orders.Close())
	require.Equal(t, "old a", answerTo(t, waiting))
	a.answer(t)
	require.NoError(t, waiting.Close())
	require.NoError(t, a.end(t))
	require.Equal(t, 2, a.resumed)
	require.NoFileExists(t, a.socket)
}

func TestARoomWithoutCoordinatorAfterTheReleasePointLetsTheNewOnesAnswer(t *testing.T) {
	a := attend(t)
	a.released = true
	waiting := ask(t, a.socket, "a\n")
	require.NoError(t, a.orders.Close())
	require.Equal(t, "new a", answerTo(t, waiting))
	a.answer(t)
	require.Equal(t, "new b", answerTo(t, ask(t, a.socket, "b\n")), "until the recovery has switched the proxy")
	require.NoError(t, waiting.Close())
	close(a.comers)
	require.Zero(t, a.resumed)
	require.Equal(t, 1, a.retired)
}

func TestARoomThatCannotBeOpenedSaysWhy(t *testing.T) {
	var out strings.Builder
	in, err := json.Marshal(opening{Doors: []graduate.Door{{Socket: "/proc/none/0.sock"}}})
	require.NoError(t, err)
	require.Error(t, Attend(t.Context(), strings.NewReader(string(in)), &out, Surroundings{Proxy: mine}))
	require.Contains(t, out.String(), `"error":"`)
	require.ErrorIs(t, Attend(t.Context(), strings.NewReader(""), &out, Surroundings{Proxy: mine}), io.EOF)
}

// TestMain is also the program of the rooms that the tests of Keeper open.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "room":
		err := Attend(context.Background(), os.Stdin, os.Stdout, Surroundings{
			Released: func() (bool, error) { return false, nil }, Proxy: mine,
			Resume: func(context.Context) error { return nil }, Recheck: func(context.Context) error { return nil },
			Comers: func() func(context.Context) { return func(context.Context) {} },
		})
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	case len(os.Args) == 2 && os.Args[1] == "broken":
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func keeperOf(t *testing.T, program string) (*Keeper, *graduate.Run) {
	k := &Keeper{
		Command: func(*graduate.Run) (string, []string, []string) {
			return "/proc/self/exe", []string{program}, os.Environ()
		},
		Page: func(name string) ([]byte, error) {
			if name != "soon.html" {
				return nil, errors.New("no page " + name)
			}
			return []byte("soon"), nil
		},
	}
	return k, &graduate.Run{ID: "01j", Dir: t.TempDir(), Settings: graduate.Settings{Quiesce: &graduate.Quiesce{}}}
}

func TestAKeeperOpensARoomAndLetsAllGoOn(t *testing.T) {
	k, r := keeperOf(t, "room")
	r.Settings.Quiesce.Page = "soon.html"
	socket := filepath.Join(t.TempDir(), "0.sock")
	door := graduate.Door{Socket: socket, New: []string{instance(t, "new")}}
	lost := func(err error) { t.Errorf("lost: %v", err) }
	require.NoError(t, k.Open(t.Context(), r, []graduate.Door{door}, lost))
	waiting := ask(t, socket, "a\n")
	visits, err := k.Pass(t.Context(), graduate.NewSide)
	require.NoError(t, err)
	require.Positive(t, visits.Memory)
	require.Equal(t, "new a", answerTo(t, waiting))
	visits, err = k.Pass(t.Context(), graduate.NewSide)
	require.NoError(t, err)
	require.Zero(t, visits, "there is no room any more")
}

func TestAKeeperTellsWhenItsRoomIsLost(t *testing.T) {
	k, r := keeperOf(t, "room")
	lost := make(chan error, 1)
	door := graduate.Door{Socket: filepath.Join(t.TempDir(), "room", "0.sock")}
	require.NoError(t, k.Open(t.Context(), r, []graduate.Door{door}, func(err error) { lost <- err }))
	require.NoError(t, k.room.cmd.Process.Kill())
	select {
	case err := <-lost:
		require.ErrorContains(t, err, "the waiting room has ended (signal: killed)")
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
	}
	require.NoDirExists(t, filepath.Dir(door.Socket))
	visits, err := k.Pass(t.Context(), graduate.OldSide)
	require.NoError(t, err, "there is no room any more")
	require.Zero(t, visits)
}

func TestAKeeperSaysWhyThereIsNoRoom(t *testing.T) {
	k, r := keeperOf(t, "broken")
	fail := func(error) { t.Error("nothing was lost") }
	require.ErrorContains(t, k.Open(t.Context(), r, nil, fail), "the waiting room cannot be opened")
	k, r = keeperOf(t, "room")
	require.ErrorContains(t, k.Open(t.Context(), r, []graduate.Door{{Socket: "/proc/none/0.sock"}}, fail), "/proc/none")
	r.Settings.Quiesce.Page = "late.html"
	require.EqualError(t, k.Open(t.Context(), r, nil, fail), "no page late.html")
}
