package dokku

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// nginxArgs are what makes a real nginx the sandbox's.
func (l Layout) nginxArgs() []string {
	return []string{"-p", l.Nginx() + "/", "-c", filepath.Join(l.Nginx(), "nginx.conf"),
		"-e", filepath.Join(l.Log(), "nginx", "error.log")}
}

// NginxBinary finds the machine's nginx, past the sandbox's own stand-in.
func (l Layout) NginxBinary() (string, error) {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin")
	for _, dir := range dirs {
		if dir == l.Bin() {
			continue
		}
		file := filepath.Join(dir, "nginx")
		target, err := filepath.EvalSymlinks(file)
		if err != nil || filepath.Base(target) == "graduate-sandbox" {
			continue
		}
		if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New("nginx is not installed")
}

// Nginx is the stand-in for `nginx`: the real one with the sandbox's settings.
func Nginx(p *Proc, args []string) error {
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return p.fail("%v", err)
	}
	return p.run(binary, append(p.Layout.nginxArgs(), args...)...)
}

// WriteNginx writes the main configuration.
func (l Layout) WriteNginx(settings Settings) error {
	for _, dir := range []string{l.Nginx(), filepath.Join(l.Log(), "nginx")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	text, err := mainConfig(l, settings)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.Nginx(), "nginx.conf"), []byte(text), 0o644)
}

func (l Layout) nginxPid() int {
	pid, _ := strconv.Atoi(firstLine(filepath.Join(l.Run(), "nginx.pid")))
	if pid > 0 && syscall.Kill(pid, 0) == nil {
		return pid
	}
	return 0
}

// StartNginx starts nginx if it does not run. As with systemd one start is under way at a time: of two that meet, each by a
// reload that finds no nginx, one would not get the port.
func (p *Proc) StartNginx() error {
	lock := flock.New(filepath.Join(p.Layout.Run(), "nginx.lock"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if p.Layout.nginxPid() != 0 {
		return nil
	}
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return p.fail("%v", err)
	}
	// Its workers live on, so they must not hold on to our streams.
	cmd := exec.Command(binary, p.Layout.nginxArgs()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		return p.fail("nginx does not start, see %s: %v", filepath.Join(p.Layout.Log(), "nginx", "error.log"), err)
	}
	// The daemon writes its PID when the process that was started here has ended already.
	for deadline := time.Now().Add(startTime); p.Layout.nginxPid() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return p.fail("nginx has no PID %v after its start, see %s", startTime, filepath.Join(p.Layout.Log(), "nginx", "error.log"))
		}
	}
	return nil
}

// startTime bounds how long nginx may take from its start until it says its PID.
const startTime = 20 * time.Second

// StopNginx stops nginx and waits until it is gone.
func (p *Proc) StopNginx() error {
	pid := p.Layout.nginxPid()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	for range 100 {
		if syscall.Kill(pid, 0) != nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// reloadNginx lets nginx read its files again, or starts it. It returns when no worker with the old files takes a
// connection any more: a real Dokku needs seconds from its reload to the end of a deploy, the sandbox milliseconds.
func (p *Proc) reloadNginx() error {
	pid := p.Layout.nginxPid()
	if pid == 0 {
		return p.StartNginx()
	}
	old := nginxWorkers(pid)
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		return err
	}
	for range 200 { // nginx stays with its old files where the new ones are broken
		if !slices.ContainsFunc(nginxWorkers(pid), func(worker string) bool { return slices.Contains(old, worker) }) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// nginxWorkers lists the processes of nginx that take connections.
func nginxWorkers(master int) []string {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
	return slices.DeleteFunc(strings.Fields(string(children)), func(pid string) bool {
		title, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		return err != nil || !strings.Contains(string(title), "worker process") || strings.Contains(string(title), "shutting down")
	})
}

// testNginx tests the configuration of all apps together.
func (p *Proc) testNginx() (string, error) {
	binary, err := p.Layout.NginxBinary()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(binary, append(p.Layout.nginxArgs(), "-t")...).CombinedOutput()
	return string(out), err
}

// validateNginx tests the whole configuration. If it is broken, it looks for the
// apps that break it and shows theirs; --clean moves those out of the way.
func (p *Proc) validateNginx(flag string) error {
	out, err := p.testNginx()
	if err == nil {
		return nil
	}
	for _, app := range p.apps() {
		file := filepath.Join(p.Layout.App(app), "nginx.conf")
		data, readErr := os.ReadFile(file)
		if readErr != nil || !strings.Contains(out, p.Layout.App(app)+"/") {
			continue
		}
		p.warn("Failed to validate nginx config for %s. Contents below...", app)
		_, _ = p.Out.Write(data)
		if flag == "--clean" {
			p.warn("Removing invalid nginx file: %s", file)
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	if out, err = p.testNginx(); err == nil {
		return nil
	}
	_, _ = fmt.Fprint(p.Err, out)
	return Exit{1}
}

// nginxControl is what the shell library calls.
func nginxControl(p *Proc, args []string) error {
	switch arg(args, 0) {
	case "reload":
		return p.reloadNginx()
	case "start":
		return p.StartNginx()
	case "stop":
		return p.StopNginx()
	case "restart":
		if err := p.StopNginx(); err != nil {
			return err
		}
		return p.StartNginx()
	case "validate":
		return p.validateNginx(arg(args, 1))
	case "location":
		binary, err := p.Layout.NginxBinary()
		p.print(binary)
		return err
	}
	return p.fail("nginx: unknown command %s", arg(args, 0))
}
