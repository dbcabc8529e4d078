package graduate

import (
	"slices"
	"time"
)

// PlanVersion is the version of a plan's shape (docs/plan.schema.json).
const PlanVersion = 1

// Plan says what a graduation would do, how its environments differ, and what would bite. It has no config value in
// it, and no digest of one that could be tried without the server's secret.
type Plan struct {
	Version int `json:"version"`
	// ID names the plan: the beginning of Digest.
	ID string `json:"id"`
	// Digest is a keyed digest of everything that the plan was made from; the same facts have the same one.
	Digest string    `json:"digest"`
	Group  string    `json:"group"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Made   time.Time `json:"made"`
	// Only lists the roles that were asked for; empty means the whole set.
	Only []string `json:"only,omitempty"`
	// All tells that unchanged apps are taken along.
	All bool `json:"all,omitempty"`
	// Roles are in the group's order.
	Roles []RolePlan `json:"roles"`
	// Hooks are what will run, in its order; the apps' own tasks are among them.
	Hooks []HookPlan `json:"hooks"`
	// Differences between the environments that nobody acknowledged; Acknowledged counts the others.
	Differences  []Difference `json:"differences"`
	Acknowledged int          `json:"acknowledged"`
	Findings     []Finding    `json:"findings"`
	// Parts are keyed digests by what they are of ("portal: source image", "portal: target config"), so that a run
	// that is given the plan's id can say what has changed since. They are stored, and shown in no format.
	Parts map[string]string `json:"-"`
}

// The actions of a role.
const (
	// ActionGraduate: the app gets the source's version.
	ActionGraduate = "graduate"
	// ActionFirst: the same, and the app was never deployed before.
	ActionFirst = "first-deploy"
	// ActionSkip: the app stays as it is.
	ActionSkip = "skip"
	// ActionRefuse: an error among the findings keeps the app from being graduated.
	ActionRefuse = "refuse"
)

// RolePlan is what happens to one role.
type RolePlan struct {
	Role   string `json:"role"`
	Source string `json:"source"`
	Target string `json:"target"`
	// Action is one of the Action constants, Why says what it comes from.
	Action string `json:"action"`
	Why    string `json:"why,omitempty"`
	// Revision is the source's commit, Before the target's; empty where there is none.
	Revision string `json:"revision,omitempty"`
	Before   string `json:"before,omitempty"`
	// Commits are those between the two, the newest first and at most CommitsShown of them; CommitCount counts all.
	// Backwards tells that the target's commit is the newer one, Unrelated that neither is an ancestor of the other
	// (Commits are then those that the target lacks).
	Commits     []Commit `json:"commits,omitempty"`
	CommitCount int      `json:"commit_count,omitempty"`
	Backwards   bool     `json:"backwards,omitempty"`
	Unrelated   bool     `json:"unrelated,omitempty"`
	// New is the image that is carried over, Old what the target has now.
	New *ImageFacts `json:"new_image,omitempty"`
	Old *ImageFacts `json:"old_image,omitempty"`
	// NewBytes is the size of the layers of New that Old does not have.
	NewBytes int64 `json:"new_bytes,omitempty"`
	// Changes of the Procfile, app.json and the process scale.
	Changes []Change `json:"changes,omitempty"`
}

// CommitsShown is how many commits of a role a plan lists.
const CommitsShown = 10

// Commit is one line of git log.
type Commit struct {
	Revision string `json:"revision"`
	Subject  string `json:"subject"`
}

// Change is one thing in the version that is not as it was. Before or After is empty where it is new or gone.
type Change struct {
	// What is "procfile web", "app.json scripts.predeploy", "app.json healthchecks.web", "app.json cron", "scale web".
	What   string `json:"what"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// HookPlan is one hook or task that will run.
type HookPlan struct {
	// Kind is the hook's kind; the apps' own tasks come as "release-task" and "postdeploy".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Where is "host", "http" for a request, "log" for a metric, or the target app in whose new image it runs.
	Where string `json:"where"`
	// What is the command, the script's name, or what is asked for or watched.
	What string `json:"what"`
	// Timeout in whole seconds; 0 where the run's own bounds count.
	Timeout int `json:"timeout_seconds,omitempty"`
	// Moment is when an app's release tasks run: "hold", or "before" any check; empty for others.
	Moment string `json:"moment,omitempty"`
	// Skip says why it does not run after all; empty where it does.
	Skip string `json:"skip,omitempty"`
	// Retries is how often it is tried again where it fails.
	Retries int `json:"retries,omitempty"`
	// Parallel tells that it runs beside those neighbours that have it, too.
	Parallel bool `json:"parallel,omitempty"`
	// Migrate tells that it is a migration: it runs once, alone, and under the group's lock.
	Migrate bool `json:"migrate,omitempty"`
	// Warns tells that its failure is told, and the run goes on.
	Warns bool `json:"warns,omitempty"`
}

// Difference is one thing that an environment has and the other has not, or has otherwise. Source and Target say
// how it is there in words; for config keys only their kind, never a value.
type Difference struct {
	Role string `json:"role"`
	// Kind is one of DifferenceKinds, Name the key, domain, port map, option … that differs.
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Source string `json:"source"`
	Target string `json:"target"`
}

// DifferenceKinds lists what is compared, in the order in which it is shown.
func DifferenceKinds() []string {
	return []string{"config", "domains", "tls", "ports", "resources", "docker-options", "mounts", "services", "networks", "proxy", "checks", "scheduler"}
}

// Severity says what a finding does to a run.
type Severity string

// The severities.
const (
	// SeverityError refuses the run, unless its code is forced.
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Finding is something that will bite, or may.
type Finding struct {
	// Code is stable (docs/findings.md).
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Role     string   `json:"role,omitempty"`
	App      string   `json:"app,omitempty"`
	// Why and Do are one line each: what it is, and what to do about it.
	Why string `json:"why"`
	Do  string `json:"do"`
	// Docs is the page with more: docs/findings.md#code.
	Docs string `json:"docs"`
	// Forced tells that --force let it pass.
	Forced bool `json:"forced,omitempty"`
}

// Forbids tells whether the finding keeps a run from being begun.
func (f Finding) Forbids() bool { return f.Severity == SeverityError && !f.Forced }

// Line is the finding in one line: what it is, and what to do about it.
func (f Finding) Line() string {
	if f.Do == "" {
		return f.Why
	}
	return f.Why + "; " + f.Do
}

// Forbidding lists the findings that keep a run from being begun.
func (p *Plan) Forbidding() []Finding {
	var out []Finding
	for _, f := range p.Findings {
		if f.Forbids() {
			out = append(out, f)
		}
	}
	return out
}

// ForcedCodes lists the codes that --force let pass, each once.
func (p *Plan) ForcedCodes() []string {
	var codes []string
	for _, f := range p.Findings {
		if f.Forced && !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	return codes
}
