package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The victims: who is killed while the coordinator is stopped at a moment.
const (
	coordinator = "the coordinator"
	trigger     = "a held trigger"
	both        = "the coordinator and a held trigger"
	everything  = "the coordinator and all processes of the run"
	nginx       = "nginx"
	nginxToo    = "the coordinator and nginx"
	power       = "the power"
	dockerd     = "the Docker daemon"
)

// victims is a deck: the coordinator is the likeliest.
func victims() []string {
	all := []string{coordinator, coordinator, coordinator, trigger, both, everything, everything, nginx, nginxToo, power}
	if os.Getenv("CRASH_DOCKERD") == "1" {
		all = append(all, dockerd)
	}
	return all
}

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
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		environ, err := os.ReadFile(filepath.Join(path, "environ"))
		if err != nil || !strings.Contains(string(environ), "DOKKU_ROOT="+b.dir+"/") && !strings.Contains(string(environ), "GRADUATE_GROUP="+b.group) {
			continue
		}
		p := process{environ: strings.Split(string(environ), "\x00")}
		p.pid, _ = strconv.Atoi(filepath.Base(path))
		cmdline, _ := os.ReadFile(filepath.Join(path, "cmdline"))
		p.exe, _ = os.Readlink(filepath.Join(path, "exe"))
		p.words = strings.ReplaceAll(string(cmdline), "\x00", " ")
		first, _, _ := strings.Cut(string(cmdline), "\x00")
		p.name = filepath.Base(first)
		if p.pid != os.Getpid() && p.words != "" {
			found = append(found, p)
		}
	}
	return found
}

// isPlugin tells whether a process is the plugin's own program.
func (b *box) isPlugin(p process) bool { return strings.HasPrefix(p.exe, filepath.Join(b.dir, "lib")) }

// has tells whether a process works for a run.
func (p process) has(run string) bool {
	return run != "" && (slices.Contains(p.environ, "GRADUATE_RUN="+run) || slices.Contains(p.environ, "GRADUATE_ID="+run))
}

// strike kills a victim while the process at hit is stopped, and tells what it was in the end.
func (b *box) strike(victim string, m moment, hit int, run string) (string, error) {
	var held, boss int
	for _, p := range b.processes() {
		switch {
		case !b.isPlugin(p):
		case strings.Contains(p.words, "graduate:run"):
			boss = p.pid
		case p.name == "check-deploy" && p.has(run):
			held = p.pid
		}
	}
	if strings.HasPrefix(m.name, "held/") {
		held = hit
	}
	switch {
	case m.killsItself() && (victim == trigger || victim == nginx), held == 0 && (victim == trigger || victim == both):
		victim = coordinator
	}
	kill := func(pids ...int) {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	var err error
	switch victim {
	case coordinator:
		kill(boss)
	case trigger:
		kill(held)
	case both:
		kill(boss, held)
	case everything:
		b.killAll(func(p process) bool { return p.pid == boss || p.has(run) })
	case nginx:
		err = b.restartNginx()
	case nginxToo:
		kill(boss)
		err = b.restartNginx()
	case power:
		err = b.cutPower()
	case dockerd:
		kill(boss)
		err = restartDocker()
	}
	_ = syscall.Kill(hit, syscall.SIGCONT)
	return victim, err
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

// killNginx kills the master and its workers: nothing is left of it, as after systemd has cleaned up its group.
func (b *box) killNginx() {
	pid := strings.TrimSpace(readFile(filepath.Join(b.dir, "run", "nginx.pid")))
	children := strings.Fields(readFile("/proc/" + pid + "/task/" + pid + "/children"))
	for _, word := range append([]string{pid}, children...) {
		if n, err := strconv.Atoi(word); err == nil && n > 1 {
			_ = syscall.Kill(n, syscall.SIGKILL)
			for syscall.Kill(n, 0) == nil && !isZombie(n) {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	_ = os.Remove(filepath.Join(b.dir, "run", "nginx.pid")) // it would name a dead process
}

func isZombie(pid int) bool {
	_, rest, _ := strings.Cut(readFile(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	return rest == "" || strings.HasPrefix(rest, "Z")
}

// isStopped tells whether a process is stopped by a signal.
func isStopped(pid int) bool {
	_, rest, _ := strings.Cut(readFile(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	return strings.HasPrefix(rest, "T")
}

// restartNginx kills nginx and starts it again, as systemd does.
func (b *box) restartNginx() error {
	b.killNginx()
	return b.startNginx()
}

func (b *box) startNginx() error {
	if out, err := exec.Command(filepath.Join(b.work, "graduate-sandbox"), "start", b.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("nginx does not start: %w: %s", err, out)
	}
	return nil
}

// cutPower ends all processes of the box and all of the targets' containers at once.
func (b *box) cutPower() error {
	b.killAll(func(process) bool { return true })
	b.killNginx()
	var words []string
	for _, app := range b.prod {
		out, err := exec.Command("docker", "container", "ls", "--quiet", "--filter", "label=com.dokku.app-name="+app).Output()
		if err != nil {
			return err
		}
		words = append(words, strings.Fields(string(out))...)
	}
	if len(words) > 0 {
		_ = exec.Command("docker", append([]string{"container", "kill"}, words...)...).Run() // one may have ended by itself
	}
	return nil
}

// restartDocker kills the Docker daemon and starts it as it was started.
func restartDocker() error {
	out, err := exec.Command("pidof", "dockerd").Output()
	pid, bad := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || bad != nil {
		return fmt.Errorf("there is not one dockerd: %q", out)
	}
	words := strings.Split(strings.TrimRight(readFile(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00"), "\x00")
	_ = syscall.Kill(pid, syscall.SIGKILL)
	for syscall.Kill(pid, 0) == nil && !isZombie(pid) {
		time.Sleep(10 * time.Millisecond)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if exec.Command("docker", "version").Run() != nil { // nobody else has started it again
		if err := cmd.Start(); err != nil {
			return err
		}
	}
	for range 600 {
		if exec.Command("docker", "version").Run() == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("dockerd does not come up again")
}

func readFile(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}
