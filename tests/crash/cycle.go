package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dokku-graduate/dokku-graduate/tests/proc"
)

// cycle is one kill with its recovery.
type cycle struct {
	*job
	box           *box
	moment        moment
	victim, way   string
	before, after string // the versions
	fingerprint   string
	run1          string // the run's id; empty where it has no folder yet
	forward, late bool   // released in the end; released when it was killed
	started       int64  // nanoseconds
	output        strings.Builder
	found         []string
}

func (c *cycle) wrong(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *cycle) run() error {
	b := c.box
	if err := b.settle(); err != nil {
		return err
	}
	from, version := b.source()
	c.before, c.after = map[string]string{"v1": "v2", "v2": "v1"}[version], version
	c.fingerprint, c.started = b.fingerprint(), time.Now().UnixNano()
	kind := ""
	if c.moment.aborts {
		kind = "post"
	}
	if err := b.fail(kind); err != nil {
		return err
	}
	log := filepath.Join(b.dir, "seen")
	forget(log)
	known := b.runs()
	ended := make(chan int, 1)
	go func() {
		code, out := b.attempt([]string{"GRADUATE_FAILPOINT=stop:" + c.moment.name, "GRADUATE_FAILPOINT_SEEN=" + log}, b.graduation(from)...)
		c.output.WriteString(out)
		ended <- code
	}()
	hit, code := awaitHit(log, ended)
	if now := b.runs(); len(now) > len(known) {
		c.run1 = now[len(now)-1]
	}
	if hit == 0 {
		c.total.missed.Add(1)
		c.victim, c.way = nobody, byNobody
	} else {
		c.total.kills.Add(1)
		c.late = released(b.journal(c.run1))
		victim, err := b.strike(c.victim, c.moment, hit, c.run1)
		if c.victim = victim; err != nil {
			c.wrong("%v", err)
		}
		code = <-ended
	}
	if code == -2 {
		c.wrong("the graduation hangs")
	}
	c.recover()
	c.check()
	if b.ctx.Err() != nil { // what was cut off by a signal says nothing
		return context.Cause(b.ctx)
	}
	c.say()
	return nil
}

// awaitHit waits until a process is stopped at the moment, or the graduation has ended without coming to it.
func awaitHit(log string, ended chan int) (hit, code int) {
	for {
		select {
		case code := <-ended:
			return 0, code
		case <-time.After(10 * time.Millisecond):
		}
		pid, err := strconv.Atoi(strings.TrimSpace(readFile(log + ".hit")))
		if err == nil && (proc.IsStopped(pid) || syscall.Kill(pid, 0) != nil) {
			return pid, 0
		}
	}
}

func forget(log string) {
	_ = os.Remove(log)
	_ = os.Remove(log + ".hit")
}
