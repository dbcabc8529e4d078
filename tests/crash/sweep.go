package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dokku-graduate/dokku-graduate/tests/daemon"
	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// own notes in a crash test's folder whose it is.
func own(work string) error {
	return os.WriteFile(filepath.Join(work, "pid"), fmt.Append(nil, os.Getpid()), 0o600)
}

// sweep takes away what crash tests left that were killed themselves: Docker daemons with their bridges, and folders.
// One that does not tell whose it is stays.
func sweep() {
	works, _ := filepath.Glob(filepath.Join(os.TempDir(), "graduate-crash.*"))
	for _, work := range works {
		var pid int
		if _, err := fmt.Sscan(readFile(filepath.Join(work, "pid")), &pid); err != nil || pid <= 1 || !proc.IsGone(pid) {
			continue
		}
		fmt.Println("       A crash test was killed: what it left goes,", work)
		daemon.Sweep(filepath.Join(work, "*.docker"))
		_ = os.RemoveAll(work)
	}
}
