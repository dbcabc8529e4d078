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

// The folders of a run that name its process groups.
const (
	deploys = "deploys"
	watches = "watches"
)

// recordGroup notes a process group, so that whoever comes after a dead coordinator can wait for it or end it.
func recordGroup(r *graduate.Run, kind string, pid int) error {
	dir := filepath.Join(r.Dir, kind)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	started, err := startTime(pid)
	if err != nil {
		return nil // it has ended already
	}
	return os.WriteFile(filepath.Join(dir, strconv.Itoa(pid)), []byte(started), 0o600)
}

// killGroups ends the process groups of one kind that still live.
func killGroups(r *graduate.Run, kind string) error {
	files, _ := filepath.Glob(filepath.Join(r.Dir, kind, "*"))
	for _, file := range files {
		group, _ := strconv.Atoi(filepath.Base(file))
		want, _ := os.ReadFile(file)
		if started, err := startTime(group); err == nil && started == string(want) {
			_ = syscall.Kill(-group, syscall.SIGKILL)
		}
	}
	return os.RemoveAll(filepath.Join(r.Dir, kind))
}

// killProcesses ends everything that works for the run, and returns when it has ended. A process group would not
// do: GNU parallel, through which Dokku starts containers, gives each job a group of its own, and a job that
// outlives the rest would start its container after all have been removed. They are known by their environment.
// All are frozen before the first is killed: a shell that outlives its child would run its trap, in which Dokku
// queues the container for retirement.
func killProcesses(ctx context.Context, r *graduate.Run) error {
	frozen := map[int]bool{}
	for more := true; more; {
		more = false
		for _, pid := range processesOf(r.ID) {
			if !frozen[pid] {
				frozen[pid], more = true, true
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
		}
	}
	for pid := range frozen {
		started, err := startTime(pid)
		if err != nil {
			continue // it has ended by itself
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if err := awaitProcess(ctx, pid, started); err != nil {
			return fmt.Errorf("process %d of the graduation does not end: %w", pid, err)
		}
	}
	return nil
}

// processesOf lists the processes that have a run in their environment: its deploys, and a host hook that has outlived
// its coordinator. Those of root, such as Dokku's health
// checker, cannot be read; they end by themselves, with the container that they ask.
func processesOf(run string) []int {
	var found []int
	want := []string{EnvRun + "=" + run, "GRADUATE_ID=" + run} // what deploys and what hooks are told
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		environ, err := os.ReadFile(path)
		if err != nil || !slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(v []byte) bool { return slices.Contains(want, string(v)) }) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

// startTime is when a process started, in the kernel's clock ticks since boot: with it a reused PID is told apart.
func startTime(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The command's name stands in brackets, and may have some itself.
	fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	return fields[19], nil // field 22 of proc(5)
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
