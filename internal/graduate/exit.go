package graduate

import (
	"fmt"
	"strings"
	"syscall"
)

// ExitError says how a command in a container ended that did not end well.
type ExitError struct {
	Code int
	// OutOfMemory tells that the kernel ended it, or a part of it, as it used more memory than it may; Limit is that in
	// bytes, 0 where it is the machine's.
	OutOfMemory bool
	Limit       int64
	// Problem says why it could not be started at all; empty where it was.
	Problem string
}

// byASignal is what shells and Docker add to the number of the signal that ended a command.
const byASignal = 128

// Error is the one line for a person.
func (e *ExitError) Error() string {
	signal := syscall.Signal(e.Code - byASignal)
	switch {
	case e.Problem != "":
		return fmt.Sprintf("its command could not be started: %s", strings.Join(strings.Fields(e.Problem), " "))
	case e.OutOfMemory && e.Limit > 0:
		return fmt.Sprintf("it ran out of memory: its container may use %d MB (exit code %d)", e.Limit>>20, e.Code)
	case e.OutOfMemory:
		return fmt.Sprintf("it ran out of memory (exit code %d)", e.Code)
	case e.Code > byASignal && !strings.HasPrefix(signal.String(), "signal "):
		return fmt.Sprintf("it was ended by the signal %s (exit code %d)", signal, e.Code)
	default:
		return fmt.Sprintf("it ended with exit code %d", e.Code)
	}
}
