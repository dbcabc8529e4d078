package dokku

import (
	"context"
	"errors"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Close takes the deploy lock of every target, then copies what belongs to the targets.
func (h *Host) Close(ctx context.Context, r *graduate.Run) error {
	for _, a := range r.Apps {
		if err := h.lock(a.Target); err != nil {
			return err
		}
	}
	failpoint.Hit("close/locked")
	if err := h.closeTargets(r); err != nil {
		return fmt.Errorf("the targets cannot be closed to other changes: %w", err)
	}
	for _, a := range r.Active() {
		if err := h.snapshot(ctx, r, a); err != nil {
			return fmt.Errorf("%s: what belongs to the app cannot be copied: %w", a.Target, err)
		}
		failpoint.Hit("close/copied")
	}
	if err := h.copyQueues(r); err != nil {
		return fmt.Errorf("the retirement queues cannot be copied: %w", err)
	}
	return nil
}

// Open removes what the run needed only while it was under way and lets others at the targets again.
func (h *Host) Open(_ context.Context, r *graduate.Run) error {
	if err := h.clean(r); err != nil {
		return err
	}
	failpoint.Hit("open/cleaned")
	return errors.Join(h.Unlock(), h.openTargets(r))
}

// Leave lets others at the targets of a run that stopped for a person after its release point; what is needed to
// complete it stays.
func (h *Host) Leave(r *graduate.Run) error { return errors.Join(h.Unlock(), h.openTargets(r)) }
