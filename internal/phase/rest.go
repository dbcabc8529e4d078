package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// rest starts the process types that wait for the post hooks, and holds them too.
type rest struct {
	permanent
	*Env
}

func (rest) State() graduate.State { return graduate.Rest }

func (s rest) Run(ctx context.Context, r *graduate.Run) error {
	if err := each(r, func(a *graduate.App) error { return s.launch(ctx, r, a, startsLater) }); err != nil {
		return err
	}
	return s.arrive(ctx, r, func(*graduate.App, string) bool { return true })
}
