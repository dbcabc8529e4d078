package daemon

import (
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// Sweep takes away the daemons in the folders of a pattern whose owners were killed, with their bridges and folders. One
// that does not tell whose it is stays.
func Sweep(pattern string) {
	dirs, _ := filepath.Glob(pattern)
	for _, dir := range dirs {
		d := &Daemon{dir: dir, bridge: bridge{read(filepath.Join(dir, "bridge"))}}
		var owner int
		if _, err := fmt.Sscan(read(d.Path("owner")), &owner); err != nil || owner <= 1 || !proc.IsGone(owner) {
			continue
		}
		fmt.Println("       What a killed test left goes,", dir)
		for _, words := range []string{"--config-file " + d.Path("daemon.json") + " ", "--config " + d.Path("containerd.toml") + " "} {
			for _, pid := range proc.With(words) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		d.Remove()
	}
}
