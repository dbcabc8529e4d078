package graduate

import (
	"cmp"
	"time"
)

// HookKind is the moment at which a hook runs.
type HookKind string

// The kinds of hooks.
const (
	HookPre   HookKind = "pre"
	HookPost  HookKind = "post"
	HookLive  HookKind = "live"
	HookAbort HookKind = "abort"
	// HookRollback undoes what a release did to data, in the image of that release.
	HookRollback HookKind = "rollback"
	// HookFinally runs at the very end, however that is: it decides nothing any more.
	HookFinally HookKind = "finally"
)

// HookKinds lists the kinds in the order of a run.
func HookKinds() []HookKind {
	return []HookKind{HookPre, HookPost, HookLive, HookAbort, HookRollback, HookFinally}
}

// Hook is a step of the group itself, run once per graduation.
type Hook struct {
	Kind HookKind `json:"kind"`
	Name string   `json:"name"`
	// Role and Command make a container hook: the command runs in a one-off container of the role's new image.
	Role    string   `json:"role,omitempty"`
	Command []string `json:"command,omitempty"`
	// Process names a process of the version's Procfile that runs in place of a command.
	Process string `json:"process,omitempty"`
	// Host makes a host hook: the base name of an executable in the plugin's hooks folder.
	Host string `json:"host,omitempty"`
	// HTTP makes an HTTP check of the role's app.
	HTTP *HTTPCheck `json:"http,omitempty"`
	// Metric makes a watch over the answers of the role's app.
	Metric *Metric `json:"metric,omitempty"`
	// Timeout ends the hook; zero means DefaultHookTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// When says in which graduations it runs; the zero value stands for all of them.
	When When `json:"when,omitzero"`
	// Retries is how often it is tried again where it fails.
	Retries int `json:"retries,omitempty"`
	// OnFailure is what its failure means: OnFailureAbort (the same as empty) or OnFailureWarn.
	OnFailure string `json:"on_failure,omitempty"`
	// Parallel lets it run beside those neighbours that have it, too.
	Parallel bool `json:"parallel,omitempty"`
	// Migrate tells that it changes data in a way that must neither happen twice nor beside another migration of the group.
	Migrate bool `json:"migrate,omitempty"`
	// Reverses names the migration (of a pre or post hook) that an abort hook takes back; where that had not begun it
	// does not run.
	Reverses string `json:"reverses,omitempty"`
}

// Migrates tells that the hook is a migration, or the reversal of one.
func (h Hook) Migrates() bool { return h.Migrate || h.Reverses != "" }

// ReversedBy tells whether the hook is the migration that another takes back.
func (h Hook) ReversedBy(other Hook) bool {
	return h.Migrate && h.Name == other.Reverses && (h.Kind == HookPre || h.Kind == HookPost)
}

// What the failure of a hook means.
const (
	OnFailureAbort = "abort" // the run goes back
	OnFailureWarn  = "warn"  // it is told, and the run goes on
)

// When is the condition of a hook: all that is named in it has to be so.
type When struct {
	// Changed names a role whose app has to get another version.
	Changed string `json:"changed,omitempty"`
	// Env names the environment that is graduated into.
	Env string `json:"env,omitempty"`
}

// Unmet says why a hook with this condition does not run; empty where it does.
func (w When) Unmet(env string, changes func(role string) bool) string {
	switch {
	case w.Env != "" && w.Env != env:
		return "only in " + w.Env
	case w.Changed != "" && !changes(w.Changed):
		return "only where " + w.Changed + " changes"
	default:
		return ""
	}
}

// Unmet says why a hook of the run is left out; empty where it runs.
func (r *Run) Unmet(h Hook) string {
	return h.When.Unmet(r.To, func(role string) bool {
		a := r.AppOf(role)
		return a != nil && a.Skip == ""
	})
}

// DefaultHookTimeout ends a hook that has no time-out of its own.
const DefaultHookTimeout = 10 * time.Minute

// Deadline is the hook's time-out, one try's, with the default filled in.
func (h Hook) Deadline() time.Duration {
	switch {
	case h.HTTP != nil:
		return h.HTTP.Deadline() + checkGrace
	case h.Metric != nil:
		return h.Metric.Window() + checkGrace
	}
	return cmp.Or(h.Timeout, DefaultHookTimeout)
}

// The pause before a hook is tried again: it doubles from the one to the other.
const (
	firstPause = time.Second
	longPause  = 30 * time.Second
)

// Pause is how long to wait before it is tried again, after so many tries.
func (h Hook) Pause(tries int) time.Duration {
	pause := firstPause
	for range tries - 1 {
		pause = min(2*pause, longPause)
	}
	return pause
}

// Longest is how long it may take with all its tries.
func (h Hook) Longest() time.Duration {
	d := h.Deadline()
	for tries := 1; tries <= h.Retries; tries++ {
		d += h.Pause(tries) + h.Deadline()
	}
	return d
}

// OnlyLooks tells that the hook changes nothing: there is nothing to undo after it.
func (h Hook) OnlyLooks() bool { return h.HTTP != nil || h.Metric != nil }

// FullName is what a hook is called in events and logs: KIND/NAME.
func (h Hook) FullName() string { return string(h.Kind) + "/" + h.Name }

// HooksOf lists the hooks of one kind in their order.
func (g *Group) HooksOf(kind HookKind) []Hook {
	var out []Hook
	for _, h := range g.Hooks {
		if h.Kind == kind {
			out = append(out, h)
		}
	}
	return out
}

// Batches are hooks in the order in which they run: neighbours that are parallel come in one batch, side by side.
func Batches(hooks []Hook) [][]Hook {
	var batches [][]Hook
	for i, h := range hooks {
		if last := len(batches) - 1; i > 0 && h.Parallel && hooks[i-1].Parallel {
			batches[last] = append(batches[last], h)
		} else {
			batches = append(batches, []Hook{h})
		}
	}
	return batches
}

// OneOff is a command in a one-off container of an image of an app.
type OneOff struct {
	// Hook is the full name of the hook, or the name of the task, that it is.
	Hook string
	// Tag names the image.
	Tag string
	// Variables are its environment on top of the app's configuration, as NAME=VALUE.
	Variables []string
	// Command is what runs; or Process, of the version's Procfile.
	Command []string
	Process string
}

// Situation is what a hook is told of the moment at which it runs.
type Situation struct {
	// Held are the candidates that wait.
	Held []Candidate
	// Released tells that they are live, or about to become so one by one: nothing of what they replace is told any more.
	Released bool
	// Outcome is how the run has ended; only the finally hooks know.
	Outcome string
}
