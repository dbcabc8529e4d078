package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Deploys that find no nginx start it, and several may at once. This nginx takes its time, so that they meet.
func TestNginxIsStartedOnceBySeveral(t *testing.T) {
	b := newBox(t)
	slow := t.TempDir()
	script := "#!/bin/sh\nsleep 0.3\nPATH=${PATH#*:}:/usr/sbin exec nginx \"$@\"\n"
	if err := os.WriteFile(filepath.Join(slow, "nginx"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", slow+":"+os.Getenv("PATH"))
	for range 2 {
		file := filepath.Join(b.dir, "run", "nginx.pid")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		master := strings.TrimSpace(string(data))
		workers, _ := os.ReadFile("/proc/" + master + "/task/" + master + "/children")
		for _, word := range append([]string{master}, strings.Fields(string(workers))...) {
			pid, _ := strconv.Atoi(word)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(file); err != nil { // who starts it may find a process that is dead and not yet waited for
			t.Fatal(err)
		}
		var starts sync.WaitGroup
		for range 3 {
			starts.Go(func() {
				if out, err := exec.Command(b.bin, "start", b.dir).CombinedOutput(); err != nil {
					t.Errorf("a start: %v: %s", err, out)
				}
			})
		}
		starts.Wait()
	}
}
