package graduate

import (
	"cmp"
	"path/filepath"
	"time"
)

// Record is the short story of a run, in the manner of the records of Dokku's builds: one flat JSON object beside the
// journal, so that a list of runs need not read journals. Where the two differ the journal is right.
type Record struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Group string `json:"group"`
	From  string `json:"from"`
	To    string `json:"to"`
	User  string `json:"user"`
	// Plan is the id of the plan that was acted on, Forced what it would have refused.
	Plan   string   `json:"plan_id,omitempty"`
	Forced []string `json:"forced,omitempty"`
	// PID is the process that drives the run, or did so last.
	PID      int        `json:"pid"`
	Started  time.Time  `json:"started_at"`
	Finished *time.Time `json:"finished_at,omitempty"`
	// Seconds is how long it took, by a clock that nobody can set.
	Seconds float64 `json:"seconds,omitempty"`
	// Status is StatusRunning or an outcome; StatusAbandoned is worked out when it is read.
	Status string `json:"status"`
	Code   *int   `json:"exit_code,omitempty"`
	// Failure is the line that was told at the end.
	Failure string `json:"failure,omitempty"`
	// Left is what the clean-up after the release has left for the next try.
	Left string `json:"left,omitempty"`
}

// What a record may say beside the outcomes.
const (
	StatusRunning = "running"
	// StatusAbandoned is never stored: nobody was there to do it.
	StatusAbandoned = "abandoned"
)

// KindGraduate is the kind of a run that takes a group from one environment to another.
const KindGraduate = "graduate"

// RecordOf is the record that the events of a journal make; one without an outcome is abandoned unless it is alive.
func RecordOf(h History, alive bool) Record {
	r := h.Run
	out := Record{
		ID: r.ID, Kind: cmp.Or(r.Kind, KindGraduate), Group: r.Group, From: r.From, To: r.To, User: r.User,
		Started: r.Started, Status: StatusAbandoned, Left: h.Left, Plan: r.PlanID, Forced: r.Forced,
	}
	if alive {
		out.Status = StatusRunning
	}
	if e := h.Outcome; e != nil {
		out.End(*e)
	}
	return out
}

// End fills in how the run ended.
func (r *Record) End(e Event) {
	finished, code := e.Time, e.Code
	r.Status, r.Failure, r.Finished, r.Code = e.State, e.Message, &finished, &code
	r.Seconds = max(0, finished.Sub(r.Started).Seconds())
}

// Record is the path of the run's record.
func (r *Run) Record() string { return filepath.Join(r.Dir, "record.json") }
