package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// checkLeft finds containers, tags, files, processes and locks that nobody needs any more.
func (c *cycle) checkLeft() {
	b := c.box
	if !endsContainers(c.victim) {
		if gone, added := differ(c.shape, b.shape()); len(gone)+len(added) > 0 {
			c.wrong("the targets' files are not those of a clean deploy: gone %q, new %q", gone, added)
		}
	}
	c.checkContainers()
	for _, app := range b.prod {
		out, _ := b.docker("image", "ls", "--format", "{{.Tag}}", "dokku/"+app)
		if tags := strings.TrimSpace(out); tags != "latest" {
			c.wrong("tags of %s: %q", app, tags)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "lib", "data", "apps", app, ".deploy.lock")); err == nil {
			c.wrong("%s has a deploy lock", app)
		}
	}
	for _, run := range b.runs() {
		c.checkRun(run)
	}
	if closed := names(b.data("closed")); len(closed) > 0 {
		c.wrong("closed marks: %q", closed)
	}
	if _, err := os.Lstat(filepath.Join(b.dir, "lib", "plugins", "enabled", "graduate", "user-auth")); err == nil {
		c.wrong("the user-auth link is left")
	}
	if err := free(b.data("locks", b.group)); err != nil {
		c.wrong("the group's lock: %v", err)
	}
	c.checkProcesses()
	if rooms := names(filepath.Join(b.dir, "lib", "data", "graduate-rooms")); len(rooms) > 0 {
		c.wrong("waiting rooms: %q", rooms)
	}
}

// checkContainers finds containers that are missing or too many: of the targets, and of the runs that had to do with this
// kill.
func (c *cycle) checkContainers() {
	b := c.box
	want := []string{b.prod[0] + ".web.1", b.prod[0] + ".worker.1", b.prod[1] + ".web.1"}
	filters := []string{"label=com.dokku.app-name=" + b.prod[0], "label=com.dokku.app-name=" + b.prod[1]}
	var got []string
	for _, run := range b.runs() {
		if run >= c.run1 && c.run1 != "" {
			filters = append(filters, "label=com.dokku.graduate.run="+run)
		}
	}
	for _, filter := range filters {
		out, err := b.docker("container", "ls", "--all", "--filter", filter, "--format", "{{.Names}}")
		if err != nil {
			c.wrong("%v", err)
		}
		got = append(got, strings.Fields(out)...)
	}
	if gone, added := differ(want, got); len(gone)+len(added) > 0 {
		c.wrong("containers: gone %q, new %q", gone, added)
	}
}

// checkRun finds what a run has left outside of its folder, and more in it than a clean run has.
func (c *cycle) checkRun(run string) {
	// The hold's socket is in /tmp whatever TMPDIR says, the rest is where that says.
	temp := os.TempDir()
	for _, pattern := range []string{"/tmp/graduate-" + run + "*", temp + "/graduate-hook-" + run + "*", temp + "/dokku-graduate-" + run + "*"} {
		if files, _ := filepath.Glob(pattern); len(files) > 0 {
			c.wrong("files: %q", files)
		}
	}
	if _, added := differ(c.runs, names(c.box.data("runs", run))); len(added) > 0 {
		c.wrong("in the run's folder: %q", added)
	}
	if err := free(c.box.data("runs", run, "lock")); err != nil {
		c.wrong("the lock of run %s: %v", run, err)
	}
}

// free tells whether a lock's file is locked by nobody.
func free(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// checkProcesses finds processes that work on; those that retire old containers end by and by.
func (c *cycle) checkProcesses() {
	deadline := time.Now().Add(patience)
	for {
		var left []string
		for _, p := range c.box.processes() {
			if !p.isNginx() {
				left = append(left, fmt.Sprintf("%d %s", p.pid, p.words))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.wrong("processes: %q", left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
