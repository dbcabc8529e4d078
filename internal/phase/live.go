package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// live runs the live hooks.
type live struct {
	permanent
	*Env
}

func (live) State() graduate.State { return graduate.Live }

func (l live) Run(ctx context.Context, r *graduate.Run) error {
	return l.hooks(ctx, r, graduate.HookLive)
}
