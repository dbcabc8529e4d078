package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// check looks at everything that a recovery must have put right.
func (c *cycle) check() {
	b := c.box
	records := b.journal(c.run1)
	c.forward = released(records)
	want, version := "aborted", c.before
	if c.forward {
		want, version = "live", c.after
	}
	if len(records) > 0 && outcome(records) != want { // a run without its first record has touched nothing
		c.wrong("the outcome is %q, it should be %q", outcome(records), want)
	}
	for _, app := range b.prod {
		for range 5 {
			if got := b.version(app); got != version {
				c.wrong("%s answers with %s, it should be %s", app, got, version)
				break
			}
		}
	}
	c.checkLoad()
	if err := b.settle(); err != nil {
		c.wrong("the targets do not settle: %v", err)
	}
	if !c.forward && !endsContainers(c.victim) {
		c.compare(func(line string) bool { return true })
	}
	c.checkLeft()
}

// settle waits until the containers that were replaced are retired, as Dokku's cron would do it by and by.
func (b *box) settle() error {
	queue := filepath.Join(b.dir, "lib", "data", "scheduler-docker-local", "dead-containers")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		busy := false
		for _, app := range b.prod {
			out, err := b.docker("container", "ls", "--filter", "label=com.dokku.app-name="+app, "--format", "{{.Names}}")
			if err != nil {
				return err
			}
			for _, name := range strings.Fields(out) {
				busy = busy || strings.Count(strings.TrimPrefix(name, app), ".") > 2 && !strings.Contains(name, "upcoming")
			}
			if strings.Contains(readFile(queue), app+" ") {
				busy = true
				if err := b.dokku("ps:retire", app); err != nil {
					return err
				}
			}
		}
		if !busy && !b.queued(queue) {
			return nil
		}
		time.Sleep(200 * time.Millisecond) // nobody tells when a container is due
	}
	return fmt.Errorf("old containers are not retired after %v: %s", patience, readFile(queue))
}

// queued tells whether a target still has old containers in a queue.
func (b *box) queued(queue string) bool {
	text := readFile(queue)
	return slices.ContainsFunc(b.prod, func(app string) bool { return strings.Contains(text, app+" ") })
}

// fingerprint is all state of the targets.
func (b *box) fingerprint() string {
	cmd := exec.Command("tests/fingerprint", b.prod...)
	cmd.Env = b.env
	out, err := cmd.Output()
	return fmt.Sprintf("%s%v\n", out, err)
}

// withoutContainers leaves out what a power cut changes by itself.
func withoutContainers(line string) bool { return !strings.HasPrefix(line, "/") }

// compare finds what differs from before the graduation.
func (c *cycle) compare(counts func(line string) bool) {
	lines := func(text string) []string {
		return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !counts(line) })
	}
	if gone, added := differ(lines(c.fingerprint), lines(c.box.fingerprint())); len(gone)+len(added) > 0 {
		c.wrong("the fingerprint differs: gone %q, new %q", gone, added)
	}
}

// differ tells which lines are only in the one and only in the other.
func differ(before, after []string) (gone, added []string) {
	for _, line := range before {
		if !slices.Contains(after, line) {
			gone = append(gone, line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			added = append(added, line)
		}
	}
	return gone, added
}

// shape lists the paths of everything that belongs to the targets.
func (b *box) shape() []string {
	var found []string
	for _, app := range b.prod {
		for _, pattern := range []string{"home/" + app, "lib/data/*/" + app, "lib/data/*/app-" + app, "lib/config/*/" + app} {
			places, _ := filepath.Glob(filepath.Join(b.dir, pattern))
			for _, place := range places {
				_ = filepath.WalkDir(place, func(path string, entry os.DirEntry, err error) error {
					name, _ := filepath.Rel(b.dir, path)
					if err == nil && !entry.IsDir() && !strings.Contains(name, "/objects/") && !strings.Contains(name, "/builds/") && !strings.Contains(name, "/logs/") {
						found = append(found, name)
					}
					return nil
				})
			}
		}
	}
	return found
}
