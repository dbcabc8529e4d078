package dokku

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The prefixes that Dokku puts before what it says.
const (
	prefixInfo1   = "-----> "
	prefixInfo2   = "=====> "
	prefixVerbose = "       "
	prefixWarn    = " !     "
)

func (p *Proc) say(out io.Writer, prefix, format string, args ...any) {
	_, _ = fmt.Fprintln(out, prefix+fmt.Sprintf(format, args...))
}

func (p *Proc) isQuiet() bool { return p.Env["DOKKU_QUIET_OUTPUT"] != "" }

func (p *Proc) print(text string) { _, _ = fmt.Fprintln(p.Out, text) }

func (p *Proc) info1(format string, args ...any)   { p.say(p.Out, prefixInfo1, format, args...) }
func (p *Proc) info2(format string, args ...any)   { p.say(p.Out, prefixInfo2, format, args...) }
func (p *Proc) verbose(format string, args ...any) { p.say(p.Out, prefixVerbose, format, args...) }
func (p *Proc) warn(format string, args ...any)    { p.say(p.Err, prefixWarn, format, args...) }

func (p *Proc) info1Quiet(format string, args ...any) {
	if !p.isQuiet() {
		p.info1(format, args...)
	}
}

func (p *Proc) info2Quiet(format string, args ...any) {
	if !p.isQuiet() {
		p.info2(format, args...)
	}
}

func (p *Proc) verboseQuiet(format string, args ...any) {
	if !p.isQuiet() {
		p.verbose(format, args...)
	}
}

// fail says why and returns the error that ends the program with code 1.
func (p *Proc) fail(format string, args ...any) error {
	return p.failWith(1, format, args...)
}

func (p *Proc) failWith(code int, format string, args ...any) error {
	p.warn(format, args...)
	return Exit{code}
}

// report prints an error that nobody has printed yet.
func (p *Proc) report(err error) error {
	var exit Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	text := err.Error()
	return p.fail("%s", strings.ToUpper(text[:1])+text[1:])
}
