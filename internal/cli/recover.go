package cli

import (
	"context"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// histories reads the journals of all runs of a group, the oldest first; every group's where group is empty.
// A journal that cannot be read is in the error; the others are there all the same.
func histories(host *dokku.Host, group string) ([]graduate.History, error) {
	var found []graduate.History
	var damaged *multierror.Error
	for _, id := range host.RunIDs() {
		r := graduate.Run{Dir: host.RunDir(id)}
		events, err := journal.Replay(r.Journal())
		h := graduate.Tell(events)
		if h.Run == nil || group != "" && h.Run.Group != group {
			continue // it ended before its first record, or is none of this group's
		}
		if err != nil {
			damaged = multierror.Append(damaged, err)
			continue
		}
		found = append(found, h)
	}
	return found, damaged.ErrorOrNil()
}

// Occasion is on whose behalf runs are completed. It decides about those that stopped for a person.
type Occasion int

const (
	// BeforeAnother is another run of the group, which brings all apps to one version by itself: they stay as they are.
	BeforeAnother Occasion = iota
	// Unattended is the server's start, or a command: those are taken up that are half-way. Neither waits for finally hooks.
	Unattended
	// Asked is a person who asks for it: all are taken up.
	Asked
)

// Recover completes every run of a group (of all groups, where that is empty) that no process drives, and tells
// how many there were.
func Recover(ctx context.Context, s ui.Streams, host *dokku.Host, group string, o Occasion, decided Decision) (int, error) {
	runs, err := histories(host, group)
	if err != nil {
		return 0, err
	}
	n := 0
	var failed *multierror.Error
	for i, h := range runs {
		asked := o == Asked || o == Unattended && halfWay(ctx, host, h, runs[i+1:])
		if mayTell(host, h, o) {
			n++
			screen := ui.NewRenderer(s, "")
			err := tellFinally(ctx, host, h, screen)
			screen.Close()
			failed = multierror.Append(failed, err)
			continue
		}
		if _, ok := h.Resume(asked); !ok || host.Alive(h.Run.ID) || nothingToGoTo(host, h, runs[i+1:]) {
			continue
		}
		n++
		screen := ui.NewRenderer(s, "")
		err := resume(ctx, host, h, screen, asked, o == Unattended, decided)
		screen.Close()
		if code := graduate.CodeOf(err); err != nil && code != graduate.Aborted {
			failed = multierror.Append(failed, err)
		} else if err != nil {
			s.Print("       %s", err)
		}
	}
	return n, failed.ErrorOrNil()
}

// halfWay tells whether a run stopped for a person with only some of its apps in the new version, and nobody has
// brought another to any of them since.
func halfWay(ctx context.Context, host *dokku.Host, h graduate.History, later []graduate.History) bool {
	if !h.Unstable() || slices.ContainsFunc(later, func(l graduate.History) bool {
		return l.Run.Group == h.Run.Group && l.Run.To == h.Run.To && l.Released // its own rollback, too
	}) {
		return false
	}
	return !slices.ContainsFunc(h.Run.Active(), func(a *graduate.App) bool { return host.Overtaken(ctx, h.Run, a) })
}

// nothingToGoTo tells whether a run is past its release point and cannot be completed any more. A clean-up can be
// made after a later release too.
func nothingToGoTo(host *dokku.Host, h graduate.History, later []graduate.History) bool {
	return h.Released && (h.Left == "" && superseded(h, later) || destroyed(host, h.Run))
}

// superseded tells whether a later graduation has brought its own version to the same environment: then there is
// nothing to go forward to.
func superseded(h graduate.History, later []graduate.History) bool {
	return slices.ContainsFunc(later, func(l graduate.History) bool {
		own := l.Run.Undoes == h.Run.ID && l.Run.Cause != "" // its own rollback: the run itself completes it
		return l.Run.Group == h.Run.Group && l.Run.To == h.Run.To && l.Released && !own
	})
}

// destroyed tells whether a target of a run is gone.
func destroyed(host *dokku.Host, r *graduate.Run) bool {
	return slices.ContainsFunc(r.Active(), func(a *graduate.App) bool { return !host.Exists(a.Target) })
}
