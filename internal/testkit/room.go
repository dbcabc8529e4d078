package testkit

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Room is a fake waiting room.
type Room struct {
	world *World
	open  bool
	// Visits is what it tells of those who waited; Lose lets it go away by itself.
	Visits graduate.Visits
	Lose   func(error)
}

var _ graduate.WaitingRoom = (*Room)(nil)

// Open notes "room open".
func (m *Room) Open(ctx context.Context, _ *graduate.Run, _ []graduate.Door, lost func(error)) error {
	m.open, m.Lose = true, lost
	return m.world.call(ctx, "room open")
}

// Pass notes "room pass SIDE", where a room is open.
func (m *Room) Pass(ctx context.Context, to graduate.Side) (graduate.Visits, error) {
	if !m.open {
		return graduate.Visits{}, nil
	}
	m.open = false
	return m.Visits, m.world.call(ctx, "room pass %s", to)
}
