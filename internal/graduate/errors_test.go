package graduate

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code Code
		exit int
	}{
		{"invalid", Errorf(Invalid, "x"), Invalid, 1},
		{"not found", Errorf(NotFound, "x"), NotFound, 1},
		{"conflict", Errorf(Conflict, "x"), Conflict, 1},
		{"refused", Errorf(Refused, "x"), Refused, 1},
		{"aborted", Errorf(Aborted, "x"), Aborted, 2},
		{"rolled back", Errorf(RolledBack, "x"), RolledBack, 3},
		{"needs a person", Errorf(NeedsPerson, "x"), NeedsPerson, 4},
		{"internal", Errorf(Internal, "x"), Internal, 1},
		{"an error of somebody else's", fs.ErrNotExist, Internal, 1},
		{"wrapped", fmt.Errorf("more: %w", Errorf(NeedsPerson, "x")), NeedsPerson, 4},
		{"joined", errors.Join(errors.New("other"), Errorf(Aborted, "x")), Aborted, 2},
		{"the outermost counts", Errorf(Aborted, "more: %w", Errorf(Conflict, "x")), Aborted, 2},
		{"in a step", &StepError{App: "portal", Err: Errorf(Conflict, "x")}, Conflict, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.code, CodeOf(c.err))
			require.Equal(t, c.exit, ExitCode(c.err))
		})
	}
	require.Zero(t, ExitCode(nil))
}

func TestErrorfKeepsTheCause(t *testing.T) {
	err := Errorf(Aborted, "portal: %w; see %s", fs.ErrPermission, "log")
	require.EqualError(t, err, "portal: permission denied; see log")
	require.ErrorIs(t, err, fs.ErrPermission)
	two := Errorf(Aborted, "%w, %w", fs.ErrPermission, fs.ErrExist)
	require.ErrorIs(t, two, fs.ErrPermission)
	require.ErrorIs(t, two, fs.ErrExist)
	none := Errorf(Invalid, "100%%")
	require.EqualError(t, none, "100%")
	require.EqualError(t, errors.Unwrap(none), "100%", "what was formatted, which wraps nothing")
}

func TestStepErrorNamesTheHookOrTheApp(t *testing.T) {
	cause := errors.New("it ended with exit code 7")
	hook := &StepError{Hook: "post/migrate", Log: "/log", Err: cause}
	require.EqualError(t, hook, "hook post/migrate: it ended with exit code 7")
	app := &StepError{Role: "portal", App: "portal-prod", Err: cause}
	require.EqualError(t, app, "portal-prod: it ended with exit code 7")

	var step *StepError
	require.ErrorAs(t, fmt.Errorf("more: %w", hook), &step)
	require.Equal(t, "/log", step.Log)
	require.ErrorIs(t, hook, cause)
}
