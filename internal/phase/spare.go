package phase

import (
	"context"
	"fmt"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// lost is told when a held check was killed, or on its way out. Before the release point that fails the run: a candidate
// that is held has to stay. After it the candidate is live, and its container is kept from the platform, at once. Which
// of the two it is may be decided only now, so it is kept in any case; an abort removes it.
func (e *Env) lost(ctx context.Context, r *graduate.Run, c graduate.Candidate) {
	done := make(chan struct{})
	defer close(done)
	e.mu.Lock()
	e.spares = append(e.spares, done)
	released := e.released
	e.mu.Unlock()
	if !released {
		e.Fail(&graduate.StepError{App: c.App, Err: fmt.Errorf("%s went away while it was held", c.Name())})
	}
	// Not cancelled with the phase that has opened the barrier.
	err := e.Platform.Spare(context.WithoutCancel(ctx), r, c)
	if !e.isReleased() {
		return
	}
	message := fmt.Sprintf("The check of %s (%s) was killed after the release: its container goes on, and the deploy of %s is made once more", c.App, c.Name(), c.Process)
	if err != nil {
		message += fmt.Sprintf(" (%v)", err)
	}
	e.Emit(graduate.Event{Type: graduate.EventNotice, App: c.App, Message: message})
}

// awaitSpares returns when no container is being kept from the platform any more: what makes its deploy once more must
// not be taken for a part of the one that is ended.
func (e *Env) awaitSpares() {
	e.mu.Lock()
	spares := e.spares
	e.mu.Unlock()
	for _, done := range spares {
		<-done
	}
}
