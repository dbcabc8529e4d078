package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// rise is how long a daemon may take to answer, and leftovers to go, on a machine that is busy.
const rise = time.Minute

// daemon is a Docker daemon of a sandbox's own: it can be killed, and nobody else's container notices.
type daemon struct {
	dir        string // the root of all that it has
	driver     string
	bridge     bridge
	containerd *server
	dockerd    *server
}

// server is a program that runs until it is told to end.
type server struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	socket string
}

// newDaemon starts a Docker daemon below a folder; an error tells why there can be none.
func newDaemon(dir string) (*daemon, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start one")
	}
	for _, program := range []string{"dockerd", "containerd", "ip"} {
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
	d := &daemon{dir: dir}
	if d.bridge, err = newBridge(); err != nil {
		return nil, err
	}
	// Either would read the machine's own file, which may contradict the options.
	for name, text := range map[string]string{"bridge": d.bridge.name, "daemon.json": "{}", "containerd.toml": "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"} {
		if err = os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
			d.remove()
			return nil, err
		}
	}
	// overlay2 costs the least; what the machine itself uses works where that does not.
	for _, d.driver = range []string{"overlay2", strings.TrimSpace(string(out)), "vfs"} {
		if err = d.start(); err == nil {
			return d, nil
		}
		d.end()
	}
	d.remove()
	return nil, err
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

// host is the daemon's address, as DOCKER_HOST has it.
func (d *daemon) host() string { return "unix://" + d.path("docker.sock") }

// start starts what does not run, and waits until it answers. As on a server, containerd is a service of its own.
func (d *daemon) start(flags ...string) error {
	var err error
	if d.containerd == nil {
		d.containerd, err = serve(d.path("containerd.log"), d.path("containerd.sock"), "containerd", "--config", d.path("containerd.toml"),
			"--root", d.path("containerd"), "--state", d.path("containerd.state"), "--address", d.path("containerd.sock"))
		if err != nil {
			return err
		}
		if err := d.containerd.await(accepts); err != nil {
			return err
		}
	}
	if d.dockerd == nil {
		// Nothing from outside asks the containers, and they ask nobody: no rule of iptables is needed.
		words := append([]string{"--config-file", d.path("daemon.json"), "--containerd", d.path("containerd.sock"),
			"--data-root", d.path("data"), "--exec-root", d.path("exec"), "--pidfile", d.path("docker.pid"), "--host", d.host(),
			"--storage-driver", d.driver, "--bridge", d.bridge.name, "--iptables=false", "--ip-forward=false", "--ip-masq=false"}, flags...)
		if d.dockerd, err = serve(d.path("docker.log"), d.path("docker.sock"), "dockerd", words...); err != nil {
			return err
		}
	}
	return d.dockerd.await(pings)
}

// serve starts a program whose output goes to a file.
func serve(log, socket string, name string, words ...string) (*server, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s := &server{cmd: exec.Command(name, words...), ended: make(chan struct{}), socket: socket}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C is not for it
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// await waits until the server answers.
func (s *server) await(answers func(socket string) error) error {
	deadline := time.After(rise)
	for {
		err := answers(s.socket)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended: %s", s.cmd.Args[0], lastLine(tail(s.log())))
		case <-deadline:
			return fmt.Errorf("%s does not answer within %v: %w", s.cmd.Args[0], rise, err)
		case <-time.After(20 * time.Millisecond): // a socket that does not exist yet tells nobody when it does
		}
	}
}

func (s *server) log() string { return strings.TrimSuffix(s.socket, ".sock") + ".log" }

// accepts tells whether somebody listens.
func accepts(socket string) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	return connection.Close()
}

// pings tells whether a Docker daemon has loaded all containers and answers.
func pings(socket string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := client.Get("http://docker/_ping")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// kill ends a server, and waits until it is gone.
func (s *server) kill() {
	if s != nil {
		_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.ended
	}
}

// kill ends dockerd and nothing else, as the kernel does when memory is short.
func (d *daemon) kill() {
	d.dockerd.kill()
	d.dockerd = nil
	_ = os.Remove(d.path("docker.pid")) // its number may be another process's by the time of the next start
}

// cut ends everything at once, and leaves what a disk keeps of it.
func (d *daemon) cut() {
	d.end()
	_ = os.RemoveAll(d.path("exec")) // on a server both lie in memory
	_ = os.RemoveAll(d.path("containerd.state"))
}

// end ends whatever runs, none with the time to notice another's end, and takes away what is mounted.
func (d *daemon) end() {
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
	_ = os.Remove(d.path("docker.pid"))
	for _, place := range d.mounts() {
		_ = syscall.Unmount(place, syscall.MNT_DETACH)
	}
}

// remove takes away everything that the daemon made.
func (d *daemon) remove() {
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
func (d *daemon) shims() []int { return pidsOf("-address " + d.path("containerd.sock")) }

// containers are the first processes of the containers; as it is the first of its namespace, none outlives it.
func (d *daemon) containers() []int {
	files, _ := filepath.Glob(d.path("containerd.state/io.containerd.runtime.v2.task/moby/*/init.pid"))
	var found []int
	for _, file := range files {
		var pid int
		if _, err := fmt.Sscan(readFile(file), &pid); err == nil && pid > 1 && inContainer(pid, filepath.Base(filepath.Dir(file))) {
			found = append(found, pid)
		}
	}
	return found
}

// mounts lists what is mounted below the daemon's folder, the innermost first.
func (d *daemon) mounts() []string {
	var found []string
	for line := range strings.Lines(readFile("/proc/self/mountinfo")) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], d.dir+"/") {
			found = append([]string{fields[4]}, found...)
		}
	}
	return found
}
