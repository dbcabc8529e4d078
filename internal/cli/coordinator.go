package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/engine"
	"github.com/dokku-graduate/dokku-graduate/internal/failpoint"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/hold"
	"github.com/dokku-graduate/dokku-graduate/internal/hook"
	"github.com/dokku-graduate/dokku-graduate/internal/journal"
	"github.com/dokku-graduate/dokku-graduate/internal/phase"
	"github.com/dokku-graduate/dokku-graduate/internal/proxy"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// abortBudget bounds an abort, on top of the time-outs of its hooks. It has a budget of its own, as it must not share what a late run has used up.
const abortBudget = 5 * time.Minute

// coordinator wires one graduation together and drives it.
type coordinator struct {
	host    *dokku.Host
	run     *graduate.Run
	journal *journal.Writer
	screen  ui.Renderer
	fail    context.CancelCauseFunc
	// unattended tells that nobody has asked for this recovery, and that something waits for it: the server's start.
	unattended bool
	// history is what coordinators of the run before this one have done.
	history graduate.History
	// mu guards what signals and states tell each other.
	mu sync.Mutex
	// released tells that the release record is written, aborting that the run turns back, interrupted that a signal
	// asked for that.
	released, aborting, interrupted bool
	// cause is the first failure that was recorded.
	cause string
	// besides are the notices of hooks: what an end that is not the wanted one has to tell as well.
	besides []string
	// record is what record.json says of the run.
	record graduate.Record
}

// newID is an id that sorts after all that there are, also where the clock has gone back.
func newID(ids []string) string {
	id := ulid.Make()
	if len(ids) > 0 {
		last, err := ulid.ParseStrict(strings.ToUpper(ids[len(ids)-1]))
		if err == nil && id.Compare(last) <= 0 && last.Time() < ulid.MaxTime() {
			_ = id.SetTime(last.Time() + 1) // it fails beyond MaxTime only
		}
	}
	return strings.ToLower(id.String())
}

// newRun decides the places of a run.
func newRun(host *dokku.Host, id string, g *graduate.Group, from, to string, apps []*graduate.App) *graduate.Run {
	return &graduate.Run{
		ID: id, Group: g.Name, From: from, To: to, User: caller(), Started: time.Now(),
		Dir: host.RunDir(id),
		// Not below Dir: the path of a socket may have 107 bytes only (unix(7)).
		Socket: filepath.Join("/tmp", "graduate-"+id, "hold.sock"),
		Apps:   apps, Hooks: g.Hooks, Settings: g.Settings,
	}
}

// caller is who runs the command: the name of the SSH key, else the user (Dokku's user-auth convention).
func caller() string {
	for _, name := range []string{"SSH_NAME", "NAME", "SSH_USER", "USER"} {
		if value := os.Getenv(name); value != "" && value != "default" {
			return value
		}
	}
	return "unknown"
}

// environment makes what the phases work on.
func (c *coordinator) environment() *phase.Env {
	emit := c.emitOrFail
	barrier := hold.NewServer(func(candidate graduate.Candidate) {
		role := ""
		for _, a := range c.run.Apps {
			if a.Target == candidate.App {
				role = a.Role
			}
		}
		emit(graduate.Event{Type: graduate.EventCandidate, Role: role, App: candidate.App, Candidate: &candidate})
	})
	barrier.OnAbort(func(by string) { c.fail(fmt.Errorf("it was aborted by %s", by)) })
	env := &phase.Env{
		Platform: c.host,
		Proxy:    c.proxy(),
		Barrier:  barrier,
		Room:     c.keeper(),
		Hooks: &hook.Runner{
			Containers: c.host, HostHook: config.CheckHostHook, Live: c.host.LiveAddresses, Public: c.host.Public,
			Lock: c.host.LockMigrations, End: dokku.EndProcesses, Lines: c.screen.Line,
		},
		Emit: emit,
		Fail: c.fail,
	}
	env.Rollback = c.rollBack
	env.Resume(c.history)
	return env
}

// engine makes the engine with its phases.
func (c *coordinator) engine(env *phase.Env) *engine.Engine {
	var phases []engine.Phase
	for _, p := range phase.All(env) {
		phases = append(phases, p)
	}
	budget := abortBudget
	for _, h := range c.run.HooksOf(graduate.HookAbort) { // what they may take must not be missing for the rest
		budget += h.Longest()
	}
	return &engine.Engine{Phases: phases, Emit: c.emit, AbortBudget: budget}
}

// proxy is what switches the apps.
func (c *coordinator) proxy() *proxy.Nginx { return &proxy.Nginx{Host: c.host, Emit: c.emitOrFail} }

// emitOrFail records an event; where that is not possible the run fails.
func (c *coordinator) emitOrFail(e graduate.Event) {
	if err := c.emit(e); err != nil {
		c.fail(err)
	}
}

