package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// together is how far apart two apps may go live, as the load sees it on a busy machine.
const together = time.Second

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
	if !c.forward && c.victim != power && c.victim != dockerd {
		c.compare(func(line string) bool { return true })
	}
	c.checkLeft()
}

// settle waits until the containers that were replaced are retired, as Dokku's cron would do it by and by.
func (b *box) settle() error {
	queue := filepath.Join(b.dir, "lib", "data", "scheduler-docker-local", "dead-containers")
	for range 60 {
		busy := false
		for _, app := range b.prod {
			out, _ := exec.Command("docker", "container", "ls", "--filter", "label=com.dokku.app-name="+app, "--format", "{{.Names}}").Output()
			for _, name := range strings.Fields(string(out)) {
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
		time.Sleep(500 * time.Millisecond) // the queue's clock has whole seconds
	}
	return errors.New("old containers are not retired after 30 s: " + readFile(queue))
}

// queued tells whether a target still has old containers in a queue.
func (b *box) queued(queue string) bool {
	text := readFile(queue)
	return slices.ContainsFunc(b.prod, func(app string) bool { return strings.Contains(text, app+" ") })
}

// version is the version that an app answers with.
func (b *box) version(app string) string {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", b.port), nil)
	if err != nil {
		return err.Error()
	}
	request.Host, request.Close = app+".sandbox.test", true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return answer.Header.Get("X-Version")
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

// checkLoad judges the answers since the graduation began: none failed, and all apps went live together.
func (c *cycle) checkLoad() {
	if c.victim == power || c.victim == nginx || c.victim == nginxToo || c.victim == dockerd {
		return // what was killed answers nobody
	}
	first := map[string]int64{}
	failed := map[string]int{}
	for _, answer := range c.box.answers(c.started) {
		switch {
		case answer.failed != "":
			failed[answer.app+" "+answer.failed]++
		case answer.version == c.after && first[answer.app] == 0:
			first[answer.app] = answer.done
		}
	}
	// A deploy whose held check is killed fails, and Dokku removes its container: at once, also one that is live.
	if len(failed) > 0 && !(c.late && (c.victim == trigger || c.victim == both)) {
		c.wrong("requests failed: %v", failed)
	}
	if !c.forward && len(first) > 0 {
		c.wrong("%s was live in a graduation that was not released: %v", c.after, first)
	}
	if a, z := first[c.box.prod[0]], first[c.box.prod[1]]; c.forward && time.Duration(max(a-z, z-a)) > together {
		c.wrong("two versions were live for %v", time.Duration(max(a-z, z-a)))
	}
}

// answer is a line of the load generator's file.
type answer struct {
	done         int64
	app, version string
	failed       string
}

// answers waits until every target has answered once more, then lists the answers since a moment.
func (b *box) answers(since int64) []answer {
	now := time.Now()
	for {
		var found []answer
		fresh := map[string]bool{}
		for line := range strings.Lines(tail(filepath.Join(b.dir, "load", "responses.tsv"))) {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) != 6 || !strings.HasSuffix(line, "\n") {
				continue
			}
			done, err := strconv.ParseInt(fields[0], 10, 64)
			if err != nil {
				continue // the columns' names
			}
			a := answer{done: done, app: fields[2], version: fields[4]}
			if code, _ := strconv.Atoi(fields[3]); code < 200 || code >= 400 || fields[5] != "" {
				a.failed = fields[3] + " " + fields[5]
			}
			fresh[a.app] = fresh[a.app] || done > now.UnixNano()
			if done >= since {
				found = append(found, a)
			}
		}
		if len(fresh) == len(b.prod) && !slices.ContainsFunc(b.prod, func(app string) bool { return !fresh[app] }) || time.Since(now) > 30*time.Second {
			return found
		}
		time.Sleep(50 * time.Millisecond) // it writes its file by and by
	}
}

// tail is the last part of a file that only grows: enough for one kill.
func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 2<<20 {
		_, _ = file.Seek(-2<<20, io.SeekEnd)
	}
	data, _ := io.ReadAll(file)
	return string(data)
}

// names lists a folder.
func names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
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

// checkLeft finds containers, tags, files, processes and locks that nobody needs any more.
func (c *cycle) checkLeft() {
	b := c.box
	if c.victim != power && c.victim != dockerd {
		if gone, added := differ(c.shape, b.shape()); len(gone)+len(added) > 0 {
			c.wrong("the targets' files are not those of a clean deploy: gone %q, new %q", gone, added)
		}
	}
	want := []string{b.prod[0] + ".web.1", b.prod[0] + ".worker.1", b.prod[1] + ".web.1"}
	filters := []string{"label=com.dokku.app-name=" + b.prod[0], "label=com.dokku.app-name=" + b.prod[1]}
	var got []string
	for _, run := range b.runs() {
		if run >= c.run1 && c.run1 != "" {
			filters = append(filters, "label=com.dokku.graduate.run="+run)
		}
	}
	for _, filter := range filters {
		out, _ := exec.Command("docker", "container", "ls", "--all", "--filter", filter, "--format", "{{.Names}}").Output()
		got = append(got, strings.Fields(string(out))...)
	}
	if gone, added := differ(want, got); len(gone)+len(added) > 0 {
		c.wrong("containers: gone %q, new %q", gone, added)
	}
	for _, app := range b.prod {
		out, _ := exec.Command("docker", "image", "ls", "--format", "{{.Tag}}", "dokku/"+app).Output()
		if tags := strings.TrimSpace(string(out)); tags != "latest" {
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
}

// checkRun finds what a run has left outside of its folder, and more in it than a clean run has.
func (c *cycle) checkRun(run string) {
	for _, pattern := range []string{"/tmp/graduate-" + run + "*", "/tmp/graduate-hook-" + run + "*", "/tmp/dokku-graduate-" + run + "*"} {
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

// checkProcesses finds processes that work on; those that retire old containers have a second or two to end.
func (c *cycle) checkProcesses() {
	deadline := time.Now().Add(15 * time.Second)
	for {
		var left []string
		for _, p := range c.box.processes() {
			if p.name != "nginx:" && !strings.HasPrefix(p.words, "nginx") && !strings.HasPrefix(p.name, "nginx") {
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
