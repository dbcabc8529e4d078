package phase

import (
	"context"
	"errors"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// prepare closes the targets and copies what belongs to them. Its Undo is what makes an abort exact.
type prepare struct {
	permanent
	*Env
}

func (prepare) State() graduate.State { return graduate.Prepare }

func (p prepare) Run(ctx context.Context, r *graduate.Run) error {
	for _, a := range r.Apps {
		if a.Skip != "" {
			p.app(a, graduate.AppSkipped, a.Skip)
		}
	}
	// The barrier is open from the start: a person asks there for an abort.
	if err := p.Barrier.Open(r); err != nil {
		return fmt.Errorf("the barrier cannot be opened: %w", err)
	}
	p.Barrier.OnLost(func(c graduate.Candidate) { p.lost(ctx, r, c) })
	if err := p.Platform.Close(ctx, r); err != nil {
		return err
	}
	p.prepared = true
	return nil
}

func (p prepare) Undo(ctx context.Context, r *graduate.Run) error {
	return errors.Join(p.Platform.Restore(ctx, r), p.Barrier.Close())
}
