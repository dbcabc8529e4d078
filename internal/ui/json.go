package ui

import (
	"sync"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// jsonLines prints each event as one line of JSON.
type jsonLines struct {
	mu      sync.Mutex
	streams Streams
}

// Event prints an event. Errors of a reader that has gone are no matter of the graduation's.
func (j *jsonLines) Event(e graduate.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.streams.JSON(e)
}

// Line is not printed: what hooks print is in their logs, which the events name.
func (j *jsonLines) Line(string, string) {}

// Close has nothing to end.
func (j *jsonLines) Close() {}
