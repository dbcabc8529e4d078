package testkit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Proxy is a fake proxy.
type Proxy struct {
	graduate.Proxy // what is not faked yet panics

	// Held are the candidates that Prepare was given.
	Held []graduate.Candidate
	// Undrained is how many processes of the proxy still answer requests when their drain is over.
	Undrained int
	world     *World
}

// Prepare notes "proxy prepare".
func (p *Proxy) Prepare(ctx context.Context, _ *graduate.Run, held []graduate.Candidate) error {
	p.Held = held
	return p.world.call(ctx, "proxy prepare")
}

// Switch notes "proxy switch".
func (p *Proxy) Switch(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "proxy switch")
}

// Settle notes "proxy settle".
func (p *Proxy) Settle(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "proxy settle")
}

// Doors has none.
func (p *Proxy) Doors(*graduate.Run) ([]graduate.Door, error) { return nil, nil }

// Divert notes "proxy divert".
func (p *Proxy) Divert(ctx context.Context, _ *graduate.Run, _ time.Duration) (int, error) {
	return p.Undrained, p.world.call(ctx, "proxy divert")
}

// Undo notes "proxy undo".
func (p *Proxy) Undo(ctx context.Context, _ *graduate.Run) error {
	return p.world.call(ctx, "proxy undo")
}

// Hooks is a fake runner of hooks.
type Hooks struct {
	graduate.HookRunner // what is not faked yet panics

	// Told are the candidates that each hook was given, by "KIND/NAME", and Outcome how the run has ended.
	Told    map[string][]graduate.Candidate
	Outcome map[string]string
	// Situation is what each task was told, by "APP NAME".
	Situation map[string]graduate.Situation
	world     *World
}

// Hook notes "hook KIND/NAME".
func (h *Hooks) Hook(ctx context.Context, _ *graduate.Run, hook graduate.Hook, s graduate.Situation) error {
	name := hook.FullName()
	h.world.mu.Lock()
	h.Told[name], h.Outcome[name] = s.Held, s.Outcome
	h.world.mu.Unlock()
	return h.world.call(ctx, "hook %s", name)
}

// Task notes "task APP NAME".
func (h *Hooks) Task(ctx context.Context, _ *graduate.Run, a *graduate.App, t graduate.Task, s graduate.Situation) error {
	h.world.mu.Lock()
	h.Situation[a.Target+" "+t.Name] = s
	h.world.mu.Unlock()
	return h.world.call(ctx, "task %s %s", a.Target, t.Name)
}

// Stop notes "hooks stop".
func (h *Hooks) Stop(ctx context.Context, _ *graduate.Run) error {
	return h.world.call(ctx, "hooks stop")
}

// Barrier is a fake barrier.
type Barrier struct {
	graduate.Barrier // what is not faked yet panics

	world    *World
	mu       sync.Mutex
	waiting  map[string]waiter // by container
	gone     []waiter
	released map[graduate.Key]bool
	changed  chan struct{}
	lost     func(graduate.Candidate)
	// sealed tells that the release point is passed.
	sealed, closed bool
}

// waiter is who waits, and where its verdict comes.
type waiter struct {
	candidate graduate.Candidate
	verdict   chan string
}

// Open notes "barrier open".
func (b *Barrier) Open(*graduate.Run) error {
	return b.world.call(context.Background(), "barrier open")
}

// arrive notes "held APP NAME" and returns where the verdict comes.
func (b *Barrier) arrive(c graduate.Candidate) <-chan string {
	verdict := make(chan string, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		verdict <- b.last()
	case b.released[key(c)]:
		verdict <- "go on"
	default:
		_ = b.world.call(context.Background(), "held %s %s", c.App, c.Name())
		b.waiting[c.Container] = waiter{c, verdict}
		b.notify()
	}
	return verdict
}

func (b *Barrier) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func key(c graduate.Candidate) graduate.Key { return graduate.Key{App: c.App, Process: c.Process} }

// Held lists who waits, by app, process type and index.
func (b *Barrier) Held() []graduate.Candidate {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []graduate.Candidate
	for _, w := range b.waiting {
		out = append(out, w.candidate)
	}
	slices.SortFunc(out, func(x, y graduate.Candidate) int { return cmp.Compare(x.Container, y.Container) })
	return out
}

// Wait returns when enough wait.
func (b *Barrier) Wait(ctx context.Context, want map[graduate.Key]int) error {
	for {
		b.mu.Lock()
		missing, changed := 0, b.changed
		have := map[graduate.Key]int{}
		for _, w := range b.waiting {
			have[key(w.candidate)]++
		}
		for k, n := range want {
			missing += max(n-have[k], 0)
		}
		b.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Seal notes "barrier seal".
func (b *Barrier) Seal() {
	_ = b.world.call(context.Background(), "barrier seal")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = true
}

// last is what becomes of who still waits at the end: after the release point it goes on by itself.
func (b *Barrier) last() string {
	if b.sealed {
		return "go on"
	}
	return "turn back"
}

// Release notes "barrier release APP TYPE".
func (b *Barrier) Release(k graduate.Key) {
	_ = b.world.call(context.Background(), "barrier release %s %s", k.App, k.Process)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released[k] = true
	for container, w := range b.waiting {
		if key(w.candidate) == k {
			delete(b.waiting, container)
			w.verdict <- "go on"
		}
	}
}

// OnLost sets what is called for a candidate that goes away.
func (b *Barrier) OnLost(f func(graduate.Candidate)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = f
}

// Lose lets the check of a candidate go away: its deploy hears nothing any more, until it is ended.
func (b *Barrier) Lose(c graduate.Candidate) {
	b.mu.Lock()
	b.gone = append(b.gone, b.waiting[c.Container])
	delete(b.waiting, c.Container)
	lost := b.lost
	b.notify()
	b.mu.Unlock()
	lost(c)
}

// hangUp is what the barrier notices when a deploy whose check is held is ended.
func (b *Barrier) hangUp(c graduate.Candidate) {
	b.mu.Lock()
	_, waits := b.waiting[c.Container]
	b.mu.Unlock()
	if waits {
		b.Lose(c)
	}
}

// kill ends the deploy of a process type, with all that wait or have been lost.
func (b *Barrier) kill(k graduate.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for container, w := range b.waiting {
		if key(w.candidate) == k {
			delete(b.waiting, container)
			w.verdict <- killed
		}
	}
	b.gone = slices.DeleteFunc(b.gone, func(w waiter) bool {
		mine := key(w.candidate) == k
		if mine {
			w.verdict <- killed
		}
		return mine
	})
}

// Close notes "barrier close" and ends the wait of who waits.
func (b *Barrier) Close() error {
	b.mu.Lock()
	b.closed = true
	for container, w := range b.waiting {
		delete(b.waiting, container)
		w.verdict <- b.last()
	}
	b.mu.Unlock()
	return b.world.call(context.Background(), "barrier close")
}
