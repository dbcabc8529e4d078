package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// hold waits until every candidate that starts first has passed its check and is held.
type hold struct {
	permanent
	*Env
}

func (hold) State() graduate.State { return graduate.Hold }

func (h hold) Run(ctx context.Context, r *graduate.Run) error {
	return h.arrive(ctx, r, startsFirst)
}
