package graduate

import (
	"cmp"
	"time"
)

// Quiesce says how the old instances are kept off the data while a run's post hooks run. A zero field means the default.
type Quiesce struct {
	// During is the phase for whose time they are: QuiescePost.
	During string `json:"during"`
	// MaxWait is how long a request may wait, Drain how long requests that are being answered may take to their end.
	MaxWait time.Duration `json:"max_wait,omitempty"`
	Drain   time.Duration `json:"drain,omitempty"`
	// Workers says what becomes of the old processes that are not web: WorkersPause, WorkersStop or WorkersLeave.
	Workers string `json:"workers,omitempty"`
	// MaxWaiting bounds how many requests wait at once.
	MaxWaiting int `json:"max_waiting,omitempty"`
	// Page is a file of the hooks folder, the answer to requests that cannot wait any longer; empty for a small one.
	Page string `json:"maintenance_page,omitempty"`
	// Optional tells that a graduation goes on without where it is not possible; else it is refused.
	Optional bool `json:"optional,omitempty"`
}

// QuiescePost is the only phase during which old instances can be kept off the data.
const QuiescePost = "post"

// What becomes of the old workers.
const (
	WorkersPause = "pause"
	WorkersStop  = "stop"
	WorkersLeave = "leave"
)

// What a quiesce is where nobody said otherwise.
const (
	DefaultMaxWait    = 30 * time.Second
	DefaultDrain      = 10 * time.Second
	DefaultMaxWaiting = 2000
)

// Wait is MaxWait with the default filled in.
func (q Quiesce) Wait() time.Duration { return cmp.Or(q.MaxWait, DefaultMaxWait) }

// Draining is Drain with the default filled in.
func (q Quiesce) Draining() time.Duration { return cmp.Or(q.Drain, DefaultDrain) }

// Room is MaxWaiting with the default filled in.
func (q Quiesce) Room() int { return cmp.Or(q.MaxWaiting, DefaultMaxWaiting) }

// OldWorkers is Workers with the default filled in.
func (q Quiesce) OldWorkers() string { return cmp.Or(q.Workers, WorkersPause) }

// Door is the way from the proxy into the waiting room, for the requests of one upstream of an app.
type Door struct {
	App string `json:"app"`
	// Socket is where the proxy connects to.
	Socket string `json:"socket"`
	// Old and New are the addresses (host:port) of the old and of the new instances.
	Old []string `json:"old"`
	New []string `json:"new"`
}

// Side is which instances answer.
type Side string

// The sides.
const (
	OldSide Side = "old"
	NewSide Side = "new"
)

// Visits is what a waiting room tells when those who waited go on.
type Visits struct {
	// Waited is how many requests have waited, Longest how long at most; TurnedAway how many of them were not answered.
	Waited     int           `json:"waited"`
	TurnedAway int           `json:"turned_away"`
	Longest    time.Duration `json:"longest"`
	// Memory is the most that the room's process had, in bytes.
	Memory int64 `json:"memory"`
}

// Quiesced tells whether the run keeps the old instances off the data.
func (r *Run) Quiesced() bool { return r.Settings.Quiesce != nil }

// Next is the state that follows in this run: one without a quiesce passes over that state.
func (r *Run) Next(from State, on Outcome) (to State, ok bool) {
	if to, ok = Next(from, on); to == Quiescing && !r.Quiesced() {
		return Next(to, Succeeded)
	}
	return to, ok
}
