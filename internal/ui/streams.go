// Package ui is what people and programs read: the streams of a command in Dokku's own manner, and
// the renderers of a graduation's events. It prints what it is given and decides nothing.
package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/term"
)

// Streams are the three streams of one command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Quiet drops headings and chatter (`dokku --quiet`); values stay.
	Quiet bool
	// TTY tells whether Out is a terminal.
	TTY bool
}

// System is the streams of this process.
func System() Streams {
	return Streams{
		In:    os.Stdin,
		Out:   os.Stdout,
		Err:   os.Stderr,
		Quiet: os.Getenv("DOKKU_QUIET_OUTPUT") != "",
		TTY:   term.IsTerminal(int(os.Stdout.Fd())),
	}
}

// Title prints a heading: "=====> …". Dropped when quiet.
func (s Streams) Title(format string, args ...any) {
	if !s.Quiet {
		s.line(s.Out, "=====> ", format, args...)
	}
}

// Step prints a step: "-----> …". Dropped when quiet.
func (s Streams) Step(format string, args ...any) {
	if !s.Quiet {
		s.line(s.Out, "-----> ", format, args...)
	}
}

// Detail prints an indented line below a heading or a step; it is a value, so it stays when quiet.
func (s Streams) Detail(format string, args ...any) { s.line(s.Out, "       ", format, args...) }

// Print prints a line without a prefix: what a program may read.
func (s Streams) Print(format string, args ...any) { s.line(s.Out, "", format, args...) }

// Warn prints " !     …" on the error stream.
func (s Streams) Warn(format string, args ...any) { s.line(s.Err, " !     ", format, args...) }

// Fail prints an error as one line on the error stream; several errors in one are one line each.
func (s Streams) Fail(err error) {
	if err == nil {
		return
	}
	var several *multierror.Error
	if errors.As(err, &several) {
		for _, each := range several.Errors {
			s.Fail(each)
		}
		return
	}
	s.Warn("%s", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " "))
}

// line writes one line; a stream that is gone (a lost SSH client) must not stop the work, so its error is dropped.
func (s Streams) line(to io.Writer, prefix, format string, args ...any) {
	_, _ = fmt.Fprintf(to, prefix+format+"\n", args...)
}
