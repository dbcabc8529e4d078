package phase

import (
	"context"
	"errors"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// pre runs the pre hooks. Its Undo runs the abort hooks: they come when the candidates are gone, while the new
// images are still there, and before the old instances go on where those were kept off the data.
type pre struct {
	permanent
	*Env
}

func (pre) State() graduate.State { return graduate.Pre }

func (p pre) Run(ctx context.Context, r *graduate.Run) error {
	return p.hooks(ctx, r, graduate.HookPre)
}

func (p pre) Undo(ctx context.Context, r *graduate.Run) error {
	return errors.Join(p.abortHooks(ctx, r), p.lift(ctx, r))
}

// abortHooks undoes what hooks have done to data.
func (p pre) abortHooks(ctx context.Context, r *graduate.Run) error {
	if err := p.Hooks.Stop(ctx, r); err != nil {
		return err
	}
	if len(p.unsettled) > 0 {
		return &graduate.UnsettledError{Group: r.Group, Hook: p.unsettled[0].FullName()}
	}
	if !p.abortHooksFollow(r) {
		return nil
	}
	// One that fails keeps neither the others nor the target's restoring from going on; it is told at the end.
	p.allHooks(ctx, r, graduate.HookAbort, graduate.Situation{Held: p.Barrier.Held()}, "what it was to undo is left")
	return nil
}

// abortHooksFollow tells whether an abort runs the abort hooks.
func (e *Env) abortHooksFollow(r *graduate.Run) bool {
	return e.haveHooksBegun() && len(r.HooksOf(graduate.HookAbort)) > 0
}
