package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// together is how long the old version may still answer after the new one was seen: nginx's old workers end by and by.
const together = time.Second

// span is a time in which requests may fail, in nanoseconds: who answers them was killed.
type span struct{ from, to int64 }

// answer is a line of the load generator's file.
type answer struct {
	done, sent   int64
	app, version string
	failed       string
}

// excused tells whether a request was under way while one could not be answered. A request belongs to the time from
// when it was sent: one that hung since an earlier kill says nothing against a later one.
func (a answer) excused(spans []span) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return a.sent <= s.to && a.done >= s.from })
}

// excuses tells whether requests may fail after this kill.
func (c *cycle) excuses() bool {
	if endsContainers(c.victim) || isOneOf(c.victim, nginx, nginxToo) {
		return true // what was killed answers nobody
	}
	// Where the coordinator is killed with the held check, nobody keeps Dokku from removing a container that is live.
	return c.late && c.victim == both
}

// checkLoad judges the answers: none failed, whichever graduation it was sent in, and all apps went live together.
func (c *cycle) checkLoad() {
	b := c.box
	answers := b.answers()
	if c.excuses() {
		b.spans = append(b.spans, span{c.started, time.Now().UnixNano()})
	}
	failed := map[string]int{}
	for _, a := range answers {
		switch {
		case a.failed == "" || a.excused(b.spans):
		case a.sent < c.started:
			failed["(sent before this graduation) "+a.app+" "+a.failed]++
		default:
			failed[a.app+" "+a.failed]++
		}
	}
	if len(failed) > 0 {
		c.wrong("requests failed: %v", failed)
	}
	if !c.excuses() {
		c.checkVersions(slices.DeleteFunc(answers, func(a answer) bool { return a.failed != "" || a.sent < c.started }))
	}
}

// checkVersions finds answers of the new version that never went live, and of the old one after that.
func (c *cycle) checkVersions(answers []answer) {
	var live int64 // when the first app was
	for _, a := range answers {
		if a.version == c.after && (live == 0 || a.done < live) {
			live = a.done
		}
	}
	late := map[string]time.Duration{}
	for _, a := range answers {
		if after := time.Duration(a.sent - live); live > 0 && a.version == c.before && after > together {
			late[a.app] = max(late[a.app], after)
		}
	}
	switch {
	case !c.forward && live > 0:
		c.wrong("%s was live in a graduation that was not released", c.after)
	case c.forward && len(late) > 0:
		c.wrong("%s still answered requests that were sent so long after %s was live: %v", c.before, c.after, late)
	}
}

// answers waits until every target has answered once more, then lists the answers that nobody has looked at before.
func (b *box) answers() []answer {
	now := time.Now()
	var found []answer
	fresh := map[string]bool{}
	for len(fresh) < len(b.prod) && time.Since(now) < patience {
		time.Sleep(50 * time.Millisecond) // it writes its file by and by
		for _, a := range b.unread() {
			found = append(found, a)
			if a.sent > now.UnixNano() {
				fresh[a.app] = true
			}
		}
	}
	return found
}

// unread lists the load generator's answers from where it was read last.
func (b *box) unread() []answer {
	file, err := os.Open(b.responses())
	if err != nil {
		return nil
	}
	defer file.Close()
	if _, err := file.Seek(b.read, io.SeekStart); err != nil {
		return nil
	}
	data, _ := io.ReadAll(file)
	var found []answer
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		b.read += int64(len(line))
		if a, ok := parseAnswer(strings.TrimSuffix(line, "\n")); ok {
			found = append(found, a)
		}
	}
	return found
}

func (b *box) responses() string { return filepath.Join(b.dir, "load", "responses.tsv") }

// parseAnswer reads a line; the first one has the columns' names.
func parseAnswer(line string) (answer, bool) {
	fields := strings.Split(line, "\t")
	if len(fields) != 6 {
		return answer{}, false
	}
	done, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return answer{}, false
	}
	sent, err := strconv.ParseInt(fields[1], 10, 64)
	a := answer{done: done, sent: sent, app: fields[2], version: fields[4]}
	if code, _ := strconv.Atoi(fields[3]); code < 200 || code >= 400 || fields[5] != "" {
		a.failed = fields[3] + " " + fields[5]
	}
	return a, err == nil
}

// version is the version that an app answers with.
func (b *box) version(app string) string {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", b.port), nil)
	if err != nil {
		return err.Error()
	}
	request.Host, request.Close = app+".sandbox.test", true
	client := http.Client{Timeout: patience}
	answer, err := client.Do(request)
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
