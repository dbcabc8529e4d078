package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	for _, pid := range allPids() {
		environ := readFile(fmt.Sprintf("/proc/%d/environ", pid))
		if !strings.Contains(environ, "DOKKU_ROOT="+b.dir+"/") && !strings.Contains(environ, "GRADUATE_GROUP="+b.group) {
			continue
		}
		p := process{pid: pid, words: commandLine(pid), environ: strings.Split(environ, "\x00")}
		p.exe, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		first, _, _ := strings.Cut(p.words, " ")
		p.name = filepath.Base(first)
		if p.pid != os.Getpid() && p.words != "" {
			found = append(found, p)
		}
	}
	return found
}

// isPlugin tells whether a process is the plugin's own program.
func (b *box) isPlugin(p process) bool { return strings.HasPrefix(p.exe, filepath.Join(b.dir, "lib")) }

// isNginx tells whether a process is nginx, which is there all the time.
func (p process) isNginx() bool { return strings.HasPrefix(p.name, "nginx") }

// isNginx tells whether a PID is one of nginx's.
func isNginx(pid int) bool {
	first, _, _ := strings.Cut(commandLine(pid), " ")
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

func allPids() []int {
	var found []int
	for _, name := range names("/proc") {
		if pid, err := strconv.Atoi(name); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// pidsOf lists the processes with words in their command line.
func pidsOf(words string) []int {
	return slices.DeleteFunc(allPids(), func(pid int) bool { return !strings.Contains(commandLine(pid), words) })
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.ReplaceAll(data, []byte{0}, []byte(" ")))
}

// inContainer tells whether a process is one of a container's: its number may be another's by now.
func inContainer(pid int, container string) bool {
	return strings.Contains(readFile(fmt.Sprintf("/proc/%d/cgroup", pid)), container)
}

// state is a process's state in one letter; Z for one that is gone.
func state(pid int) string {
	_, rest, _ := strings.Cut(readFile(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	if rest == "" {
		return "Z"
	}
	return rest[:1]
}

func isZombie(pid int) bool { return state(pid) == "Z" }

// isStopped tells whether a process is stopped by a signal.
func isStopped(pid int) bool { return state(pid) == "T" }
