package dokku

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// killProcesses ends everything that works for the run, and returns when it has ended. A process group would not
// do: GNU parallel, through which Dokku starts containers, gives each job a group of its own, and a job that
// outlives the rest would start its container after all have been removed. They are known by their environment.
// All are frozen before the first is killed: a shell that outlives its child would run its trap, in which Dokku
// queues the container for retirement.
func killProcesses(ctx context.Context, r *graduate.Run) error {
	return endWhere(ctx, func(pid int) bool { return hasVariables(pid, EnvRun+"="+r.ID) || hasVariables(pid, EnvID+"="+r.ID) })
}

// EndProcesses ends everything that has all of some variables in its environment, in whatever process group it is, and
// returns when it has ended.
func EndProcesses(ctx context.Context, variables ...string) error {
	ctx, cancel := context.WithTimeout(ctx, spareTime)
	defer cancel()
	return endWhere(ctx, func(pid int) bool { return hasVariables(pid, variables...) })
}

// endWhere freezes all processes of a certain kind, kills them, and returns when they have ended.
func endWhere(ctx context.Context, is func(pid int) bool) error {
	f := frozen{}
	f.freezeAll(func() map[int]string { return startedWhere(is) })
	return f.kill(ctx)
}

// processesWith lists the processes that have one of some variables in their environment. Those of root, such as
// Dokku's health checker, cannot be read; they end by themselves, with the container that they ask.
func processesWith(variables ...string) []int {
	return processesWhere(func(pid int) bool {
		return slices.ContainsFunc(variables, func(v string) bool { return hasVariables(pid, v) })
	})
}

// processesWhere lists the processes of a certain kind, but not this one.
func processesWhere(is func(pid int) bool) []int {
	var found []int
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil && pid != os.Getpid() && is(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// hasVariables tells whether a process has all of some variables in its environment.
func hasVariables(pid int, variables ...string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	words := bytes.Split(environ, []byte{0})
	return !slices.ContainsFunc(variables, func(v string) bool {
		return !slices.ContainsFunc(words, func(word []byte) bool { return string(word) == v })
	})
}

// startTime is when a process started, in the kernel's clock ticks since boot: with it a reused PID is told apart.
func startTime(pid int) (string, error) {
	fields, err := stat(pid)
	if err != nil {
		return "", err
	}
	return fields[19], nil // field 22 of proc(5)
}

// stat is /proc/PID/stat from its third field on.
func stat(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The command's name stands in brackets, and may have some itself.
	fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	return fields, nil
}

// awaitProcess waits for the end of a process that is no child of ours, by its pidfd.
func awaitProcess(ctx context.Context, pid int, started string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, err := startTime(pid); err != nil || now != started {
		return nil // the PID belongs to another process by now
	}
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}

// mayBeKilled is what a process has in its environment that is no use without its coordinator: host hooks have it
// (internal/hook), and what only waits.
const mayBeKilled = "GRADUATE_HOOK="

// hasVariable tells whether a process has a variable that begins so in its environment.
func hasVariable(pid int, prefix string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(v []byte) bool { return bytes.HasPrefix(v, []byte(prefix)) })
}
