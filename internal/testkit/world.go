package testkit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// World is a place where apps run that only notes what it is asked to do. Its parts are fakes of the ports.
//
// Every call is one line of the trace: "close", "stage portal", "deploy portal web", "barrier release portal web",
// "hook post/migrate", "task portal release", "proxy switch", "event portal starting web=1", "state hold".
type World struct {
	Platform *Platform
	Proxy    *Proxy
	Barrier  *Barrier
	Hooks    *Hooks
	Room     *Room

	// Say is what a call does besides noting its line, by that line. It is set before the world is used.
	Say map[string]func(context.Context) error

	mu    sync.Mutex
	trace []string
}

// NewWorld makes a world without apps.
func NewWorld() *World {
	w := &World{Say: map[string]func(context.Context) error{}}
	w.Platform = &Platform{world: w, Scale: map[string][]graduate.Process{}, Tasks: map[string][]graduate.Task{}, killed: make(chan struct{}), watching: make(chan struct{})}
	w.Proxy = &Proxy{world: w}
	w.Barrier = &Barrier{world: w, waiting: map[string]waiter{}, released: map[graduate.Key]bool{}, changed: make(chan struct{})}
	w.Room = &Room{world: w}
	w.Hooks = &Hooks{world: w, Told: map[string][]graduate.Candidate{}, Outcome: map[string]string{}, Situation: map[string]graduate.Situation{}}
	return w
}

// Fail lets a call fail.
func (w *World) Fail(line string, err error) {
	w.Say[line] = func(context.Context) error { return err }
}

// Hang lets a call wait until its context ends.
func (w *World) Hang(line string) {
	w.Say[line] = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
}

// Emit notes an event: "state hold", "event portal staged", "event pre/backup failed: MESSAGE".
func (w *World) Emit(e graduate.Event) error {
	if e.Type == graduate.EventState {
		return w.call(context.Background(), "state %s", e.State)
	}
	text := "event " + e.App + e.Hook + " " + e.State + " " + e.Message
	if e.Type == graduate.EventFailure {
		text = "failure " + e.State + ": " + e.Message
	}
	return w.call(context.Background(), "%s", strings.TrimSpace(text))
}

// Trace is every line until now.
func (w *World) Trace() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.trace)
}

// Count is how many lines begin with a text.
func (w *World) Count(prefix string) int {
	n := 0
	for _, line := range w.Trace() {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// call notes a line and does what is said of it.
func (w *World) call(ctx context.Context, format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	w.mu.Lock()
	w.trace = append(w.trace, line)
	say := w.Say[line]
	w.mu.Unlock()
	if say == nil {
		return nil
	}
	return say(ctx)
}
