package ui

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Renderer shows the events of a graduation.
type Renderer interface {
	Event(graduate.Event)
	// Line shows one line that a hook printed.
	Line(hook, line string)
	// Close ends the display; nothing is shown after it.
	Close()
}

// NewRenderer chooses the renderer: JSON where a program reads, a live display on a terminal, plain lines elsewhere.
func NewRenderer(s Streams, format string) Renderer {
	switch {
	case format == "json":
		return &jsonLines{streams: s}
	case s.TTY:
		return newLive(s)
	default:
		return &plain{streams: s, began: map[string]time.Time{}}
	}
}

// plain shows one line per event: what CI jobs and logs get. Dokku is quiet off a terminal by itself, so what
// the caller has to know does not go by Quiet.
type plain struct {
	mu      sync.Mutex
	streams Streams
	run     *graduate.Run
	began   map[string]time.Time
}

// Event shows an event.
func (p *plain) Event(e graduate.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Plan != nil {
		p.run = e.Plan
	}
	if e.Type == graduate.EventHook && e.State == graduate.HookStarted {
		p.began[e.Hook] = e.Time
	}
	if text := sentence(p.run, e, p.began); text != "" {
		p.streams.line(p.streams.Out, "", "%s", text)
	}
}

// Line shows one line of a hook.
func (p *plain) Line(hook, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams.Detail("%s | %s", hook, line)
}

// Close has nothing to end.
func (p *plain) Close() {}

const (
	title = "=====> "
	step  = "-----> "
)

// sentence is an event in words; empty where people need not see it.
func sentence(r *graduate.Run, e graduate.Event, began map[string]time.Time) string {
	switch e.Type {
	case graduate.EventRun:
		if e.Plan.Rollback() {
			return fmt.Sprintf("%sRolling %s back in %s (%s)", title, e.Plan.Group, e.Plan.To, e.Plan.ID)
		}
		return fmt.Sprintf("%sGraduating %s from %s to %s (%s)", title, e.Plan.Group, e.Plan.From, e.Plan.To, e.Plan.ID)
	case graduate.EventState:
		if r == nil {
			return "" // the run has not been told yet
		}
		return stateSentence(r, graduate.State(e.State))
	case graduate.EventApp:
		return appSentence(e)
	case graduate.EventCandidate:
		return fmt.Sprintf("%s%s: %s passed its check and is held at %s", step, e.Candidate.App, e.Candidate.Name(), e.Candidate.Address())
	case graduate.EventHook:
		return hookSentence(e, began)
	case graduate.EventNotice, graduate.EventQuiesce:
		return "       " + e.Message
	default:
		return "" // failures and outcomes are told at the end, in one line
	}
}

func stateSentence(r *graduate.Run, s graduate.State) string {
	switch s {
	case graduate.Quiescing:
		return step + "Quiesce: requests wait, and the old instances are kept off the data"
	case graduate.Post:
		return step + "All are held: nothing is live, nothing is unchecked"
	case graduate.Switch:
		return step + "Every process of every app is checked and held"
	case graduate.Release:
		return fmt.Sprintf("%sReleasing %s in %s: one reload for all apps", title, r.Group, r.To)
	case graduate.Settle:
		return step + "Live; Dokku completes each app's deploy"
	case graduate.Revert:
		return fmt.Sprintf("%sIt failed after its release: taking it back, where that is safe", title)
	case graduate.Aborting:
		return fmt.Sprintf("%sAborting: putting %s back as it was", title, r.To)
	default:
		return ""
	}
}

func appSentence(e graduate.Event) string {
	switch e.State {
	case graduate.AppSkipped:
		return fmt.Sprintf("%s%s: skipped (%s)", step, e.App, e.Message)
	case graduate.AppStarting:
		return fmt.Sprintf("%s%s: starting %s beside the old version", step, e.App, e.Message)
	case graduate.AppReleased:
		return fmt.Sprintf("%s%s: live", step, e.App)
	case graduate.AppFailed:
		return fmt.Sprintf("%s%s: %s", step, e.App, e.Message)
	default:
		return fmt.Sprintf("%s%s: %s", step, e.App, e.State)
	}
}

func hookSentence(e graduate.Event, began map[string]time.Time) string {
	switch e.State {
	case graduate.HookStarted:
		return step + "Hook " + e.Hook
	case graduate.HookSucceeded:
		took := e.Took
		if took == 0 { // a journal of an older version does not say
			took = max(0, e.Time.Sub(began[e.Hook]))
		}
		return fmt.Sprintf("       %s succeeded in %s", e.Hook, took.Round(100*time.Millisecond))
	case graduate.HookRetried:
		return fmt.Sprintf("       %s failed: %s", e.Hook, strings.Join(strings.Fields(e.Message), " "))
	case graduate.HookKept:
		return fmt.Sprintf("       %s: %s", e.Hook, e.Message)
	case graduate.HookDeferred:
		return fmt.Sprintf("%sHook %s waits: %s", step, e.Hook, e.Message)
	case graduate.HookSkipped:
		return fmt.Sprintf("%sHook %s is left out: %s", step, e.Hook, e.Message)
	default:
		return fmt.Sprintf("       %s failed: %s", e.Hook, strings.Join(strings.Fields(e.Message), " "))
	}
}
