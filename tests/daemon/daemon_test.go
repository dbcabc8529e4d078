package daemon

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

func TestADaemonLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "daemon")
	d, err := New(dir)
	if err != nil {
		t.Skip("there can be no Docker daemon of the test's own:", err)
	}
	t.Cleanup(d.Remove)
	if _, err := net.InterfaceByName(d.bridge.name); err != nil {
		t.Error(err)
	}
	rule := d.bridge.rule("--check")
	if out, err := exec.Command(rule[0], rule[1:]...).CombinedOutput(); err != nil {
		t.Errorf("the bridge has no rule: %v: %s", err, out)
	}
	for name, end := range map[string]func(){"killed": d.Kill, "cut off": d.Cut} {
		end()
		if pings(d.Path("docker.sock")) == nil {
			t.Errorf("%s, it still answers", name)
		}
		if err := d.Start(); err != nil {
			t.Errorf("%s, it does not start again: %v", name, err)
		}
	}
	pids := []int{d.dockerd.cmd.Process.Pid, d.containerd.cmd.Process.Pid}
	d.Remove()
	for _, pid := range pids {
		if !proc.IsGone(pid) {
			t.Errorf("process %d is left: %s", pid, proc.CommandLine(pid))
		}
	}
	if _, err := net.InterfaceByName(d.bridge.name); err == nil {
		t.Error("the bridge is left")
	}
	if exec.Command(rule[0], rule[1:]...).Run() == nil {
		t.Error("the rule of the bridge is left")
	}
	if left := d.mounts(); len(left) > 0 {
		t.Errorf("mounted: %q", left)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}