// emit writes an event to the journal, synced, then shows it.
func (c *coordinator) emit(e graduate.Event) error {
	e.Version, e.Time, e.Group, e.Run = graduate.EventVersion, time.Now(), c.run.Group, c.run.ID
	moment := string(e.Type) + ":" + e.State
	failpoint.Hit("before:" + moment)
	if err := c.journal.Append(e); err != nil {
		if c.released { // the run goes on without the record
			c.screen.Event(e)
		}
		return err
	}
	failpoint.Hit("after:" + moment)
	if e.Type == graduate.EventFailure {
		c.cause = cmp.Or(c.cause, e.Message)
	}
	late := e.Type == graduate.EventState && c.enters(graduate.State(e.State))
	if e.Type == graduate.EventNotice && e.Hook != "" {
		c.mu.Lock() // hooks may run side by side
		c.besides = append(c.besides, e.Message)
		c.mu.Unlock()
	}
	c.screen.Event(e)
	if late {
		c.finishing()
	}
	return nil
}

// outcome records how the run ended and says it in one error; nil where the new set is live.
func (c *coordinator) outcome(state graduate.State, reason error) error {
	r := c.run
	if reason == nil && state != graduate.Done {
		reason = errors.New(cmp.Or(c.history.Failure, "its coordinator was gone"))
	}
	if state == graduate.Done && reason != nil {
		c.record.Left = reason.Error()
		_ = c.emit(graduate.Event{Type: graduate.EventNotice, Message: fmt.Sprintf( // a failure shows at the outcome
			"%s is live in %s, but not everything that the graduation needed could be removed (%s); the group's next graduation, or dokku graduate:recover %s, tries again",
			r.Group, r.To, strings.ReplaceAll(reason.Error(), "\n", "; "), r.Group)})
	}
	err := conclude(r, state, reason, c.released)
	if err != nil {
		for _, notice := range c.besides {
			err = fmt.Errorf("%w; besides, %s", err, notice)
		}
	}
	e := graduate.Event{Type: graduate.EventOutcome, State: outcomeOf(state), Code: graduate.ExitCode(err)}
	if err != nil {
		e.Message = err.Error()
	}
	failed := c.emit(e)
	c.end(e)
	if failed != nil && state == graduate.Done {
		c.tell("%s is live in %s, but that could not be recorded (%v); when that is mended, dokku graduate:recover %s does it", r.Group, r.To, failed, r.Group)
		return nil
	}
	return errors.Join(err, failed)
}

// outcomeOf is what the end of a run is called.
func outcomeOf(state graduate.State) string {
	switch state {
	case graduate.Done:
		return graduate.OutcomeLive
	case graduate.Restored:
		return graduate.OutcomeAborted
	case graduate.Reverted:
		return graduate.OutcomeRolledBack
	default:
		return graduate.OutcomeNeedsPerson
	}
}

// conclude says how the run ended, what it was that failed, and what to do next.
func conclude(r *graduate.Run, state graduate.State, reason error, released bool) error {
	switch state {
	case graduate.Done:
		return nil
	case graduate.Restored:
		if code := graduate.CodeOf(reason); code == graduate.Conflict || code == graduate.Refused {
			return reason
		}
		return graduate.Errorf(graduate.Aborted, "%s was not released to %s, which is as it was: %w%s", r.Group, r.To, reason, where(r, reason))
	}
	var unsettled *graduate.UnsettledError
	if errors.As(reason, &unsettled) {
		return graduate.Errorf(graduate.NeedsPerson, "%s was not released to %s, and a person has to decide before it can be restored: %w%s", r.Group, r.To, unsettled, where(r, reason))
	}
	if state == graduate.Reverted {
		return graduate.Errorf(graduate.RolledBack, "%s was released to %s and taken back, the previous set is live again: %w%s", r.Group, r.To, reason, where(r, reason))
	}
	if released {
		return graduate.Errorf(graduate.NeedsPerson, "the release of %s to %s is not complete: %w; when that is mended, dokku graduate:recover %s completes it, and dokku graduate:rollback %s --group %s brings the previous set back%s",
			r.Group, r.To, reason, r.Group, r.To, r.Group, where(r, reason))
	}
	return graduate.Errorf(graduate.NeedsPerson, "%s was not released to %s, but not all of it could be restored: %w; dokku graduate:recover %s tries again%s",
		r.Group, r.To, reason, r.Group, where(r, reason))
}

// where names the log that has the details.
func where(r *graduate.Run, reason error) string {
	if log := logOf(reason); log != "" {
		return "; its log is " + log
	}
	return "; the journal is " + r.Journal()
}

// logOf is the log of the step that failed.
func logOf(reason error) string {
	var step *graduate.StepError
	if errors.As(reason, &step) {
		return step.Log
	}
	return ""
}
