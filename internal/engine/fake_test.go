package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// story is a graduation whose phases and journal only note what they are asked to do.
type story struct {
	*Engine
	ctx    context.Context
	cancel context.CancelCauseFunc
	// trace has "record STATE", "failure STATE: MESSAGE", "run STATE" and "undo STATE", in their order.
	trace []string
	// runs, undos and records say what happens in place of success.
	runs, undos, records map[graduate.State]func(context.Context) error
}

// fake is the phase of one state.
type fake struct {
	*story
	state graduate.State
}

func (f fake) State() graduate.State                             { return f.state }
func (f fake) Done(context.Context, *graduate.Run) (bool, error) { return false, nil }
func (f fake) Run(ctx context.Context, _ *graduate.Run) error {
	return f.do(ctx, "run", f.state, f.runs)
}
func (f fake) Undo(ctx context.Context, _ *graduate.Run) error {
	return f.do(ctx, "undo", f.state, f.undos)
}

func (s *story) do(ctx context.Context, what string, state graduate.State, say map[graduate.State]func(context.Context) error) error {
	s.trace = append(s.trace, what+" "+string(state))
	if f := say[state]; f != nil {
		return f(ctx)
	}
	return nil
}

func (s *story) emit(e graduate.Event) error {
	if e.Type == graduate.EventFailure {
		s.trace = append(s.trace, fmt.Sprintf("failure %s: %s", e.State, e.Message))
		return nil
	}
	return s.do(s.ctx, "record", graduate.State(e.State), s.records)
}

// working lists the states that have work, before and after the release point.
func working() (before, after []graduate.State) {
	order := graduate.Order()
	order = order[:len(order)-1] // the end has none
	point := slices.Index(order, graduate.Release)
	return order[:point], order[point:]
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{
		runs: map[graduate.State]func(context.Context) error{}, undos: map[graduate.State]func(context.Context) error{},
		records: map[graduate.State]func(context.Context) error{},
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	t.Cleanup(func() { s.cancel(nil) })
	s.Engine = &Engine{Emit: s.emit, AbortBudget: time.Minute}
	before, after := working()
	for _, state := range append(slices.Concat(before, after), graduate.Revert) {
		s.Phases = append(s.Phases, fake{s, state})
	}
	return s
}

func (s *story) drive() (graduate.State, error) {
	return s.Drive(s.ctx, everyState(), graduate.Prepare)
}

var errBroken = errors.New("broken")

func broken(context.Context) error { return errBroken }

// way is the trace of states that went well.
func way(states ...graduate.State) (out []string) {
	for _, state := range states {
		out = append(out, "record "+string(state), "run "+string(state))
	}
	return out
}

// back is the trace of an abort: everything before the release point is undone, the last first.
func back() []string {
	before, _ := working()
	out := []string{"record aborting"}
	for _, state := range slices.Backward(before) {
		out = append(out, "undo "+string(state))
	}
	return out
}

func requireUndone(t *testing.T, s *story, times int) {
	t.Helper()
	count := 0
	for _, line := range s.trace {
		if line == "undo prepare" {
			count++
		}
	}
	require.Equal(t, times, count, "%q", s.trace)
}

// everyState is a run that passes over no state.
func everyState() *graduate.Run {
	return &graduate.Run{ID: "01j", Settings: graduate.Settings{Quiesce: &graduate.Quiesce{}}}
}
