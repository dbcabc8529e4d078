// Package hook runs the steps of the group itself: commands in a one-off container of an app's new image, and
// host scripts that the server's administrator installed.
package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Containers runs one-off containers in the manner of the platform.
type Containers interface {
	OneOff(ctx context.Context, r *graduate.Run, a *graduate.App, o graduate.OneOff, out io.Writer) error
	// StopOneOffs removes the containers that a hook has left; those of all hooks of the run where it is empty.
	StopOneOffs(ctx context.Context, r *graduate.Run, hook string) error
}

// Runner runs hooks and tasks.
type Runner struct {
	Containers Containers
	// HostHook finds the script of a host hook, or says why it may not be run.
	HostHook func(name string) (path string, err error)
	// Live gives the addresses (HOST:PORT) at which an app's live web containers listen; may be nil.
	Live func(app string) []string
	// Public tells how the proxy serves an app; may be nil.
	Public func(app string) (graduate.Public, error)
	// Lock waits for the lock of a group's migrations, and returns what lets it go; may be nil.
	Lock func(ctx context.Context, group string, waits func()) (unlock func(), err error)
	// End ends every process that has all of some variables in its environment, and returns when it has ended; may be nil.
	End func(ctx context.Context, variables ...string) error
	// Lines gets each line that a hook prints, besides its log; may be nil.
	Lines func(hook, line string)
}

var _ graduate.HookRunner = (*Runner)(nil)

// Hook runs one hook of the group and returns when it has ended, or when its time-out has.
func (n *Runner) Hook(ctx context.Context, r *graduate.Run, h graduate.Hook, s graduate.Situation) error {
	told := tell(r, h, s, n.Live)
	return n.bounded(ctx, r, h.FullName(), h, func(ctx context.Context, out io.Writer) error {
		if err := told.write(r.HookContext(h.FullName())); err != nil {
			return err
		}
		if h.Migrates() && n.Lock != nil {
			unlock, err := n.Lock(ctx, r.Group, func() { _, _ = fmt.Fprintf(out, "waiting for another migration of %s\n", r.Group) })
			if err != nil {
				return err
			}
			defer unlock()
		}
		switch {
		case h.HTTP != nil:
			return n.check(ctx, r, h, s, out)
		case h.Metric != nil:
			return n.watch(ctx, r, h, out)
		}
		if h.Host != "" {
			return n.host(ctx, r, h, told.environment(r.HookContext(h.FullName())), out)
		}
		a := r.AppOf(h.Role)
		if a == nil {
			return fmt.Errorf("there is no role %s in this graduation", h.Role)
		}
		o := graduate.OneOff{Hook: h.FullName(), Tag: imageTag(r, a, h), Variables: told.environment(graduate.HookContextInside), Command: h.Command, Process: h.Process}
		return n.Containers.OneOff(ctx, r, a, o, out)
	})
}

// imageTag is the tag of the image in which a hook runs: that of the version which the run leaves in the app.
func imageTag(r *graduate.Run, a *graduate.App, h graduate.Hook) string {
	switch {
	case h.Kind == graduate.HookRollback: // the old version cannot know what the release has changed
		return a.UndoTag
	case a.Skip != "", h.Kind == graduate.HookFinally: // nothing is staged for it, or not any more
		return "latest"
	default:
		return r.Tag()
	}
}

// Task runs one of an app's own tasks in its new image.
func (n *Runner) Task(ctx context.Context, r *graduate.Run, a *graduate.App, t graduate.Task, s graduate.Situation) error {
	h := graduate.Hook{Kind: graduate.HookPost, Name: t.Name}
	name := a.Role + "/" + t.Name
	told := tell(r, h, s, n.Live)
	return n.bounded(ctx, r, name, h, func(ctx context.Context, out io.Writer) error {
		if err := told.write(r.HookContext(name)); err != nil {
			return err
		}
		o := graduate.OneOff{Hook: name, Tag: r.Tag(), Variables: told.environment(graduate.HookContextInside), Command: t.Command}
		return n.Containers.OneOff(ctx, r, a, o, out)
	})
}

// bounded runs f within the hook's deadline, with its log. What a cut-off hook has left is removed.
func (n *Runner) bounded(ctx context.Context, r *graduate.Run, name string, h graduate.Hook, f func(context.Context, io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(r.Log(name)), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(r.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx = graduate.CutOff(ctx)
	late := fmt.Errorf("it did not end within its time-out of %s", h.Deadline())
	bounded, cancel := context.WithTimeoutCause(ctx, h.Deadline(), late)
	defer cancel()
	var out io.Writer = log
	if n.Lines != nil {
		lines := &lineWriter{show: func(line string) { n.Lines(name, line) }}
		defer lines.flush()
		out = io.MultiWriter(log, lines)
	}
	err = f(bounded, out)
	if bounded.Err() != nil {
		err = errors.Join(context.Cause(bounded), n.Containers.StopOneOffs(context.WithoutCancel(ctx), r, name))
	}
	return describe(err)
}

// describe says how a command ended.
func describe(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Errorf("it was ended by the signal %s", status.Signal())
	}
	return fmt.Errorf("it ended with exit code %d", exit.ExitCode())
}

// host runs an administrator's script in a folder of its own, with a clean environment and no shell between.
func (n *Runner) host(ctx context.Context, r *graduate.Run, h graduate.Hook, variables []string, out io.Writer) error {
	path, err := n.HostHook(h.Host)
	if err != nil {
		return err
	}
	// Its name has the run's, so that whoever comes after a dead coordinator can remove it.
	dir, err := os.MkdirTemp("", "graduate-hook-"+r.ID+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, path)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "TMPDIR=" + dir}, variables...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a child in the background may keep the output open
	if err := cmd.Start(); err != nil {
		return err
	}
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the script itself ended well
	}
	// Children that the script has left in the background end with it: those of its process group, and those that are in
	// one of their own, such as all that `timeout` or `setsid` starts. No other hook has the same context.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if n.End == nil {
		return err
	}
	if left := n.End(context.WithoutCancel(ctx), "GRADUATE_ID="+r.ID, "GRADUATE_CONTEXT="+r.HookContext(h.FullName())); left != nil {
		_, _ = fmt.Fprintf(out, " !     not all that it has started could be ended: %v\n", left)
	}
	return err
}

// Stop removes the one-off containers that were cut off.
func (n *Runner) Stop(ctx context.Context, r *graduate.Run) error {
	return n.Containers.StopOneOffs(ctx, r, "")
}
