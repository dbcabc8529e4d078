package phase

import (
	"context"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// start starts the web processes of all apps side by side, and of the apps that ask for it the other ones too.
type start struct {
	permanent
	*Env
}

func (start) State() graduate.State { return graduate.Start }

func (s start) Run(ctx context.Context, r *graduate.Run) error {
	s.watch(ctx, r)
	return each(r, func(a *graduate.App) error { return s.launch(ctx, r, a, startsFirst) })
}

// Undo ends the deploys and removes their containers.
func (s start) Undo(ctx context.Context, r *graduate.Run) error {
	s.unwatch()
	return s.Platform.Stop(ctx, r)
}

// watch has the platform tell of candidates that end, until unwatch.
func (e *Env) watch(ctx context.Context, r *graduate.Run) {
	// Not cancelled with the run: what is seen between a failure and the abort does no harm.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Platform.Watch(ctx, r, func(container string) { e.died(r, container) })
	}()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopWatch = func() { cancel(); <-ended }
}

// unwatch ends the watch and waits for its end.
func (e *Env) unwatch() {
	e.mu.Lock()
	stop := e.stopWatch
	e.stopWatch = nil
	e.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// died fails the run when the container that ended is one that is held.
func (e *Env) died(r *graduate.Run, container string) {
	for _, c := range e.Barrier.Held() {
		if c.Container == container {
			e.Fail(&graduate.StepError{App: c.App, Log: r.Log(c.App), Err: fmt.Errorf("the container of %s ended while it was held", c.Name())})
		}
	}
}

// startsFirst tells whether a process type starts before the post hooks.
func startsFirst(a *graduate.App, process string) bool {
	return process == graduate.Web || a.Start == graduate.StartBeforePost
}

func startsLater(a *graduate.App, process string) bool { return !startsFirst(a, process) }

// launch starts those process types of an app that are wanted.
func (e *Env) launch(ctx context.Context, r *graduate.Run, a *graduate.App, wanted func(*graduate.App, string) bool) error {
	processes, err := e.Platform.Processes(ctx, r, a)
	if err != nil {
		return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
	}
	for _, p := range processes {
		if p.Count > 0 && wanted(a, p.Type) {
			e.app(a, graduate.AppStarting, fmt.Sprintf("%s=%d", p.Type, p.Count))
			e.start(ctx, r, a, p.Type)
		}
	}
	return nil
}

// arrive waits until all containers of the wanted process types are held.
func (e *Env) arrive(ctx context.Context, r *graduate.Run, wanted func(*graduate.App, string) bool) error {
	want := map[graduate.Key]int{}
	for _, a := range r.Active() {
		processes, err := e.Platform.Processes(ctx, r, a)
		if err != nil {
			return &graduate.StepError{Role: a.Role, App: a.Target, Log: r.Log(a.Target), Err: err}
		}
		for _, p := range processes {
			if p.Count > 0 && wanted(a, p.Type) {
				want[graduate.Key{App: a.Target, Process: p.Type}] = p.Count
			}
		}
	}
	return e.Barrier.Wait(ctx, want)
}
