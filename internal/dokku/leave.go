package dokku

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// leaveRunning runs a command after the release point. When the context ends it is not waited for any more, but
// goes on: it prints into files, so that it does not miss this process either.
func (c command) leaveRunning(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	stdout, err := unnamedFile()
	if err != nil {
		return "", err
	}
	stderr, err := unnamedFile()
	if err != nil {
		return "", errors.Join(err, stdout.Close())
	}
	cmd := exec.Command(c.name, c.args...)
	cmd.Env, cmd.Stdin = c.environment(), c.stdin
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.out != nil {
		cmd.Stdout, cmd.Stderr = c.out, c.out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is for the coordinator alone
	if err := cmd.Start(); err != nil {
		return "", &CommandError{c.name + " " + first(c.args), "", errors.Join(err, stdout.Close(), stderr.Close())}
	}
	if c.deployOf != nil {
		_ = c.deployOf.record(cmd.Process.Pid) // who comes after us waits for it
	}
	result := make(chan error, 1)
	go func() { result <- cmd.Wait() }()
	select {
	case err := <-result:
		return c.ended(ctx, err, contents(stdout), contents(stderr))
	case <-ctx.Done():
		go func() { <-result; _, _ = stdout.Close(), stderr.Close() }()
		return "", context.Cause(ctx)
	}
}

// unnamedFile is a file in memory, gone with its last reader and writer, whoever is killed.
func unnamedFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("graduate-out", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "graduate-out"), nil
}

// contents reads a file from its beginning and closes it.
func contents(file *os.File) string {
	defer file.Close()
	data, _ := io.ReadAll(io.NewSectionReader(file, 0, 1<<30))
	return string(data)
}
