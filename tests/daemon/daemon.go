// Package daemon starts Docker daemons of a test's own: nobody else's containers, addresses and images are there, and it
// can be killed. Only root can have one.
package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// rise is how long a daemon may take to answer, and leftovers to go, on a machine that is busy.
const rise = time.Minute

// Daemon is a Docker daemon with a containerd and a bridge of its own.
type Daemon struct {
	dir        string // the root of all that it has
	driver     string
	bridge     bridge
	containerd *server
	dockerd    *server
}

// New starts a Docker daemon below a folder; an error tells why there can be none.
func New(dir string) (*Daemon, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start one")
	}
	for _, program := range []string{"dockerd", "containerd", "ip", "iptables"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	out, err := exec.Command("docker", "info", "--format", "{{.Driver}}").Output()
	if err != nil {
		return nil, fmt.Errorf("the machine's daemon does not tell its storage driver: %w", err)
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir}
	if d.bridge, err = newBridge(); err != nil {
		return nil, err
	}
	// Either would read the machine's own file, which may contradict the options.
	for name, text := range map[string]string{"bridge": d.bridge.name, "owner": strconv.Itoa(os.Getpid()), "daemon.json": "{}", "containerd.toml": "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"} {
		if err = os.WriteFile(d.Path(name), []byte(text), 0o600); err != nil {
			d.Remove()
			return nil, err
		}
	}
	// overlay2 costs the least; what the machine itself uses works where that does not.
	for _, d.driver = range []string{"overlay2", strings.TrimSpace(string(out)), "vfs"} {
		if err = d.Start(); err == nil {
			return d, nil
		}
		d.end()
	}
	d.Remove()
	return nil, err
}

// Path is a file of the daemon's own: docker.log, containerd.log.
func (d *Daemon) Path(name string) string { return filepath.Join(d.dir, name) }

// Host is the daemon's address, as DOCKER_HOST has it.
func (d *Daemon) Host() string { return "unix://" + d.Path("docker.sock") }

// Start starts what does not run, and waits until it answers. As on a server, containerd is a service of its own.
func (d *Daemon) Start(flags ...string) error {
	var err error
	if d.containerd == nil {
		d.containerd, err = serve(d.Path("containerd.log"), d.Path("containerd.sock"), "containerd", "--config", d.Path("containerd.toml"),
			"--root", d.Path("containerd"), "--state", d.Path("containerd.state"), "--address", d.Path("containerd.sock"))
		if err != nil {
			return err
		}
		if err := d.containerd.await(accepts); err != nil {
			return err
		}
	}
	if d.dockerd == nil {
		// The containers ask each other and this machine: no more of iptables is needed than the bridge's rule.
		words := append([]string{"--config-file", d.Path("daemon.json"), "--containerd", d.Path("containerd.sock"),
			"--data-root", d.Path("lib/docker"), "--exec-root", d.Path("exec"), "--pidfile", d.Path("docker.pid"), "--host", d.Host(),
			"--storage-driver", d.driver, "--bridge", d.bridge.name, "--iptables=false", "--ip-forward=false", "--ip-masq=false"}, flags...)
		if d.dockerd, err = serve(d.Path("docker.log"), d.Path("docker.sock"), "dockerd", words...); err != nil {
			return err
		}
	}
	return d.dockerd.await(pings)
}

// Kill ends dockerd and nothing else, as the kernel does when memory is short.
func (d *Daemon) Kill() {
	d.dockerd.kill()
	d.dockerd = nil
	_ = os.Remove(d.Path("docker.pid")) // its number may be another process's by the time of the next start
}

// Cut ends everything at once, and leaves what a disk keeps of it.
func (d *Daemon) Cut() {
	d.end()
	_ = os.RemoveAll(d.Path("exec")) // on a server both lie in memory
	_ = os.RemoveAll(d.Path("containerd.state"))
}

// end ends whatever runs, none with the time to notice another's end, and takes away what is mounted.
func (d *Daemon) end() {
	pids := append(d.shims(), d.containers()...)
	for _, s := range []*server{d.dockerd, d.containerd} {
		if s != nil {
			pids = append(pids, s.cmd.Process.Pid)
		}
	}
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range pids {
			_ = syscall.Kill(pid, signal)
		}
	}
	d.dockerd.kill()
	d.containerd.kill()
	d.dockerd, d.containerd = nil, nil
	for _, pid := range append(d.shims(), d.containers()...) { // those that came up meanwhile
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = os.Remove(d.Path("docker.pid"))
	for _, place := range d.mounts() {
		_ = syscall.Unmount(place, syscall.MNT_DETACH)
	}
}

// Remove takes away everything that the daemon made.
func (d *Daemon) Remove() {
	if d == nil {
		return
	}
	d.end()
	if d.bridge.name != "" {
		d.bridge.remove()
	}
	_ = os.RemoveAll(d.dir)
}

// shims are containerd's processes that hold a container each.
func (d *Daemon) shims() []int { return proc.With("-address " + d.Path("containerd.sock")) }

// containers are the first processes of the containers; as it is the first of its namespace, none outlives it.
func (d *Daemon) containers() []int {
	files, _ := filepath.Glob(d.Path("containerd.state/io.containerd.runtime.v2.task/moby/*/init.pid"))
	var found []int
	for _, file := range files {
		var pid int
		if _, err := fmt.Sscan(read(file), &pid); err == nil && pid > 1 && proc.InContainer(pid, filepath.Base(filepath.Dir(file))) {
			found = append(found, pid)
		}
	}
	return found
}

// mounts lists what is mounted below the daemon's folder, the innermost first.
func (d *Daemon) mounts() []string {
	var found []string
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], d.dir+"/") {
			found = append([]string{fields[4]}, found...)
		}
	}
	return found
}

func read(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}
