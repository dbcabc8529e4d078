package trigger

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
)

// goneTime bounds how long it is awaited that a coordinator is gone: its connections may end before its lock does.
const goneTime = 2 * time.Second

// orphan is the run of this held deploy, where it keeps old instances off the data and nobody drives it any more; else nil.
// The environment only names it: what it is, its own folder tells.
func orphan(host *dokku.Host) *graduate.Run {
	id := os.Getenv(dokku.EnvRun)
	if !slices.Contains(host.RunIDs(), id) {
		return nil
	}
	own := &graduate.Run{ID: id, Dir: host.RunDir(id)}
	events, err := journal.Replay(own.Journal())
	h := graduate.Tell(events)
	if err != nil || h.Run == nil || !h.Run.Quiesced() || h.Outcome != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), goneTime)
	defer cancel()
	if host.AwaitRun(ctx, id) != nil {
		return nil // it lives, or somebody has taken the run up: old instances are their concern
	}
	return own
}

// resumeOld lets the old instances of an orphaned run go on: its waiting room, which does the same, may be gone as well.
func resumeOld(host *dokku.Host, r *graduate.Run, released bool) {
	if r == nil {
		return
	}
	if err := host.ResumeOld(context.Background(), r, released); err != nil {
		fmt.Fprintf(os.Stderr, " !     Old instances do not go on; dokku graduate:recover tries again: %v\n", err)
	}
}

// killOld kills those that an orphaned run has replaced, once nobody asks them any more.
func killOld(host *dokku.Host, r *graduate.Run) {
	if r == nil {
		return
	}
	if err := host.KillOld(context.Background(), r); err != nil {
		fmt.Fprintf(os.Stderr, " !     Old instances may run for a moment until they end: %v\n", err)
	}
}
