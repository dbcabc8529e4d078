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

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// The victims: who is killed while the coordinator is stopped at a moment.
const (
	coordinator = "the coordinator"
	trigger     = "a held trigger"
	both        = "the coordinator and a held trigger"
	everything  = "the coordinator and all processes of the run"
	nginx       = "nginx"
	nginxToo    = "the coordinator and nginx"
	dockerd     = "the Docker daemon"
	dockerdToo  = "the coordinator and the Docker daemon"
	dockerdLive = "the Docker daemon, whose containers live on"
	dockerdWith = "the coordinator and the Docker daemon, whose containers live on"
	power       = "the power"
	nobody      = "nobody"
)

// victims is a deck: the coordinator is the likeliest. The Docker daemon is one only where it is the sandbox's own.
func (b *box) victims() []string {
	all := []string{coordinator, coordinator, coordinator, trigger, both, everything, everything, nginx, nginxToo, power}
	if b.daemon != nil {
		all = append(all, dockerd, dockerdToo, dockerdLive, dockerdWith)
	}
	return all
}

// isOneOf tells whether a victim is among others.
func isOneOf(victim string, others ...string) bool { return slices.Contains(others, victim) }

// endsContainers tells whether the targets' containers end with the victim: a daemon that starts ends what it finds,
// unless it has the option --live-restore.
func endsContainers(victim string) bool { return isOneOf(victim, power, dockerd, dockerdToo) }

// strike kills a victim while the process at hit is stopped, and tells what it was in the end.
func (b *box) strike(victim string, m moment, hit int, run string) (string, error) {
	boss, held := b.cast(m, hit, run)
	victim = possible(victim, m, held)
	kill := func(pids ...int) {
		for _, pid := range pids {
			if pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
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
	case dockerd, dockerdLive:
		b.daemon.Kill()
	case dockerdToo, dockerdWith:
		kill(boss)
		b.daemon.Kill()
	case power:
		err = b.cutPower()
	}
	_ = syscall.Kill(hit, syscall.SIGCONT)
	if b.daemon != nil && err == nil { // as systemd does; whoever goes on meets none for a while
		err = b.daemon.Start("--live-restore=" + strconv.FormatBool(isOneOf(victim, dockerdLive, dockerdWith)))
	}
	return victim, err
}

// cast finds the coordinator, and a held trigger where there is one.
func (b *box) cast(m moment, hit int, run string) (boss, held int) {
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
	return boss, held
}

// possible is the victim that there is: no trigger may be held, and who writes half a record is dead already.
func possible(victim string, m moment, held int) string {
	switch {
	case isOneOf(victim, trigger, both) && held == 0, m.killsItself() && isOneOf(victim, trigger, nginx):
		return coordinator
	case m.killsItself() && victim == dockerd:
		return dockerdToo
	case m.killsItself() && victim == dockerdLive:
		return dockerdWith
	}
	return victim
}

// killNginx kills the master and its workers: nothing is left of it, as after systemd has cleaned up its group.
func (b *box) killNginx() {
	pid := strings.TrimSpace(readFile(filepath.Join(b.dir, "run", "nginx.pid")))
	children := strings.Fields(readFile("/proc/" + pid + "/task/" + pid + "/children"))
	for _, word := range append([]string{pid}, children...) {
		// A number that nginx has left behind may be another process's.
		if n, err := strconv.Atoi(word); err == nil && n > 1 && isNginx(n) {
			_ = syscall.Kill(n, syscall.SIGKILL)
			for deadline := time.Now().Add(patience); !proc.IsGone(n) && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	_ = os.Remove(filepath.Join(b.dir, "run", "nginx.pid")) // it would name a dead process
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
	if b.daemon != nil {
		b.daemon.Cut()
		return nil
	}
	var words []string
	for _, app := range b.prod {
		out, err := b.docker("container", "ls", "--quiet", "--filter", "label=com.dokku.app-name="+app)
		if err != nil {
			return err
		}
		words = append(words, strings.Fields(out)...)
	}
	if len(words) > 0 {
		_, _ = b.docker(append([]string{"container", "kill"}, words...)...) // one may have ended by itself
	}
	return nil
}
