package phase

import (
	"context"
	"errors"
	"slices"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// revert takes a release back that failed after its release point, by a rollback that is held like any other. The old
// version may not understand what the release has done to data, so it does so only where that is known to be safe.
type revert struct {
	permanent
	*Env
}

func (revert) State() graduate.State { return graduate.Revert }

func (s revert) Run(ctx context.Context, r *graduate.Run) error {
	if err := s.mayRevert(ctx, r); err != nil {
		return err
	}
	s.unwatch()
	s.Barrier.OnLost(func(graduate.Candidate) {}) // it is this process that ends their deploys
	for _, c := range s.Barrier.Held() {          // they may be live: nothing may end them before the previous set is
		if err := s.Platform.Spare(ctx, r, c); err != nil {
			return err
		}
	}
	s.awaitSpares()
	if err := s.Barrier.Close(); err != nil {
		return err
	}
	return s.Rollback(ctx, r)
}

// mayRevert says why a release is not taken back without a person.
func (s revert) mayRevert(ctx context.Context, r *graduate.Run) error {
	earlier := false
	for _, a := range r.Active() {
		earlier = earlier || a.Was != nil
	}
	switch {
	case s.late:
		return errors.New("it is late, not broken: what was begun goes on by itself")
	case r.Rollback():
		return errors.New("a rollback is not taken back by itself")
	case !earlier:
		return errors.New("there is no earlier set to go back to")
	case r.Settings.Reversible, slices.ContainsFunc(r.HooksOf(graduate.HookRollback), func(h graduate.Hook) bool { return undoes(r, h) }):
		return nil
	}
	migrated, err := s.haveDataChanged(ctx, r)
	if err != nil {
		return err
	}
	if migrated {
		return errors.New("it is not taken back by itself: hooks or release tasks have run before it, and no rollback hook undoes them")
	}
	return nil
}

// undoes tells whether a rollback hook can be relied on to undo what the release did to data: one that only looks undoes
// nothing, and one whose failure only warns lets the old version go live on what was not undone.
func undoes(r *graduate.Run, h graduate.Hook) bool {
	return r.Unmet(h) == "" && !h.OnlyLooks() && h.OnFailure != graduate.OnFailureWarn
}

// haveDataChanged tells whether something ran before the release point that may have changed data.
func (s revert) haveDataChanged(ctx context.Context, r *graduate.Run) (bool, error) {
	if s.haveChangedData() {
		return true, nil
	}
	if r.Settings.ReleaseTaskMode() != graduate.ReleaseTasksBefore {
		return false, nil
	}
	for _, a := range r.Active() { // the platform ran them when the version was staged
		tasks, err := s.Platform.ReleaseTasks(ctx, r, a, graduate.TaskRelease)
		if err != nil || len(tasks) > 0 {
			return len(tasks) > 0, err
		}
	}
	return false, nil
}
