// Package hold is the barrier at which candidates wait for their peers: a server in the coordinator, a client
// in the check-deploy trigger of each held deploy, JSON lines over a unix socket. Nothing polls.
package hold

import "github.com/dokku-graduate/dokku-graduate/internal/graduate"

// protocolVersion changes when either side would misread the other.
const protocolVersion = 2

// arrival is what a deploy says when its container has passed the platform's check.
type arrival struct {
	Version int    `json:"version"`
	Run     string `json:"run"`
	// Abort is set in the request of a person to turn the run back: it is their name, and no candidate comes with it.
	Abort string `json:"abort,omitempty"`
	graduate.Candidate
}

// Action is what a held deploy is told to do.
type Action string

// The actions. Gone is not sent: it is what the client finds when the connection ends without a word.
const (
	GoOn     Action = "go-on"
	TurnBack Action = "turn-back"
	Gone     Action = "gone"
)

// verdict is the coordinator's only answer.
type verdict struct {
	Version int    `json:"version"`
	Action  Action `json:"action"`
	Reason  string `json:"reason,omitempty"`
}

// passed is the last word of a deploy that was told to go on, when nothing can keep it from that any more. One whose
// connection ends without it was killed on the way.
type passed struct {
	Passed bool `json:"passed"`
}
