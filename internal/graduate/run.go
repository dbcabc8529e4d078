package graduate

import (
	"fmt"
	"path/filepath"
	"time"
)

// Run is one graduation: everything that was decided before its first step. It is the first record of its
// journal, so that whoever finds the journal can complete the run.
type Run struct {
	// ID sorts by time (a ULID in lower case, as Docker tags like it).
	ID      string    `json:"id"`
	Group   string    `json:"group"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	User    string    `json:"user"`
	Started time.Time `json:"started"`
	// Dir holds the journal, the logs and the copies of this run.
	Dir string `json:"dir"`
	// Socket is where held deploys connect to.
	Socket string `json:"socket"`
	// Kind is KindRollback where an earlier set is brought back; empty in a graduation that brings something new.
	Kind string `json:"kind,omitempty"`
	// Undoes is the graduation that a rollback takes back, the oldest where there are several.
	Undoes string `json:"undoes,omitempty"`
	// Cause says why a rollback was begun without a person: what failed after the release point.
	Cause string `json:"cause,omitempty"`
	// PlanID is the plan that was shown or asked for; Forced are the codes of its findings that --force let pass.
	PlanID string   `json:"plan_id,omitempty"`
	Forced []string `json:"forced,omitempty"`
	// Apps are the roles in the group's order, those that are skipped included.
	Apps     []*App   `json:"apps"`
	Hooks    []Hook   `json:"hooks"`
	Settings Settings `json:"settings"`
}

// App is one role in a run.
type App struct {
	Role   string `json:"role"`
	Source string `json:"source"`
	Target string `json:"target"`
	// Skip says why the app is left as it is; empty means that it is graduated.
	Skip string `json:"skip,omitempty"`
	// Image is the ID of the source's image that is carried over.
	Image string `json:"image"`
	// Revision is the source's commit; empty where the source has none.
	Revision string `json:"revision,omitempty"`
	// Before is the target's commit before the run.
	Before string `json:"before,omitempty"`
	// First tells that the target was never deployed.
	First bool `json:"first,omitempty"`
	// Start is the role's StartAfterPost or StartBeforePost.
	Start string `json:"start,omitempty"`
	// Origin is where the version that is carried over came from.
	Origin Origin `json:"origin,omitzero"`
	// Was is what the target had before the run; nil where it was never deployed.
	Was *Version `json:"was,omitempty"`
	// Kept names the kept version that a rollback brings back; empty in other runs.
	Kept Kept `json:"kept,omitzero"`
	// Scale is the scale that a rollback brings back.
	Scale []Process `json:"scale,omitempty"`
	// UndoTag is the image tag of the release that a rollback takes back: its own hooks undo it.
	UndoTag string `json:"undo_tag,omitempty"`
}

// Web is the process type that the proxy serves.
const Web = "web"

// Process is a process type of an app and how many containers of it the new version has.
type Process struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// Candidate is one new container that has passed its check and is held.
type Candidate struct {
	App       string `json:"app"`
	Process   string `json:"process"`
	Index     int    `json:"index"`
	Container string `json:"container"`
	// IP and Port are where it listens; Port is empty for processes that do not.
	IP   string `json:"ip"`
	Port string `json:"port,omitempty"`
	// Deploy are the processes of the platform that wait for its check, the nearest first; empty where there are none.
	Deploy []Proc `json:"deploy,omitempty"`
}

// Proc is a process, and when it started: a PID that is used again is told apart.
type Proc struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

// Address is host:port of a candidate that listens, or its host.
func (c Candidate) Address() string {
	if c.Port == "" {
		return c.IP
	}
	return c.IP + ":" + c.Port
}

// Name is how people call it: web.1.
func (c Candidate) Name() string { return fmt.Sprintf("%s.%d", c.Process, c.Index) }

// KindRollback is the kind of a run that brings an earlier set back.
const KindRollback = "rollback"

// Rollback tells whether the run brings an earlier set back.
func (r *Run) Rollback() bool { return r.Kind == KindRollback }

// Tag is the image tag of the run's artifacts.
func (r *Run) Tag() string { return "graduate-" + r.ID }

// Active lists the apps that are graduated.
func (r *Run) Active() []*App {
	var out []*App
	for _, a := range r.Apps {
		if a.Skip == "" {
			out = append(out, a)
		}
	}
	return out
}

// AppOf returns the app of a role, or nil.
func (r *Run) AppOf(role string) *App {
	for _, a := range r.Apps {
		if a.Role == role {
			return a
		}
	}
	return nil
}

// HooksOf lists the hooks of one kind in their order.
func (r *Run) HooksOf(kind HookKind) []Hook {
	g := Group{Hooks: r.Hooks}
	return g.HooksOf(kind)
}

// hook finds a hook by its full name.
func (r *Run) hook(name string) (Hook, bool) {
	for _, h := range r.Hooks {
		if h.FullName() == name {
			return h, true
		}
	}
	return Hook{}, false
}

// Log is the path of the log with that name: an app's deploy or a hook.
func (r *Run) Log(name string) string { return filepath.Join(r.Dir, "logs", name+".log") }

// HookContext is the path of the file that tells a hook of the run what it may want to know.
func (r *Run) HookContext(hook string) string { return filepath.Join(r.Dir, "context", hook+".json") }

// HookContextInside is where the same is in the container of a hook.
const HookContextInside = "/run/graduate/context.json"

// Journal is the path of the run's journal.
func (r *Run) Journal() string { return filepath.Join(r.Dir, "journal.jsonl") }
