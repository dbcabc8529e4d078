// Package proc reads what the kernel tells of the machine's processes, for the tests.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// All lists the PIDs of all processes.
func All() []int {
	entries, _ := os.ReadDir("/proc")
	var found []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// With lists the processes with words in their command line.
func With(words string) []int {
	return slices.DeleteFunc(All(), func(pid int) bool { return !strings.Contains(CommandLine(pid), words) })
}

// CommandLine is a process's command line with a space after each word; empty for one that is gone.
func CommandLine(pid int) string {
	return string(bytes.ReplaceAll([]byte(read(pid, "cmdline")), []byte{0}, []byte(" ")))
}

// Environ lists a process's environment as NAME=value.
func Environ(pid int) []string { return strings.Split(read(pid, "environ"), "\x00") }

// InContainer tells whether a process is one of a container's: its number may be another's by now.
func InContainer(pid int, container string) bool {
	return strings.Contains(read(pid, "cgroup"), container)
}

// IsGone tells whether a process has ended, also where nobody has waited for it.
func IsGone(pid int) bool { return state(pid) == "Z" }

// IsStopped tells whether a process is stopped by a signal.
func IsStopped(pid int) bool { return state(pid) == "T" }

// state is a process's state in one letter; Z for one that is gone.
func state(pid int) string {
	_, rest, _ := strings.Cut(read(pid, "stat"), ") ")
	if rest == "" {
		return "Z"
	}
	return rest[:1]
}

func read(pid int, name string) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	return string(data)
}
