package graduate

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// HTTPCheck is a hook that asks the web containers of its role, or in a live hook the app's public address.
type HTTPCheck struct {
	// Path is what is asked for, such as /health.
	Path string `json:"path"`
	// Status is the answer that is wanted; zero means 200.
	Status int `json:"status,omitempty"`
	// Contains is a text that the answer has to have.
	Contains string `json:"contains,omitempty"`
	// Within is how long to ask until the answer is as wanted, Every the time between; zero means the default.
	Within time.Duration `json:"within,omitempty"`
	Every  time.Duration `json:"every,omitempty"`
}

// What an HTTP check does where nothing is said.
const (
	DefaultHTTPStatus = http.StatusOK
	DefaultHTTPWithin = 30 * time.Second
	DefaultHTTPEvery  = time.Second
)

// checkGrace is what a check may take beyond its own bound, to come to its end by itself.
const checkGrace = 5 * time.Second

// WantedStatus is the status with the default filled in.
func (c HTTPCheck) WantedStatus() int { return cmp.Or(c.Status, DefaultHTTPStatus) }

// Deadline is Within with the default filled in.
func (c HTTPCheck) Deadline() time.Duration { return cmp.Or(c.Within, DefaultHTTPWithin) }

// Interval is Every with the default filled in.
func (c HTTPCheck) Interval() time.Duration { return cmp.Or(c.Every, DefaultHTTPEvery) }

// String says in words what is asked for and wanted.
func (c HTTPCheck) String() string {
	text := fmt.Sprintf("GET %s: %d", c.Path, c.WantedStatus())
	if c.Contains != "" {
		text += fmt.Sprintf(" with %q", c.Contains)
	}
	return text
}

// Public is how the proxy serves an app.
type Public struct {
	// URL is the app's first address, Dial the HOST:PORT at which this machine's proxy listens for it.
	URL, Dial string
	// AccessLog is the file with a line for each answer; empty where there is none.
	AccessLog string
}
