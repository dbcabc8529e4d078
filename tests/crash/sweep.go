package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
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
		if _, err := fmt.Sscan(readFile(filepath.Join(work, "pid")), &pid); err != nil || pid <= 1 || !isZombie(pid) {
			continue
		}
		fmt.Println("       A crash test was killed: what it left goes,", work)
		dirs, _ := filepath.Glob(filepath.Join(work, "*.docker"))
		for _, dir := range dirs {
			d := &daemon{dir: dir, bridge: bridge{readFile(filepath.Join(dir, "bridge"))}}
			for _, words := range []string{"--config-file " + d.path("daemon.json") + " ", "--config " + d.path("containerd.toml") + " "} {
				for _, pid := range pidsOf(words) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			d.remove()
		}
		_ = os.RemoveAll(work)
	}
}
