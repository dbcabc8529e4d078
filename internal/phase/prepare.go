package phase

import (
	"context"

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
	return p.Platform.Close(ctx, r)
}

func (p prepare) Undo(ctx context.Context, r *graduate.Run) error { return p.Platform.Restore(ctx, r) }
