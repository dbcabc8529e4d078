package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// awaitEndings waits for graduations that a living process turns back, or finishes after their release point: their
// apps are closed until then, so that a server that starts could not start them. Those that go on are none of these, nor
// are those of which only the finally hooks are left.
func awaitEndings(ctx context.Context, s ui.Streams, host *dokku.Host, group string, bound time.Duration) error {
	runs, _ := histories(host, group) // a journal that cannot be read is for Recover to tell
	p := &patience{ui: s, bound: bound}
	var late *multierror.Error
	for _, h := range runs {
		r := h.Run
		if h.Outcome != nil || h.State != graduate.Aborting && !h.Released || !host.Works(r.ID) {
			continue
		}
		doing := "turned back"
		if h.Released {
			doing = "finished"
		}
		err := errTooLong // all waiting together has one bound
		if p.spent < bound {
			about := graduate.Event{Group: r.Group, Run: r.ID, Message: fmt.Sprintf("graduation %s of %s to %s is being %s", r.ID, r.Group, r.To, doing)}
			err = p.await(ctx, about, "That graduation has ended", func(ctx context.Context) error { return host.AwaitWork(ctx, r.ID) })
		}
		if errors.Is(err, errTooLong) {
			err = graduate.Errorf(graduate.Conflict, "graduation %s of %s to %s is still being %s after %s, and its apps are closed until then: await it with dokku graduate:status %s, then start what is down with dokku ps:start APP",
				r.ID, r.Group, r.To, doing, config.FormatDuration(bound), r.Group)
		}
		if err != nil {
			late = multierror.Append(late, err)
		}
	}
	return late.ErrorOrNil()
}
