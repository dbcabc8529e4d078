package dokku

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Environment that the coordinator gives to what it starts; our triggers act only where it is set.
const (
	EnvRun     = "GRADUATE_RUN"     // the run's id
	EnvSocket  = "GRADUATE_SOCKET"  // the barrier
	EnvJournal = "GRADUATE_JOURNAL" // decides where the coordinator is gone
	EnvApp     = "GRADUATE_TARGET"  // the target app: triggers of other apps are not ours
	EnvProcess = "GRADUATE_PROCESS" // the process type of a held deploy
	EnvTag     = "GRADUATE_TAG"     // the image tag that deployed-app-image-tag answers
	EnvRev     = "GRADUATE_REV"     // NAME=COMMIT for the candidates' environment
	EnvID      = "GRADUATE_ID"      // the run's id again: in what the coordinator itself runs and in hooks, not in deploys
	EnvHook    = "GRADUATE_HOOK"    // the hook or task that a one-off container is made for
	EnvRender  = "GRADUATE_RENDER"  // nginx-pre-reload is to take the rendered nginx.conf away
)

// RunLabel marks every container of a run.
const RunLabel = "com.dokku.graduate.run"

// HookLabel names the hook that a one-off container is made for.
const HookLabel = "com.dokku.graduate.hook"

// command is a program to be run for one app of a run.
type command struct {
	name string
	args []string
	env  []string
	// stdin is empty where nil, as a trigger must not eat the caller's input.
	stdin io.Reader
	// out gets everything that is printed; nil keeps it for the error.
	out io.Writer
	// deployOf names the deploy that it is, one that goes on by itself when this process is gone.
	deployOf *deployName
}

// environment is what the command gets. A deploy is not known as the coordinator's own: it goes on without it.
func (c command) environment() []string {
	env := os.Environ()
	if c.deployOf != nil {
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, EnvID+"=") })
	}
	return append(env, c.env...)
}

// killGrace is how long a command may take to end after it was told to.
const killGrace = 5 * time.Second

// run runs a command and returns its standard output where out is nil.
func (c command) run(ctx context.Context) (string, error) {
	if graduate.LeavesRunning(ctx) {
		return c.leaveRunning(ctx)
	}
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Env, cmd.Stdin = c.environment(), c.stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.out != nil {
		cmd.Stdout, cmd.Stderr = c.out, c.out
	}
	// The terminal's Ctrl-C is for the coordinator alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killGrace
	return c.ended(ctx, cmd.Run(), stdout.String(), stderr.String())
}

// ended is the result of a command.
func (c command) ended(ctx context.Context, err error, stdout, stderr string) (string, error) {
	if err == nil {
		return stdout, nil
	}
	if ctx.Err() != nil && !graduate.LeavesRunning(ctx) {
		return stdout, context.Cause(ctx)
	}
	return stdout, &CommandError{c.name + " " + first(c.args), lastLine(stderr), err}
}

// CommandError is a command that failed, with the last line that it printed as an error.
type CommandError struct {
	Command string
	Line    string
	Err     error
}

// Error names the command and why it failed.
func (e *CommandError) Error() string {
	if e.Line == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, e.Line)
}

// Unwrap returns the error of the process.
func (e *CommandError) Unwrap() error { return e.Err }

// ExitCode is the exit code of a command that ran and failed; ok is false for other errors.
func ExitCode(err error) (code int, ok bool) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), true
	}
	return 0, false
}

// trigger runs `plugn trigger`, the door to Dokku's plugins (docs/development/plugin-triggers.md).
func (h *Host) trigger(ctx context.Context, env []string, out io.Writer, name string, args ...string) (string, error) {
	return command{name: "plugn", args: append([]string{"trigger", name}, args...), env: env, out: out}.run(ctx)
}

// docker runs the Docker client and returns what it printed, without the last line end.
func (h *Host) docker(ctx context.Context, args ...string) (string, error) {
	out, err := command{name: h.Docker, args: args}.run(ctx)
	return strings.TrimSpace(out), err
}

// git runs git in an app's repository.
func (h *Host) git(ctx context.Context, app string, args ...string) (string, error) {
	return h.gitIn(ctx, h.appDir(app), args...)
}

// gitIn runs git in a bare repository.
func (h *Host) gitIn(ctx context.Context, repository string, args ...string) (string, error) {
	args = append([]string{"-c", "safe.directory=*", "--git-dir=" + repository}, args...)
	out, err := command{name: "git", args: args}.run(ctx)
	return strings.TrimSpace(out), err
}

// env is what a deploy or a one-off container of the run gets on top of the coordinator's environment.
func (h *Host) env(r *graduate.Run, a *graduate.App) []string {
	env := []string{
		"DOKKU_PID=" + pid(r),
		EnvRun + "=" + r.ID,
		EnvApp + "=" + a.Target,
		EnvTag + "=" + r.Tag(),
	}
	if name := h.revisionVariable(a.Target); name != "" && a.Revision != "" {
		env = append(env, EnvRev+"="+name+"="+a.Revision)
	}
	return env
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	if len(args) > 1 && args[0] == "trigger" {
		return "trigger " + args[1]
	}
	return args[0]
}
