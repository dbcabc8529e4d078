package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// patience is how long a command waits for what others do: all its waiting together takes no longer than the bound.
type patience struct {
	ui     ui.Streams
	format string
	bound  time.Duration
	spent  time.Duration
}

// errTooLong ends a waiting that has come to its bound.
var errTooLong = errors.New("it took too long")

// await shows what is waited for until it has come, or the bound.
func (p *patience) await(ctx context.Context, about graduate.Event, over string, wait func(context.Context) error) error {
	began, left := time.Now(), p.bound-p.spent
	ctx, cancel := context.WithTimeoutCause(ctx, left, errTooLong)
	defer cancel()
	end := p.ui.Wait(p.format, about, left, config.FormatDuration(left.Round(time.Second)))
	err := wait(ctx)
	p.spent += time.Since(began)
	if err != nil {
		end("")
		return err
	}
	end(fmt.Sprintf("%s after %s", over, time.Since(began).Round(time.Second)))
	return nil
}

// lockGroup makes the graduation of a group exclusive; the kernel drops the lock with this process.
func lockGroup(ctx context.Context, host *dokku.Host, group string, p *patience) (*flock.Flock, error) {
	dir := filepath.Join(host.DataDir(), "locks")
	noLock := func(err error) error {
		return graduate.Errorf(graduate.Internal, "the lock of group %s cannot be taken (%w); nothing was touched", group, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, noLock(err)
	}
	lock := flock.New(filepath.Join(dir, group))
	switch ok, err := lock.TryLock(); {
	case err != nil:
		return nil, noLock(err)
	case ok:
		return lock, nil
	}
	which := running(host, group)
	help := fmt.Sprintf("await it with dokku graduate:status %s, or dokku graduate:abort --group %s", group, group)
	if p.bound == 0 {
		return nil, graduate.Errorf(graduate.Conflict, "group %s is being graduated already%s: %s", group, which, help)
	}
	about := graduate.Event{Group: group, Message: "group " + group + " is being graduated" + which}
	err := p.await(ctx, about, "That graduation has ended", func(ctx context.Context) error { return dokku.Await(ctx, lock) })
	if errors.Is(err, errTooLong) {
		return nil, graduate.Errorf(graduate.Conflict, "group %s is still being graduated%s after %s: %s", group, which, config.FormatDuration(p.bound), help)
	}
	return lock, err
}

// running names the running graduation of a group; empty where there is none (yet).
func running(host *dokku.Host, group string) string {
	h, err := last(host, group, func(h graduate.History) bool { return h.Outcome == nil && host.Alive(h.Run.ID) })
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%s from %s to %s, by %s)", h.Run.ID, h.Run.From, h.Run.To, h.Run.User)
}

// awaitDeploy waits in the given way until nobody deploys an app.
func awaitDeploy(ctx context.Context, group, app string, p *patience, wait func(ctx context.Context, app string) error) error {
	about := graduate.Event{Group: group, App: app, Message: app + " is being deployed by someone else"}
	err := p.await(ctx, about, "The deploy of "+app+" has ended", func(ctx context.Context) error { return wait(ctx, app) })
	if errors.Is(err, errTooLong) {
		return graduate.Errorf(graduate.Conflict, "%s is still being deployed by someone else after %s; try again when that deploy has ended", app, config.FormatDuration(p.bound))
	}
	if locked := new(dokku.LockedError); errors.As(err, &locked) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: the deploy lock cannot be taken: %w", app, err)
	}
	return nil
}
