package dokku

import "sync/atomic"

var calls atomic.Int64

// nextCall numbers the trigger calls of this process.
func nextCall() int64 { return calls.Add(1) }
