package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// finish removes what the run made and opens the targets again.
type finish struct {
	permanent
	*Env
}

func (finish) State() graduate.State { return graduate.Finish }

func (f finish) Run(ctx context.Context, r *graduate.Run) error {
	err := each(r, func(a *graduate.App) error { return f.Platform.Finish(ctx, r, a) })
	if err != nil {
		return err
	}
	return f.Platform.Open(ctx, r)
}
