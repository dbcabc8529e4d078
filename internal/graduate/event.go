package graduate

import "time"

// EventType says what an event is about.
type EventType string

// The types of events.
const (
	// EventRun opens a journal: it carries the whole run.
	EventRun EventType = "run"
	// EventState: the run enters State.
	EventState EventType = "state"
	// EventApp: something happened to one app.
	EventApp EventType = "app"
	// EventCandidate: a container passed its check and is held.
	EventCandidate EventType = "candidate"
	// EventHook: a hook or a release task began or ended.
	EventHook EventType = "hook"
	// EventQuiesce: the old instances are being kept off the data, or not any more.
	EventQuiesce EventType = "quiesce"
	// EventFailure: the reason why the run turns back.
	EventFailure EventType = "failure"
	// EventNotice: a line for people, such as a clean-up that has to be tried again.
	EventNotice EventType = "notice"
	// EventOutcome ends a run.
	EventOutcome EventType = "outcome"
)

// Event is one thing that happened in a run: a record of the journal and a line on the screen alike.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Type    EventType `json:"type"`
	Group   string    `json:"group,omitempty"`
	Run     string    `json:"run,omitempty"`
	// State is the run's state, or that of the app or hook that the event is about.
	State   string `json:"state,omitempty"`
	Role    string `json:"role,omitempty"`
	App     string `json:"app,omitempty"`
	Hook    string `json:"hook,omitempty"`
	Message string `json:"message,omitempty"`
	// Log is the file with the details.
	Log string `json:"log,omitempty"`
	// Code is the exit code, in an outcome.
	Code int `json:"code,omitempty"`
	// Took is how long a hook took, by a clock that nobody can set.
	Took time.Duration `json:"took,omitempty"`
	// Visits tells of those who waited, when they go on.
	Visits *Visits `json:"visits,omitempty"`
	// Candidate and Plan are set in events of their types.
	Candidate *Candidate `json:"candidate,omitempty"`
	Plan      *Run       `json:"plan,omitempty"`
}

// EventVersion is the version of the journal's records.
const EventVersion = 1

// The states of apps and hooks in events.
const (
	AppSkipped  = "skipped"
	AppStaged   = "staged"
	AppStarting = "starting"
	AppHeld     = "held"
	AppReleased = "released"
	AppFinished = "finished"
	AppFailed   = "failed"

	// QuiesceWaiting: requests wait. QuiescePaused: no old instance runs. QuiescePassed: who waited is answered.
	QuiesceWaiting = "waiting"
	QuiescePaused  = "paused"
	QuiescePassed  = "passed"

	HookStarted   = "started"
	HookSucceeded = "succeeded"
	HookFailed    = "failed"
	HookRetried   = "retried" // a try has failed, and the next one follows
	HookKept      = "kept"    // nobody knows how it ended, and a person wants it to stay
	HookSkipped   = "skipped" // its condition is not met
	// HookDeferred: a finally hook that a later command runs, as nobody asked for this recovery.
	HookDeferred = "deferred"
)

// Emit records an event: it is synced to the journal before Emit returns, then shown.
type Emit func(Event)
