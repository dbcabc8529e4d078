package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// swap readies the proxy: after it one step switches all apps, and until then nothing has changed for requests.
type swap struct {
	permanent
	*Env
}

func (swap) State() graduate.State { return graduate.Switch }

func (s swap) Run(ctx context.Context, r *graduate.Run) error {
	if err := s.Proxy.Prepare(ctx, r, s.Barrier.Held()); err != nil {
		return err
	}
	// The release record follows at once: whoever asks for an abort from now on must not be told that it turns back.
	s.Barrier.Seal()
	return nil
}

func (s swap) Undo(ctx context.Context, r *graduate.Run) error { return s.Proxy.Undo(ctx, r) }
