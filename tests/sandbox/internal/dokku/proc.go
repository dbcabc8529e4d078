package dokku

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Hook is a core trigger or subcommand.
type Hook func(p *Proc, args []string) error

// Proc is what a running program has.
type Proc struct {
	Layout Layout
	Env    map[string]string
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	depth  int
	core   *core
}

// core is what all Procs of one operating system process share.
type core struct {
	plugins map[string]plugin
	mu      sync.Mutex
	files   map[string]map[string][]byte // by image: the files that its app brings along
}

// NewProc returns a Proc with the streams and the environment of this process,
// the latter completed as Dokku's own start script does.
func NewProc(layout Layout) *Proc {
	p := &Proc{
		Layout: layout,
		Env:    map[string]string{},
		In:     os.Stdin,
		Out:    os.Stdout,
		Err:    os.Stderr,
		core:   &core{plugins: corePlugins(), files: map[string]map[string][]byte{}},
	}
	for _, pair := range os.Environ() {
		key, value, _ := strings.Cut(pair, "=")
		p.Env[key] = value
	}
	layout.setEnv(p.Env)
	_, _ = fmt.Sscan(p.Env[depthVariable], &p.depth)
	return p
}

// clone is a child that shares streams and has an environment of its own.
func (p *Proc) clone() *Proc {
	child := *p
	child.Env = maps.Clone(p.Env)
	return &child
}

// with is a clone with more environment, given as KEY=value.
func (p *Proc) with(pairs ...string) *Proc {
	child := p.clone()
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		child.Env[key] = value
	}
	return child
}

// quiet is a clone that prints nothing on standard output.
func (p *Proc) quiet() *Proc {
	child := p.with("DOKKU_QUIET_OUTPUT=1")
	child.Out = io.Discard
	return child
}

// environ is the environment in the form that os/exec wants.
func (p *Proc) environ() []string {
	pairs := make([]string, 0, len(p.Env))
	for key, value := range p.Env {
		pairs = append(pairs, key+"="+value)
	}
	return pairs
}

// command prepares a program with the Proc's streams and environment. Without
// standard input of its own it reads from /dev/null.
func (p *Proc) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = p.environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.In, p.Out, p.Err
	return cmd
}

// run runs a program to its end.
func (p *Proc) run(name string, args ...string) error {
	return exitFrom(p.command(name, args...).Run())
}

// capture runs a program and returns what it printed, without the last newline.
// On failure the error holds what it said on standard error.
func (p *Proc) capture(name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := p.command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

// docker runs the docker client and returns its output.
func (p *Proc) docker(args ...string) (string, error) {
	return p.capture(p.Env["DOCKER_BIN"], args...)
}

// Exit is an error with an exit code. Its message, if any, is printed by whoever
// made it, so that it is printed once and by the plugin it belongs to.
type Exit struct{ Code int }

// Error names the code.
func (e Exit) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// ExitCode is the code that a process ending with err exits with.
func ExitCode(err error) int {
	var exit Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	default:
		return 1
	}
}

// exitFrom turns the error of a program that ran into its exit code, counting a
// signal as a shell does.
func exitFrom(err error) error {
	var exited *exec.ExitError
	if !errors.As(err, &exited) {
		return err
	}
	if code := exited.ExitCode(); code >= 0 {
		return Exit{code}
	}
	return Exit{signalExit(exited)}
}
