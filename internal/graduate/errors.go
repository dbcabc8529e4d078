package graduate

import (
	"errors"
	"fmt"
)

// Code is the class of an error; it decides the exit code and nothing else.
type Code string

// The classes of errors.
const (
	// Invalid: the input is wrong (a name, a flag, YAML).
	Invalid Code = "invalid"
	// NotFound: a group, an app, a hook or a graduation does not exist.
	NotFound Code = "not-found"
	// Conflict: it exists already, is locked, or belongs to someone else.
	Conflict Code = "conflict"
	// Refused: a graduation cannot go well and was not begun.
	Refused Code = "refused"
	// Aborted: a graduation failed before the release point and everything was restored.
	Aborted Code = "aborted"
	// RolledBack: it failed after the release point and the previous set is live again.
	RolledBack Code = "rolled-back"
	// NeedsPerson: the state is stable and stated, but a person has to decide.
	NeedsPerson Code = "needs-person"
	// Internal: a fault of the machine or of this program.
	Internal Code = "internal"
)

// Error is one line for a person, with a class for programs.
type Error struct {
	Code Code
	// Message says what happened, to which app, and what to do next.
	Message string
	cause   error
}

// Error returns the one line.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what the message was made of, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.cause }

// Errorf makes an Error; %w works as in fmt.Errorf.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: err}
}

// CodeOf is the class of an error: that of the outermost Error in its chain, Internal for others.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// ExitCode is the exit code of a command that ended with this error (DESIGN.md section 4).
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	switch CodeOf(err) {
	case Aborted:
		return 2
	case RolledBack:
		return 3
	case NeedsPerson:
		return 4
	default:
		return 1
	}
}

// UnsettledError says that nobody knows how a migration, or its reversal, ended: a person has to look, and decide. Until
// then nothing is removed that either way needs.
type UnsettledError struct{ Group, Hook string }

// Error says what to look at, and the commands that go on.
func (e *UnsettledError) Error() string {
	return fmt.Sprintf("nobody knows how %s ended, as its coordinator was lost while it ran: look at the data, then either dokku graduate:recover %s --migration undo (it is taken back) or --migration keep (what it did stays)",
		e.Hook, e.Group)
}

// StepError says which part of a run failed, and where its log is.
type StepError struct {
	// Role and App, or Hook, name the part.
	Role string
	App  string
	Hook string
	// Log is the path of the file with the details.
	Log string
	Err error
}

// Error is one line: the app or hook, and what happened.
func (e *StepError) Error() string {
	if e.Hook != "" {
		return fmt.Sprintf("hook %s: %v", e.Hook, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.App, e.Err)
}

// Unwrap returns what happened.
func (e *StepError) Unwrap() error { return e.Err }
