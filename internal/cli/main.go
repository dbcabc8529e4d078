// Package cli is the wiring of the commands: a table of verbs, and one function per verb that reads its
// words and flags, calls the packages that do the work, and prints what they say.
package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// prefix begins the name of each command in Dokku.
const prefix = "graduate:"

// Main runs one command and returns its exit code. The arguments are those after the program's name:
// "graduate:run dev prod" as Dokku calls it, "graduate" for help, or "run dev prod".
func Main(args []string, version string) int { return run(ui.System(), args, version) }

// run is Main with given streams. What a command prints on errors is one line per error.
func run(s ui.Streams, args []string, version string) int {
	err := dispatch(s, args, version)
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	if !isShown(err) {
		s.Fail(err)
	}
	return graduate.ExitCode(err)
}

// dispatch finds the verb and calls it.
func dispatch(s ui.Streams, args []string, version string) error {
	name, words := verbOf(args)
	v, known := findVerb(name)
	if !known {
		return unknownVerb(prefix+name, "")
	}
	parts, err := v.arrange(words)
	if err != nil {
		return err
	}
	if parts.help {
		printUsage(s, v)
		return nil
	}
	call := &Call{
		UI: s, Store: config.OpenStore(), Host: openHost(), Version: version,
		Args: parts.args, Command: parts.command, Fields: parts.fields,
	}
	return v.call(call, parts.flags)
}

// verbOf splits the arguments into the verb's name and its words.
func verbOf(args []string) (string, []string) {
	if len(args) == 0 {
		return "default", nil
	}
	name := strings.TrimPrefix(args[0], prefix)
	if name == "" || name == "graduate" {
		name = "default"
	}
	return name, args[1:]
}

// call parses the flags and runs the verb.
func (v Verb) call(c *Call, flags []string) error {
	app := &cli.App{
		Name: prefix + v.Name, Flags: v.Flags, HideHelp: true, HideVersion: true, Writer: c.UI.Err, ErrWriter: c.UI.Err,
		Action: func(parsed *cli.Context) error {
			c.Flags = parsed
			return v.Run(c)
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return graduate.Errorf(graduate.Invalid, "%s%s: %w", prefix, v.Name, err)
		},
		ExitErrHandler: func(*cli.Context, error) {}, // the error is printed, and the exit code made, in one place
	}
	return app.RunContext(context.Background(), append([]string{app.Name}, flags...))
}
