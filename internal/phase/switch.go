package phase

import (
	"context"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// swap readies the proxy: after it one step switches all apps, and until then nothing has changed for requests.
type swap struct {
	permanent
	*Env
}

func (swap) State() graduate.State { return graduate.Switch }

func (s swap) Run(ctx context.Context, r *graduate.Run) error {
	held := s.Barrier.Held()
	if err := s.Proxy.Prepare(ctx, r, held); err != nil {
		return err
	}
	// A container that keeps dying can pass its check in between, or by the answer of another that got its address.
	lost, err := s.Platform.Lost(ctx, held)
	if err != nil {
		return err
	}
	if lost != nil {
		return &graduate.StepError{App: lost.App, Log: r.Log(lost.App), Err: fmt.Errorf("%s passed its check, but does not run any more", lost.Name())}
	}
	// The release record follows at once: whoever asks for an abort from now on must not be told that it turns back.
	s.seal()
	s.Barrier.Seal()
	return nil
}

func (s swap) Undo(ctx context.Context, r *graduate.Run) error {
	if r.Quiesced() { // requests go on waiting until the abort hooks have run
		s.withoutRoom(ctx, r)
		return nil
	}
	return s.Proxy.Undo(ctx, r)
}
