package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// process is one of the machine's processes.
type process struct {
	pid     int
	name    string // the first word of its command line, without folders
	words   string
	exe     string
	environ []string
}

// processes lists those that work in this box.
func (b *box) processes() []process {
	var found []process
	for _, pid := range proc.All() {
		environ := proc.Environ(pid)
		if !b.owns(environ) {
			continue
		}
		p := process{pid: pid, words: proc.CommandLine(pid), environ: environ}
		p.exe, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		first, _, _ := strings.Cut(p.words, " ")
		p.name = filepath.Base(first)
		if p.pid != os.Getpid() && p.words != "" {
			found = append(found, p)
		}
	}
	return found
}

// owns tells from a process's environment whether it works in this box.
func (b *box) owns(environ []string) bool {
	return slices.ContainsFunc(environ, func(word string) bool {
		return strings.HasPrefix(word, "DOKKU_ROOT="+b.dir+"/") || strings.HasPrefix(word, "GRADUATE_GROUP="+b.group)
	})
}

// isPlugin tells whether a process is the plugin's own program.
func (b *box) isPlugin(p process) bool { return strings.HasPrefix(p.exe, filepath.Join(b.dir, "lib")) }

// isNginx tells whether a process is nginx, which is there all the time.
func (p process) isNginx() bool { return strings.HasPrefix(p.name, "nginx") }

// isNginx tells whether a PID is one of nginx's.
func isNginx(pid int) bool {
	first, _, _ := strings.Cut(proc.CommandLine(pid), " ")
	return process{name: filepath.Base(first)}.isNginx()
}

// has tells whether a process works for a run.
func (p process) has(run string) bool {
	return run != "" && (slices.Contains(p.environ, "GRADUATE_RUN="+run) || slices.Contains(p.environ, "GRADUATE_ID="+run))
}

// killAll kills all processes that a test chooses at once: they are stopped first, so that none notices another's end.
func (b *box) killAll(chosen func(process) bool) {
	stopped := map[int]bool{}
	for more := true; more; {
		more = false
		for _, p := range b.processes() {
			if chosen(p) && !stopped[p.pid] {
				stopped[p.pid], more = true, true
				_ = syscall.Kill(p.pid, syscall.SIGSTOP)
			}
		}
	}
	for pid := range stopped {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
