package phase

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Phase is the work of one state; the engine has the same interface and says what each method is for.
type Phase interface {
	State() graduate.State
	Run(ctx context.Context, r *graduate.Run) error
	Done(ctx context.Context, r *graduate.Run) (bool, error)
	Undo(ctx context.Context, r *graduate.Run) error
}

// All lists the phases of a graduation in their order.
func All(e *Env) []Phase {
	return []Phase{
		prepare{Env: e}, // close the targets, copy what belongs to them
		stage{Env: e},   // bring every artifact to its target
		pre{Env: e},     // the group's pre hooks
		start{Env: e},   // all web processes, side by side
		hold{Env: e},    // until all have passed their checks
		quiesce{Env: e}, // requests wait, and nothing old runs
		post{Env: e},    // release tasks and post hooks
		rest{Env: e},    // the other process types, checked and held as well
		swap{Env: e},    // the proxy's new configuration, tested
		release{Env: e}, // one reload: all are live
		settle{Env: e},  // the platform's own bookkeeping
		live{Env: e},    // the group's live hooks
		finish{Env: e},  // leave nothing behind
		revert{Env: e},  // or take the release back
	}
}
