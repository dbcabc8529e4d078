package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Platform is a fake platform. A deploy brings as many candidates to the barrier as Scale says and ends when all
// of them have been let go or turned back.
type Platform struct {
	graduate.Platform // what is not faked yet panics

	// Scale has the process types of each app, Tasks the tasks of "APP MOMENT".
	Scale map[string][]graduate.Process
	Tasks map[string][]graduate.Task

	// Ended are the containers of candidates that do not run any more without that anybody was told.
	Ended map[string]bool

	// Doorless is what CheckDoors finds.
	Doorless error

	world  *World
	mu     sync.Mutex
	killed chan struct{}
	once   sync.Once
	// watching is closed when Watch is ready; lost is its function.
	watching chan struct{}
	lost     func(string)
}

// killed is why a deploy that was killed has ended.
const killed = "killed"

// ErrEnded lets a deploy end as if all were well, without that it was at the barrier.
var ErrEnded = errors.New("ended")

// Close notes "close".
func (p *Platform) Close(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "close")
}

// Restore notes "restore".
func (p *Platform) Restore(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "restore")
}

// Stage notes "stage APP" and writes a line to the log.
func (p *Platform) Stage(ctx context.Context, _ *graduate.Run, a *graduate.App, log io.Writer) error {
	fmt.Fprintf(log, "staging %s\n", a.Target)
	return p.world.call(ctx, "stage %s", a.Target)
}

// Keep notes "keep APP".
func (p *Platform) Keep(ctx context.Context, _ *graduate.Run, a *graduate.App, _ io.Writer) error {
	return p.world.call(ctx, "keep %s", a.Target)
}

// Processes notes nothing, as it changes nothing.
func (p *Platform) Processes(_ context.Context, _ *graduate.Run, a *graduate.App) ([]graduate.Process, error) {
	return p.Scale[a.Target], nil
}

// Deploy notes "deploy APP TYPE"; when all of its candidates have their verdict, "deployed APP TYPE" or
// "turned back APP TYPE".
func (p *Platform) Deploy(ctx context.Context, _ *graduate.Run, a *graduate.App, process string, log io.Writer) error {
	fmt.Fprintf(log, "deploying %s\n", process)
	switch err := p.world.call(ctx, "deploy %s %s", a.Target, process); {
	case errors.Is(err, ErrEnded):
		return nil
	case err != nil:
		return err
	}
	var verdicts []<-chan string
	for _, scale := range p.Scale[a.Target] {
		for i := 0; scale.Type == process && i < scale.Count; i++ {
			verdicts = append(verdicts, p.world.Barrier.arrive(Candidate(a.Target, process, i+1)))
		}
	}
	for _, verdict := range verdicts {
		select {
		case v := <-verdict:
			if v == killed {
				return errors.New(v)
			}
			if v != "go on" {
				_ = p.world.call(ctx, "turned back %s %s", a.Target, process)
				return errors.New(v)
			}
		case <-p.killed:
			return errors.New(killed)
		}
	}
	return p.world.call(ctx, "deployed %s %s", a.Target, process)
}

// Candidate is what the fake platform brings to the barrier.
func Candidate(app, process string, index int) graduate.Candidate {
	c := graduate.Candidate{App: app, Process: process, Index: index, Container: fmt.Sprintf("%s.%s.%d", app, process, index), IP: "172.17.0.9"}
	if process == graduate.Web {
		c.Port = "5000"
	}
	return c
}

// Complete notes "complete APP TYPE".
func (p *Platform) Complete(ctx context.Context, _ *graduate.Run, a *graduate.App, process string, _ io.Writer) error {
	return p.world.call(ctx, "complete %s %s", a.Target, process)
}

// Stop notes "stop" and ends every deploy and the watch.
func (p *Platform) Stop(ctx context.Context, _ *graduate.Run) error {
	p.End()
	return p.world.call(ctx, "stop")
}

// End ends what still runs in the world.
func (p *Platform) End() { p.once.Do(func() { close(p.killed) }) }

// Watch notes "watch", and "watch ended" when its context, or the world, has ended.
func (p *Platform) Watch(ctx context.Context, _ *graduate.Run, lost func(string)) {
	_ = p.world.call(ctx, "watch")
	p.mu.Lock()
	p.lost = lost
	close(p.watching)
	p.mu.Unlock()
	select {
	case <-ctx.Done():
		_ = p.world.call(ctx, "watch ended")
	case <-p.killed:
	}
}

// Die lets a container end, as the watch sees it.
func (p *Platform) Die(container string) {
	<-p.watching
	p.mu.Lock()
	lost := p.lost
	p.mu.Unlock()
	lost(container)
}

// Lost notes nothing, as it changes nothing: every candidate runs, but those that Ended has.
func (p *Platform) Lost(_ context.Context, held []graduate.Candidate) (*graduate.Candidate, error) {
	for _, c := range held {
		if p.Ended[c.Container] {
			return &c, nil
		}
	}
	return nil, nil
}

// Spare notes "spare APP NAME" and ends the deploy of its process type.
func (p *Platform) Spare(ctx context.Context, _ *graduate.Run, c graduate.Candidate) error {
	p.world.Barrier.hangUp(c)
	p.world.Barrier.kill(key(c))
	return p.world.call(ctx, "spare %s %s", c.App, c.Name())
}

// Promote notes "promote APP".
func (p *Platform) Promote(ctx context.Context, _ *graduate.Run, a *graduate.App) error {
	return p.world.call(ctx, "promote %s", a.Target)
}

// Retire notes "retire APP".
func (p *Platform) Retire(ctx context.Context, _ *graduate.Run, a *graduate.App, _ io.Writer) error {
	return p.world.call(ctx, "retire %s", a.Target)
}

// Finish notes "finish APP".
func (p *Platform) Finish(ctx context.Context, _ *graduate.Run, a *graduate.App) error {
	return p.world.call(ctx, "finish %s", a.Target)
}

// Open notes "open".
func (p *Platform) Open(ctx context.Context, _ *graduate.Run) error { return p.world.call(ctx, "open") }

// ReleaseTasks gives what Tasks has.
func (p *Platform) ReleaseTasks(_ context.Context, _ *graduate.Run, a *graduate.App, moment string) ([]graduate.Task, error) {
	return p.Tasks[a.Target+" "+moment], nil
}

// CheckDoors gives what Doorless has.
func (p *Platform) CheckDoors(*graduate.Run, []graduate.Door) error { return p.Doorless }

// PauseOld notes "pause old".
func (p *Platform) PauseOld(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "pause old")
}

// ResumeOld notes "resume old", or "resume those that stay".
func (p *Platform) ResumeOld(ctx context.Context, _ *graduate.Run, released bool) error {
	if released {
		return p.world.call(ctx, "resume those that stay")
	}
	return p.world.call(ctx, "resume old")
}

// KillOld notes "kill old".
func (p *Platform) KillOld(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "kill old")
}
